"""Nothing of the user's is touched unasked. Each operation is done in files made up from seeds, everything in the
file is compared before and after, and only what the operation promises may differ.

What each may change is written beside it, as patterns of paths (``snapshot.unexpected``). That Blender's own undo,
frame changes and opening change nothing of what is compared is tested first, so that what is found is ours. Undo does
not take back how 3D views look at the scene, nor which scene a window shows.
"""

import itertools
import re
import time

import numpy as np
import pytest
import user_scene
from conftest import some_motion
from snapshot import compare, report, snapshot, unexpected
from user_scene import ACTION, DRIVEN, FILM, LOCKED, OTHER_SCENE, RIG, SCENE, TWIN

bpy = pytest.importorskip("bpy", reason="bpy is not installed here")

from registered import data_folder  # noqa: F401 (fixtures)

from niki.body.skeleton import BONES, JOINTS
from niki.review.blender_process import blender_module

chosen, pulling, registration, sampling = (
    blender_module(n) for n in ("settings.chosen", "pose.pulling", "registration", "rig.sampling")
)
SEEDS = (1, 2, 3) if bpy.app.version[:2] == (4, 5) else (1,)  # one Blender tries them all
UNDO_SEEDS = SEEDS[:1]
_made: dict = {}

# --- what may differ ------------------------------------------------------------------------------------------

_HERE = rf'scenes\["{SCENE}"\]'
_LAYER = rf"{_HERE}\.view_layers\[[^\]]*\]"
_HERO = rf'objects\["{RIG}"\]'
_THEIRS = '"(motion|Body|NIKI Targets)"'
"""Collections of the user's that have names of ours. (One called sample is the active one.)"""
_FREE_BONES = "|".join(name for name in BONES if name != LOCKED)

SELECTION = [rf"{_LAYER}\.(selected|active)"]
NEW_OBJECTS = [
    r"+(objects|armatures|meshes|materials|collections)\[[^\]]*\]",
    rf"+({_HERE}\.collection|collections\[(?!{_THEIRS})[^\]]*\])\.(objects|children)\[[^\]]*\]",
    rf"+{_LAYER}\.layer_collection.*",
    r'materials\["NIKI Clay[^"]*"\]\.users',  # bodies of ours may share one
    *SELECTION,
]
NEW_CAPTURE = [
    *NEW_OBJECTS,
    r"+(actions|cameras|movieclips)\[[^\]]*\]",
    r"screens\[.*\]\.region_3d\..*",  # the view may be framed on what came
    r"objects\[[^\]]*\]\.mode",
]
HERO_TURNS, BAKED_TURNS = (
    [
        rf"{_HERO}\.pose\.bones\[({bones})\]\.rotation_(quaternion|euler|axis_angle)",
        rf"{_HERO}\.pose\.bones\[Pelvis\]\.location",
    ]
    for bones in (_FREE_BONES, r"\w+")  # a bake writes down how locked bones are turned, too
)
KEYED_CONFIDENCE = [rf'{_HERO}\.pose\.bones\[\w+\]\["confidence"\](\.ui)?']
DENSE_KEYS = [rf"{_HERO}\.animation_data\.nla_tracks\[.* dense\]", r'+actions\["?[^\]]* dense"?\]']
HERO_HAS_ANOTHER_ACTION = [
    r"+actions\[[^\]]*\]",
    rf"{_HERO}\.animation_data\.(action|action_slot|action_slot_handle|last_slot_identifier|action_suitable_slots)",
    rf'actions\["{ACTION}"\]\.(users|use_fake_user)',
]


def allow(*groups):
    return [pattern for group in groups for pattern in group]


# --- the file, and comparing ----------------------------------------------------------------------------------


class Timers:
    """Stands in for Blender's timers, which need a window: what is registered here is called by :meth:`run`."""

    def __init__(self, monkeypatch):
        self._running = []
        monkeypatch.setattr(bpy.app.timers, "register", self._register)
        monkeypatch.setattr(bpy.app.timers, "unregister", self._running.remove)
        monkeypatch.setattr(bpy.app.timers, "is_registered", self._running.__contains__)

    def _register(self, function, *, first_interval=0, persistent=False):
        self._running.append(function)

    def run(self, until, limit=120):
        started = time.monotonic()
        while not until():
            assert self._running, "no timer runs any more, and what was waited for has not come"
            assert time.monotonic() - started < limit
            for function in list(self._running):
                if function() is None and function in self._running:
                    self._running.remove(function)
            time.sleep(0.02)


@pytest.fixture(autouse=True)
def timers(data_folder, monkeypatch):  # noqa: F811
    """The extension registered; its data in a folder of the test's."""
    fake = Timers(monkeypatch)
    registration.register()
    yield fake
    registration.unregister()
    bpy.ops.wm.read_factory_settings(use_empty=True)


@pytest.fixture(params=SEEDS)
def file(request, tmp_path_factory):
    """A user's file, made once for each seed and opened anew for each test; its path."""
    return opened(request.param, tmp_path_factory)


@pytest.fixture(params=UNDO_SEEDS)
def one_file(request, tmp_path_factory):
    return opened(request.param, tmp_path_factory)


def opened(seed, tmp_path_factory):
    if seed not in _made:
        _made[seed] = user_scene.make(tmp_path_factory.mktemp("user"), seed)
    bpy.ops.wm.open_mainfile(filepath=str(_made[seed]))
    return _made[seed]


def hero():
    return bpy.data.objects[RIG]


def pose_mode():
    bpy.context.view_layer.objects.active = hero()
    if bpy.context.mode != "POSE":
        bpy.ops.object.mode_set(mode="POSE")


def check(before, allowed=(), tolerance=0.0, but=lambda change: False):
    """Nothing but ``allowed`` differs from ``before``."""
    wrong = [c for c in unexpected(compare(before, snapshot(), tolerance), list(allowed)) if not but(c)]
    assert not wrong, f"{len(wrong)} things of the user's were changed unasked:\n{report(wrong)}"


def undone(before, act):
    """Do it as one undo step, undo it: the file is as before."""
    bpy.ops.ed.undo_push(message="before")
    before = snapshot() if before is None else before
    act()
    bpy.ops.ed.undo_push(message="after")
    bpy.ops.ed.undo()
    check(before, [r"screens\[.*\]\.region_3d\..*"])  # Blender does not undo views


def pulled(joint="left_wrist", by=(0.1, 0.1, 0.15)):
    pull = pulling.Pull(hero())
    pull.move_joints({joint: pull.start_positions()[JOINTS.index(joint)] + by})
    return pull


def curves_in(block: dict, rig) -> dict:
    """What a snapshot of an action says of the curves that move ``rig``: by curve and path in it."""
    slot = rig.animation_data.action_slot.identifier if user_scene.SLOTTED else ""
    found = {}
    for path, value in block.items():
        place, _, rest = path.partition("fcurves[")
        if rest and (not slot or f"[{slot}]" in place or not place):
            found[f"fcurves[{rest}"] = value
    return found


def action_changes(before: dict, was: str, rig) -> list:
    """How the action that ``rig`` has now differs from the one called ``was`` in the snapshot ``before``."""
    now = snapshot()[f'actions["{rig.animation_data.action.name}"]']
    old, new = curves_in(before[f'actions["{was}"]'], rig), curves_in(now, rig)
    assert old, "the action of the file has no curves"
    return compare({"action": old}, {"action": new}, 1e-5)


def only_keys_between(first, last, bones=_FREE_BONES):
    """Whether a change of an action is one of a key of a bone's turn, or of the hips' place, in these frames. A bone
    that no key turned may have been given curves."""
    curve = rf'action\.fcurves\[(pose\.bones\["({bones})"\]\.rotation_\w+ \d|pose\.bones\["Pelvis"\]\.location \d)\]'

    def fits(change):
        found = re.fullmatch(curve + r"(\.keyframe_points\[([-\d.e+]+)\].*)?", change.path)
        if found and found.group(4):
            return first <= float(found.group(4)) <= last
        return bool(found) and change.made and found.group(2) == DRIVEN

    return fits


def set_by_neighbours(before, was, rig, first=None, last=None):
    """Whether a change is of a handle that is not free: Blender works it out from the keys beside it. Or, where a
    stretch is given, of a handle of the key on either side of it, as far as the curve's shape is kept outside
    (:func:`check_shape`)."""
    block = curves_in(before[f'actions["{was}"]'], rig)
    borders, ends = {}, {}
    for path in block:
        curve, _, frame = path.rpartition(".keyframe_points[")
        if curve and first is not None:
            at = float(frame.removesuffix("]"))
            low, high = borders.get(curve, (-np.inf, np.inf))
            borders[curve] = (max(low, at) if at < first else low, min(high, at) if at > last else high)
            low, high = ends.get(curve, (at, at))
            ends[curve] = (min(low, at), max(high, at))

    def fits(change):
        found = re.fullmatch(
            r"action\.(.*)\.keyframe_points\[([-\d.e+]+)\]\.(handle_\w+|interpolation)", change.path
        )
        if not found:
            return False
        curve, frame, member = found.groups()
        key = block.get(f"{curve}.keyframe_points[{frame}]")
        if key is None:
            return False
        bordering = ROTATION.match(curve) and float(frame) in borders.get(curve, ())
        if member == "interpolation":  # of an end key, which says how the curve goes on beyond it
            return bordering and float(frame) in ends[curve]
        return bordering or (member in ("handle_left", "handle_right") and key[f"{member}_type"] != _FREE)

    return fits


def eased_segments(before, was, rig, first, last):
    """Whether a change is of a segment that overlaps the stretch and is neither linear, constant nor Bezier: no part
    of a bounce is one, so the rest of it becomes keys at whole frames, of the same values (:func:`check_shape`)."""
    keys = {}
    for path, key in curves_in(before[f'actions["{was}"]'], rig).items():
        curve, _, frame = path.rpartition(".keyframe_points[")
        if curve:
            keys.setdefault(curve, []).append((float(frame.removesuffix("]")), key["interpolation"]))
    eased = {}
    for curve, places in keys.items():
        for (start, kind), (end, _) in itertools.pairwise(sorted(places)):
            if kind not in _PLAIN and start < last and end > first:
                eased.setdefault(curve, []).append((start, end))

    def fits(change):
        found = re.fullmatch(r"action\.(.*)\.keyframe_points\[([-\d.e+]+)\](\.interpolation)?", change.path)
        if not found or not ROTATION.match(found.group(1)):
            return False
        frame, rest = float(found.group(2)), found.group(3)
        return any(
            frame == start if rest else change.made and start < frame < end
            for start, end in eased.get(found.group(1), ())
        )

    return fits


_PLAIN = {
    bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items[name].value
    for name in ("CONSTANT", "LINEAR", "BEZIER")
}
ROTATION = re.compile(r'fcurves\[pose\.bones\["\w+"\]\.(rotation|location)')


def check_shape(was: bpy.types.Action, first: int, last: int, reach: int):
    """Every curve of ``was`` goes on in the action that the armature has now, and has its values up to ``first -
    reach`` and from ``last + reach`` on."""
    now = {(c.data_path, c.array_index): c for c in user_scene.curves_of(hero())}
    frames = [*range(first - 12, first - reach + 1), *range(last + reach, last + 13)]
    wrong = []
    for curve in user_scene.curves_in(was, hero()):
        other = now.get((curve.data_path, curve.array_index))
        off, at = (
            max((abs(other.evaluate(f) - curve.evaluate(f)), f) for f in frames) if other else (np.inf, first)
        )
        if off > 1e-4:
            wrong.append(f"{curve.data_path} {curve.array_index}: off by {off:.3g} at frame {at}")
    assert not wrong, (
        "curves are not what they were outside of the frames that were to change:\n" + "\n".join(wrong[:20])
    )


_FREE = bpy.types.Keyframe.bl_rna.properties["handle_left_type"].enum_items["FREE"].value


# --- the measure itself ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "edit"),
    [
        (rf'objects["{RIG}"].pose.bones[L_Hand].lock_scale', lambda: setattr(hero().pose.bones["L_Hand"], "lock_scale", (True, False, False))),
        (rf'objects["{RIG}"].pose.bones[Head]["mine"]', lambda: hero().pose.bones["Head"].__setitem__("mine", 7.0)),
        (rf'objects["{RIG}"].pose.bones[Head].constraints[look].influence', lambda: setattr(hero().pose.bones["Head"].constraints[0], "influence", 0.1)),
        (rf'objects["{RIG}"].pose.bones[Spine1].color.palette', lambda: setattr(hero().pose.bones["Spine1"].color, "palette", "DEFAULT")),
        ('objects["Crate"].animation_data.drivers[location 2].driver.expression', lambda: setattr(bpy.data.objects["Crate"].animation_data.drivers[0].driver, "expression", "power")),
        (rf'scenes["{OTHER_SCENE}"].render.fps', lambda: setattr(bpy.data.scenes[OTHER_SCENE].render, "fps", 9)),
        (rf'scenes["{SCENE}"].camera', lambda: setattr(bpy.data.scenes[SCENE], "camera", bpy.data.objects["Other Camera"])),
        (rf'scenes["{SCENE}"].timeline_markers[jump].frame', lambda: setattr(bpy.data.scenes[SCENE].timeline_markers["jump"], "frame", 99)),
        (rf'scenes["{SCENE}"].keying_sets.active', lambda: setattr(bpy.data.scenes[SCENE].keying_sets, "active", None)),
        (rf'scenes["{SCENE}"]["production"]', lambda: bpy.data.scenes[SCENE]["production"].__setitem__("shot", 11)),
        ('movieclips["My Plate"].frame_start', lambda: setattr(bpy.data.movieclips["My Plate"], "frame_start", 1)),
        ('cameras["My Lens"].background_images[0].alpha', lambda: setattr(bpy.data.cameras["My Lens"].background_images[0], "alpha", 1)),
        ('meshes["Cube"].attributes["position"]', lambda: setattr(bpy.data.meshes["Cube"].vertices[0].co, "x", 0.5)),
        ('actions["Wave"]', lambda: bpy.data.actions.remove(bpy.data.actions["Wave"])),
        ('objects["new"]', lambda: bpy.data.objects.new("new", None)),
        ("preferences.edit.undo_steps", lambda: setattr(bpy.context.preferences.edit, "undo_steps", 33)),
    ],
)  # fmt: skip
def test_the_comparison_sees_every_kind_of_change(one_file, path, edit):
    before = snapshot()
    steps = bpy.context.preferences.edit.undo_steps
    try:
        edit()
        assert path in [change.path for change in compare(before, snapshot())]
    finally:
        bpy.context.preferences.edit.undo_steps = steps


def test_the_comparison_sees_a_keys_interpolation_and_a_curves_modifier(one_file):
    before = snapshot()
    curve = next(c for c in user_scene.curves_of(hero()) if c.data_path == "location" and c.array_index == 1)
    curve.keyframe_points[1].interpolation = "BOUNCE"
    curve.modifiers[0].strength = 3
    changed = [change.path for change in compare(before, snapshot())]
    for end in (".interpolation", "modifiers[Noise].strength"):
        assert any("fcurves[location 1]" in path and path.endswith(end) for path in changed), changed


def test_a_file_at_rest_is_the_same_when_read_twice_opened_twice_and_stepped_through(file):
    before = snapshot()
    check(before)
    bpy.ops.wm.open_mainfile(filepath=str(file))
    check(before)
    scene, now = bpy.context.scene, bpy.context.scene.frame_current
    scene.frame_set(3)
    scene.frame_set(now)
    check(before)


def test_undo_itself_keeps_everything(one_file):
    """So that whatever an undone operation leaves behind is the operation's."""
    undone(None, lambda: setattr(bpy.data.objects["Crate"], "scale", (2, 2, 2)))


def test_disabling_and_enabling_the_extension_leaves_the_file(one_file):
    before = snapshot()
    registration.unregister()
    registration.register()
    check(before)


# --- motions in and out ---------------------------------------------------------------------------------------


@pytest.fixture
def motion_file(tmp_path):
    path = tmp_path / "motion.npz"
    some_motion(frames=12, footage=str(FILM)).save(path)
    return str(path)


@pytest.mark.parametrize("layout", ["NIKI", "AMASS"])
def test_exporting_changes_nothing(file, tmp_path, layout):
    before = snapshot()
    assert bpy.ops.niki.export_motion(filepath=str(tmp_path / "out.npz"), layout=layout) == {"FINISHED"}
    check(before)


def test_exporting_keeps_a_pose_that_is_not_keyed(file, tmp_path):
    pose_mode()
    pulled()
    before = snapshot()
    bpy.ops.niki.export_motion(filepath=str(tmp_path / "out.npz"))
    check(before)


def test_an_import_adds_its_own_and_changes_nothing_else(file, motion_file):
    before = snapshot()
    assert bpy.ops.niki.import_motion(filepath=motion_file) == {"FINISHED"}
    check(before, allow(NEW_CAPTURE))


def test_an_import_in_pose_mode_leaves_the_pose(file, motion_file):
    pose_mode()
    pulled()
    before = snapshot()
    bpy.ops.niki.import_motion(filepath=motion_file)
    check(before, allow(NEW_CAPTURE))


def test_an_import_that_is_to_match_the_scene_changes_what_that_says_of_this_scene_alone(
    one_file, motion_file
):
    before = snapshot()
    bpy.ops.niki.import_motion(filepath=motion_file, match_scene="ALWAYS")
    settings = (
        r"(render\.(fps|fps_base|resolution_x|resolution_y|resolution_percentage)|frame_(start|end)|camera)"
    )
    check(before, allow(NEW_CAPTURE, [rf"{_HERE}\.{settings}", r"screens\[.*\]\.camera"]))


def test_an_import_onto_an_armature_gives_it_an_action_and_changes_nothing_else(file, motion_file):
    before = snapshot()
    assert bpy.ops.niki.import_motion(filepath=motion_file, onto_active=True) == {"FINISHED"}
    check(
        before,
        allow(
            NEW_CAPTURE,
            HERO_HAS_ANOTHER_ACTION,
            BAKED_TURNS,
            KEYED_CONFIDENCE,
        ),
    )


def test_a_file_that_is_no_motion_changes_nothing(one_file, tmp_path):
    (tmp_path / "x.npz").write_bytes(b"PK nonsense")
    before = snapshot()
    with pytest.raises(RuntimeError, match=r"x\.npz"):
        bpy.ops.niki.import_motion(filepath=str(tmp_path / "x.npz"))
    check(before)


@pytest.mark.parametrize("options", [{}, {"onto_active": True}, {"match_scene": "ALWAYS"}])
def test_an_import_is_undone_whole(one_file, motion_file, options):
    undone(None, lambda: bpy.ops.niki.import_motion(filepath=motion_file, **options))


# --- captures -------------------------------------------------------------------------------------------------

needs_capture = pytest.mark.skipif(
    bool(chosen.why_not_ready()), reason="niki[capture] is not installed beside this bpy"
)


def start_capture():
    settings = bpy.context.scene.niki_capture
    settings.path, settings.use_range, settings.last, settings.quality = str(FILM), True, 3, "fast"
    settings.match_scene = "NEVER"
    bpy.ops.ed.undo_push(message="before")
    before = snapshot()
    assert bpy.ops.niki.capture() == {"FINISHED"}
    return before


_NOTED = rf"{_HERE}\.niki_identity"  # what we note there of whose a capture is


def armatures():
    return sum(o.type == "ARMATURE" for o in bpy.data.objects)


@needs_capture
def test_a_capture_adds_its_own_to_the_scene_it_was_started_from_and_changes_nothing_else(one_file, timers):
    before, count = start_capture(), armatures()
    check(before, [_NOTED])
    bpy.context.window.scene = bpy.data.scenes[OTHER_SCENE]  # the user goes on with another shot
    elsewhere = [
        _NOTED,
        r'window_managers\["WinMan"\]\.windows\[0\]\.(scene|view_layer)',
        r"screens\[.*\]\.camera",  # follows the scene
        r"scenes\[[^\]]*\]\.niki_capture\.strip",  # a choice among the strips of the scene that is shown
    ]
    check(before, elsewhere)
    timers.run(until=lambda: armatures() > count)
    check(before, allow(NEW_CAPTURE, elsewhere))


@needs_capture
def test_a_capture_that_came_in_is_undone_whole(one_file, timers):
    before, count = start_capture(), armatures()
    timers.run(until=lambda: armatures() > count)
    bpy.ops.ed.undo()
    assert armatures() == count
    check(before, [r"screens\[.*\]\.region_3d\..*"])


# --- pulling --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("joint", ["left_wrist", "head", "right_ankle", "pelvis"])
def test_a_pull_that_is_given_up_leaves_the_pose(file, joint):
    pose_mode()
    before = snapshot()
    pulled(joint).restore()
    check(before)


def test_a_second_pull_that_is_given_up_leaves_the_first(file):
    pose_mode()
    pulled("left_wrist")
    before = snapshot()
    pulled("right_wrist").restore()
    check(before)


def test_a_pull_turns_bones_that_are_not_locked_and_keys_nothing(file):
    pose_mode()
    before = snapshot()
    pulled("left_wrist")
    check(before, _turned_only(), tolerance=1e-6)


def test_a_pull_of_a_hand_leaves_the_bones_of_the_other_arm_and_the_constrained_head(file):
    """In the mode Limb nothing but the arm moves: what constraints and drivers do elsewhere is no one's pull."""
    pose_mode()
    hero().niki_pose.pull_mode = "LIMB"
    before = snapshot()
    pulled("left_wrist", (0.05, 0.05, 0.05))
    arm = "L_Collar|L_Shoulder|L_Elbow|L_Wrist|L_Hand"
    check(
        before, [rf"{_HERO}\.pose\.bones\[({arm})\]\.rotation_(quaternion|euler|axis_angle)"], tolerance=1e-5
    )


def _turned_only():
    """Each free bone in the channel of its mode, and none that is locked."""
    allowed = (
        [rf"{_HERO}\.pose\.bones\[Pelvis\]\.location"]
        if not all(hero().pose.bones["Pelvis"].lock_location)
        else []
    )
    for name in BONES:
        bone = hero().pose.bones[name]
        if name not in (LOCKED, DRIVEN):
            allowed.append(rf"{_HERO}\.pose\.bones\[{name}\]\.{user_scene.rotation_channel(bone)}")
    return allowed


def test_a_pull_that_is_keyed_adds_keys_of_the_turned_bones_at_this_frame(file):
    pose_mode()
    before, now = snapshot(), bpy.context.scene.frame_current
    pull = pulled("left_wrist")
    pull.key(bpy.context, now)
    turned = [
        p.replace(_HERO, rf'objects\["({RIG}|{TWIN})"\]') for p in _turned_only()
    ]  # they share the action
    remembered = rf"{_HERO}\.niki_pose\.last_pull"
    check(before, [*turned, remembered, rf'actions\["{ACTION}"\]\..*'], tolerance=1e-6)
    wrong = [c for c in action_changes(before, ACTION, hero())
             if not only_keys_between(now, now)(c) and not set_by_neighbours(before, ACTION, hero(), now, now)(c)]  # fmt: skip
    assert not wrong, f"keys beside those of the pulled bones at frame {now} were changed:\n{report(wrong)}"


def test_a_keyed_pull_is_undone_whole(one_file):
    pose_mode()
    undone(None, lambda: pulled().key(bpy.context, bpy.context.scene.frame_current))


# --- corrections over time ------------------------------------------------------------------------------------


def propagate(before_frames=3, after_frames=3):
    hero().niki_pose.fade_in, hero().niki_pose.fade_out = before_frames, after_frames
    taken = snapshot()
    pulled("left_wrist")
    assert bpy.ops.niki.propagate() == {"FINISHED"}
    return taken


def hold():
    hero().niki_pose.pulled[JOINTS.index("left_ankle")] = True
    taken = snapshot()
    assert bpy.ops.niki.hold(first=12, last=18, blend=3) == {"FINISHED"}
    return taken


def span():
    """The frames that the latest correction says it changes, and one more to each side, where keys keep the shape."""
    latest = hero().animation_data.action.niki_corrections[-1]
    last = 18 if latest.kind == "HOLD" else latest.frame
    return latest.frame - latest.fade_in - 1, last + latest.fade_out + 1


CORRECTIONS = {"propagate": propagate, "hold": hold}


@pytest.fixture(params=CORRECTIONS)
def correction(request):
    return CORRECTIONS[request.param]


def test_a_correction_gives_the_armature_an_action_of_its_own_and_changes_nothing_else(file, correction):
    pose_mode()
    before = correction()
    check(before, allow(HERO_HAS_ANOTHER_ACTION, HERO_TURNS))


def test_a_corrected_action_differs_in_the_corrected_frames_of_the_bones_alone(file, correction):
    pose_mode()
    before = correction()
    promised = (
        only_keys_between(*span()),
        set_by_neighbours(before, ACTION, hero(), *span()),
        eased_segments(before, ACTION, hero(), *span()),
    )
    wrong = [c for c in action_changes(before, ACTION, hero()) if not any(fits(c) for fits in promised)]
    assert not wrong, f"the corrected action lost or changed {len(wrong)} things:\n{report(wrong)}"
    check_shape(bpy.data.actions[ACTION], *span(), reach=0)


def test_a_second_correction_leaves_those_who_use_the_first_one(file, correction):
    """Another armature and a strip have been given the corrected action; the next correction is of ours alone."""
    pose_mode()
    correction()
    twin, action = bpy.data.objects[TWIN], hero().animation_data.action
    twin.animation_data.action = action
    if user_scene.SLOTTED:
        twin.animation_data.action_slot = hero().animation_data.action_slot
    twin.animation_data.nla_tracks["takes"].strips[0].action = action
    before = correction()
    corrected = rf'actions\["{re.escape(action.name)}"\]\.(users|use_fake_user)' if _alive(action) else "-"
    check(before, allow(HERO_HAS_ANOTHER_ACTION, HERO_TURNS, [corrected]))


def _alive(block):
    try:
        return bool(block.name)
    except ReferenceError:
        return False


def test_a_correction_is_undone_whole(one_file, correction):
    pose_mode()
    undone(None, correction)


def test_corrections_that_are_refused_change_nothing(file):
    pose_mode()
    before = snapshot()
    bpy.ops.niki.propagate()  # nothing is pulled
    check(before)
    hero().niki_pose.pulled[JOINTS.index("left_ankle")] = True
    before = snapshot()
    with pytest.raises(RuntimeError):
        bpy.ops.niki.hold(first=500, last=400)
    check(before)


# --- baking ---------------------------------------------------------------------------------------------------

BAKES = {
    "whole": {},
    "reduced": {"reduce": True, "max_error": 20.0},
    "every third": {"step": 3},
    "selected": {"only_selected": True},
}


@pytest.mark.parametrize("options", BAKES.values(), ids=BAKES)
def test_a_bake_into_a_new_action_changes_nothing_but_the_armatures_action(one_file, options):
    pose_mode()
    _select("L_Elbow", "L_Wrist")
    before = snapshot()
    assert bpy.ops.niki.bake(span="CUSTOM", first=1, last=20, **options) == {"FINISHED"}
    check(before, allow(HERO_HAS_ANOTHER_ACTION, BAKED_TURNS, KEYED_CONFIDENCE, DENSE_KEYS))


def test_a_baked_armature_still_moves_through_the_scene_as_it_did(file):
    """Keys of the object, of scale and of custom properties are not the bones' turns: they go on."""
    kept = ("location", 'pose.bones["Spine3"].scale', 'pose.bones["Head"]["mine"]')
    was = {
        (c.data_path, c.array_index): c.evaluate(9)
        for c in user_scene.curves_of(hero())
        if c.data_path in kept
    }
    pose_mode()
    bpy.ops.niki.bake(span="CUSTOM", first=1, last=20)
    now = {
        (c.data_path, c.array_index): c.evaluate(9)
        for c in user_scene.curves_of(hero())
        if c.data_path in kept
    }
    lost = sorted(f"{path} {index}" for path, index in was.keys() - now.keys())
    assert not lost, f"baked, the armature has lost its animation of {lost}"
    assert now == pytest.approx(was)


@pytest.mark.parametrize("options", BAKES.values(), ids=BAKES)
def test_a_bake_into_the_present_action_keys_the_bones_in_its_range_alone(one_file, options):
    pose_mode()
    _select("L_Elbow", "L_Wrist")
    as_before = bpy.data.actions[ACTION].copy()
    before = snapshot()
    assert bpy.ops.niki.bake(span="CUSTOM", first=5, last=15, use_current_action=True, **options) == {
        "FINISHED"
    }
    sharing = [p.replace(_HERO, rf'objects\["({RIG}|{TWIN})"\]') for p in BAKED_TURNS]
    check(before, [*sharing, *KEYED_CONFIDENCE, *DENSE_KEYS, rf'actions\["{ACTION}"\]\..*'])
    promised = (
        only_keys_between(5, 15, r"\w+"),
        set_by_neighbours(before, ACTION, hero(), 5, 15),
        eased_segments(before, ACTION, hero(), 5, 15),
    )
    wrong = [c for c in action_changes(before, ACTION, hero()) if not any(fits(c) for fits in promised)]
    assert not wrong, f"the bake changed {len(wrong)} things outside of its range:\n{report(wrong)}"
    check_shape(as_before, 5, 15, reach=1)


def test_a_bake_that_is_stopped_changes_nothing(file):
    pose_mode()
    before = snapshot()
    sampled = sampling.sample_frames(hero(), 1, 20, own_space=True)
    for _ in range(5):
        next(sampled)
    sampled.close()
    check(before)


def test_a_bake_that_is_stopped_keeps_a_pose_that_is_not_keyed(file):
    pose_mode()
    pulled()
    before = snapshot()
    sampled = sampling.sample_frames(hero(), 1, 20, own_space=True)
    next(sampled)
    next(sampled)
    sampled.close()
    check(before)


def test_a_bake_that_is_refused_changes_nothing(one_file):
    pose_mode()
    before = snapshot()
    with pytest.raises(RuntimeError, match="empty"):
        bpy.ops.niki.bake(span="CUSTOM", first=20, last=1)
    check(before)


@pytest.mark.parametrize("new", [True, False])
def test_a_bake_is_undone_whole(one_file, new):
    pose_mode()
    undone(None, lambda: bpy.ops.niki.bake(span="CUSTOM", first=1, last=20, use_current_action=not new))


def _select(*names):
    for name in BONES:
        bone = hero().pose.bones[name]
        (bone if hasattr(bone, "select") else bone.bone).select = name in names


# --- targets --------------------------------------------------------------------------------------------------

NEW_TARGETS = [
    r"+(objects|collections)\[[^\]]*\]",
    rf"+({_HERE}\.collection|collections\[(?!{_THEIRS})[^\]]*\])\.(objects|children)\[[^\]]*\]",
    rf"+{_LAYER}\.layer_collection.*",
    rf"{_HERO}\.niki_pose\..*",
    rf'+{_HERO}\["niki_\w+"\](\.ui)?',
    rf"{_HERO}\.users",
]


def test_making_targets_adds_empties_and_leaves_the_pose_and_the_users_collections(file):
    before = snapshot()
    assert bpy.ops.niki.make_targets() == {"FINISHED"}
    check(before, allow(NEW_TARGETS), tolerance=2e-3)


def test_targets_turn_free_bones_and_the_pose_stays_when_they_are_switched_off(file):
    before = snapshot()
    bpy.ops.niki.make_targets()
    hand = next(
        o
        for o in bpy.data.objects
        if o.niki_pose.target_of == hero() and o.niki_pose.target_joint == "left_wrist"
    )
    hand.location.z += 0.1
    bpy.context.view_layer.update()
    check(before, allow(NEW_TARGETS, _turned_only()), tolerance=1e-6)
    posed = snapshot()
    hero().niki_pose.follow_targets = False
    check(posed, [rf"{_HERO}\.niki_pose\.follow_targets"])


def test_targets_that_were_followed_leave_an_animation_as_it_is(file):
    scene, now = bpy.context.scene, bpy.context.scene.frame_current
    before = snapshot()
    bpy.ops.niki.make_targets()
    scene.frame_set(now + 3)
    hero().niki_pose.follow_targets = False
    scene.frame_set(now)
    check(before, allow(NEW_TARGETS), tolerance=1e-6)


def test_making_targets_is_undone_whole(one_file):
    undone(None, bpy.ops.niki.make_targets)


# --- the rest -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stance", ["RELAXED", "REST"])
def test_a_new_body_changes_nothing_of_what_is_there(file, stance):
    before = snapshot()
    assert bpy.ops.niki.add_body(stance=stance) == {"FINISHED"}
    check(before, allow(NEW_OBJECTS, [r"objects\[[^\]]*\]\.mode"]))


def test_a_new_body_is_undone_whole(one_file):
    undone(None, bpy.ops.niki.add_body)


def test_colours_of_confidence_give_bones_their_own_colours_back(file):
    before = snapshot()
    hero().niki_confidence.show = True
    check(before, [rf"{_HERO}\.niki_confidence\.\w+", rf"{_HERO}\.pose\.bones\[\w+\]\.color\..*"])
    scene, now = bpy.context.scene, bpy.context.scene.frame_current
    scene.frame_set(2)
    scene.frame_set(now)
    hero().niki_confidence.show = False
    check(before, [rf"{_HERO}\.niki_confidence\.\w+"])


def test_going_to_a_doubtful_frame_changes_the_frame_alone(file):
    scene, now = bpy.context.scene, bpy.context.scene.frame_current
    scene.niki_confidence.threshold = 0.34
    before = snapshot()
    bpy.ops.niki.doubtful_frame(direction="NEXT")
    assert scene.frame_current != now
    scene.frame_set(now)
    check(before)


@pytest.mark.parametrize("operator", ["pin_selected", "unpin_all"])
def test_pins_are_the_armatures_settings_alone(one_file, operator):
    pose_mode()
    hero().niki_pose.pulled[0] = hero().niki_pose.pinned[3] = True
    before = snapshot()
    getattr(bpy.ops.niki, operator)()
    check(before, [rf"{_HERO}\.niki_pose\.pinned"])
