"""What the files of each source of motion capture do not say themselves, and so has to be known."""

from __future__ import annotations

from dataclasses import dataclass, field

HELD_OUT_PEOPLE = ("14", "55", "86", "131", "140")
"""CMU subjects that are never trained on: laughing and many everyday acts, a dance with whirls, jumps, kicks, punches
and sitting, Michael Jackson's steps, getting up from the floor (which no other of them does). Evaluation uses all their trials that are read. ``niki mocap`` shows that no unnamed
clip is a copy of one of these. Subjects 27 and 29 do have such copies and are therefore in the training set.
Subject 14 has one, and an unnamed clip of washing windows is probably the same person's: both are held out."""
SAME_PERSON = {"17": "16"}
"""CMU subjects who may be one person (their limbs agree within 12 mm) count as one, so that no split parts them."""


@dataclass(frozen=True)
class Source:
    """Facts about the files of one source.

    Attributes:
        cut: frames at the start of each clip that are not motion: an inserted T-pose and what is blended with it.
        cuts: the same for single clips, by name; they count instead of ``cut``.
        unit: metres per unit, where the length of the legs cannot tell; for .bvh files.
        skeleton: the .asf file (its stem) that all clips use because their own are not known. The axes of
            CMU's skeletons are all the same, so rotations are right and only bone lengths are another's.
        zero_pose: a file in the archive, JSON of joint -> {"asf": name, "Q": 3 x 3}: a joint's world rotation,
            times Q on the right, is that of CMU's bone of that name.
        spoilt: by clip, (first, end) of frames of the file, after the cut, in which the body is torn apart.
        rolled: by clip, the foot that its marker solution rolled by half a turn about its own long axis. The foot's
            direction is right, so the half-turn can be taken back.
        own_lengths: whether the bone lengths are the recorded person's.
        person: whom clips without a CMU number show; empty where nobody knows.
        people: the same for single clips, by name.
        left_out: clips, by name, and why they are not read.
    """

    cut: int = 0
    cuts: dict[str, int] = field(default_factory=dict)
    unit: float | None = None
    skeleton: str = ""
    zero_pose: str = ""
    spoilt: dict[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    rolled: dict[str, str] = field(default_factory=dict)
    own_lengths: bool = True
    person: str = ""
    people: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def frames_to_cut(self, clip: str) -> int:
        """Frames at the start of the clip that are not motion."""
        return self.cuts.get(clip, self.cut)


SOURCES = {
    "cyun9601_cmu": Source(left_out={"01_12": "its left ankle flips by 180 degrees"}),
    "francisco_cmu": Source(cut=1),
    "chaneyddtt_cmu": Source(
        cut=1, own_lengths=False, people={"directing_traffic_4": "14", "washwindow_1": "14"}
    ),
    "gpmat_bvh_hist": Source(own_lengths=False),
    "keijiro_cmu": Source(own_lengths=False),
    # The body is thrown by 0.8 m between two frames.
    "maxxgx_cmu": Source(
        cuts={"09_10": 4, "16_23": 3, "16_28": 6},
        left_out={
            "127_32": "its head is turned by 140 to 175 degrees throughout",
            "14_24": "the same recording as directing_traffic_4",
        },
    ),
    "ethanngam_cmu": Source(own_lengths=False),
    "papagina_cmu": Source(
        own_lengths=False,
        spoilt={
            "60_09": ((187, 192),),
            "60_15": ((358, 365),),
            "94_dance07": (
                *((50, 59), (79, 88), (172, 182), (202, 211), (254, 258), (283, 286)),
                *((311, 316), (405, 413), (434, 443), (479, 482)),
            ),
        },
    ),
    "arpspoof_cmu": Source(own_lengths=False),
    "przestr_cmu": Source(cut=12, zero_pose="daz_to_asf_rotations.json", own_lengths=False),
    "rfc_cmu": Source(skeleton="01", own_lengths=False, rolled={"88_01": "lfoot", "90_11": "rfoot"}),
    "ammarkov_cmu": Source(cut=1, unit=0.1 * 0.0254 / 0.45),
    "animateddrawings_mit": Source(own_lengths=False, person="animateddrawings"),
    "freemotionpack_cc0": Source(own_lengths=False, person="freemotionpack"),
    "mesh2motion_cc0": Source(own_lengths=False, person="mesh2motion"),
}
"""Sources that are not here need nothing."""


def source_named(name: str) -> Source:
    """The facts about a source; those of :class:`Source` where none are known."""
    return SOURCES.get(name, _PLAIN)


def person_of(clip: str, source: str, name: str = "") -> str:
    """Who is seen in a clip: its CMU subject, or whom the source's clips show where ``clip``, its CMU number, is
    empty. ``name`` is the clip's in the source."""
    subject = clip.split("_")[0]
    facts = source_named(source)
    return SAME_PERSON.get(subject, subject) or facts.people.get(name, facts.person)


_PLAIN = Source()
