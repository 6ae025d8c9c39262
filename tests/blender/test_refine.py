"""Refining a captured motion: an action beside the captured one, and nothing else. The worker is stood in for."""

from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest
from conftest import some_motion

bpy = pytest.importorskip("bpy", reason="bpy is not installed here")

from registered import data_folder, in_empty_file  # noqa: F401 (fixtures)
from snapshot import compare, report, snapshot, unexpected

from niki.motion.contacts import load_contacts
from niki.review.blender_process import blender_module

NAMES = (
    "placement.placing",
    "placement.refined",
    "refine.solving",
    "rig.animation",
    "rig.sampling",
    "rig.contacts",
)
placing, refined, solving, animation, sampling, contacts = map(blender_module, NAMES)
refining = solving.refining
HEAD = 'pose.bones["Head"].rotation_quaternion'


def with_readings(frames=12, seed=3, **changes):
    keypoints = np.random.default_rng(1).uniform(0, 480, (frames, 29, 2))
    return some_motion(
        frames=frames, seed=seed, footage="", **{"keypoints": keypoints} | changes, sigma=np.full((frames, 29, 2), 0.2), errors_last=True,
        hints=np.full((frames, 24, 3), np.nan), jumps=np.zeros(frames),
    )  # fmt: skip


def solved_anew():
    """Another motion of the same person in the same footage."""
    return with_readings(seed=4, rest_joints=with_readings().rest_joints)


class Answers:
    """In the place of a question to a worker: has solved another motion of the same person at once."""

    asked: dict
    told: np.ndarray | None
    problem = ""
    solved = None

    def __init__(self, runtime, log, method, timeout, **params):
        Answers.asked = {"method": method, **params}
        Answers.told = load_contacts(params["contacts"]) if "contacts" in params else None

    def poll(self):
        if self.problem:
            return {"problem": self.problem}
        (Answers.solved or solved_anew()).save(self.asked["output"])
        return {"frames": 12}

    def end(self, wait=False):
        pass


@pytest.fixture
def captured(tmp_path, monkeypatch):
    """An armature with a captured motion at frames 5 to 16, away from the origin, and its file."""
    monkeypatch.setattr(solving, "Question", Answers)
    monkeypatch.setattr(Answers, "problem", "")
    monkeypatch.setattr(Answers, "solved", None)
    motion, path = with_readings(), tmp_path / "walk.npz"
    motion.save(path)
    placement = placing.Placement(frame_start=5, point=(3.0, 1.0, 0.0))
    rig, _ = placing.place_motion(motion, "Walk", placement, readings=str(path))
    bpy.context.view_layer.objects.active = rig
    return SimpleNamespace(rig=rig, settings=rig.niki_refine, path=path, motion=motion)


def refine():
    assert bpy.ops.niki.refine() == {"FINISHED"}
    assert solving._poll() is None


def keys_of(action):
    return {
        (curve.data_path, curve.array_index): [tuple(point.co) for point in curve.keyframe_points]
        for curve in animation.action_fcurves(action)
    }


def test_a_refined_action_is_made_beside_the_captured_one(captured):
    before = captured.rig.animation_data.action
    keys = keys_of(before)
    captured.settings.smooth_arms = 0.25
    refine()
    assert Answers.asked["method"] == "solve"
    assert Answers.asked["motion"] == str(captured.path)
    assert (Answers.asked["smooth_arms"], Answers.asked["smooth_trunk"]) == (0.25, 0.0)
    after = captured.rig.animation_data.action
    assert after != before
    assert after.name == f"{before.name} Refined"
    assert keys_of(before) == keys
    assert keys_of(after).keys() == keys.keys()
    assert keys_of(after) != keys


def test_the_refined_motion_lies_where_the_captured_one_was_put(captured):
    Answers.solved = captured.motion
    before = sampling.sample_motion(captured.rig, 5, 16)
    refine()
    after = sampling.sample_motion(captured.rig, 5, 16)
    np.testing.assert_allclose(after.solved_joints(), before.solved_joints(), atol=1e-4)


def test_the_root_bone_follows_the_refined_motion(captured):
    placement = placing.Placement(frame_start=5, root_bone=True)
    rig, _ = placing.place_motion(captured.motion, "Rooted", placement, readings=str(captured.path))
    bpy.context.view_layer.objects.active = rig
    before = keys_of(rig.animation_data.action)
    Answers.solved = replace(solved_anew(), trans=solved_anew().trans + [0.5, 0.0, 0.0])
    refine()
    assert keys_of(rig.niki_refine.before) == before
    for frame in (5, 10, 14):
        bpy.context.scene.frame_set(frame)
        root, pelvis = (rig.pose.bones[name] for name in ("Root", "Pelvis"))
        shift = pelvis.head - rig.data.bones["Pelvis"].head_local
        np.testing.assert_allclose(root.head[:2], shift[:2], atol=1e-4)
    plain = placing.place_motion(Answers.solved, "Plain", placing.Placement(frame_start=5))[0]
    expected = sampling.sample_motion(plain, 5, 14).solved_joints()
    np.testing.assert_allclose(sampling.sample_motion(rig, 5, 14).solved_joints(), expected, atol=1e-4)


def test_the_switch_exchanges_actions_and_edits_stay_in_each(captured):
    rig = captured.rig
    before = rig.animation_data.action
    extra = rig.pose.bones["Head"]
    extra.scale = (1.0, 2.0, 1.0)
    extra.keyframe_insert("scale", frame=3)  # of the user's
    refine()
    after = rig.animation_data.action
    assert ('pose.bones["Head"].scale', 1) in keys_of(after)
    assert refined.shown(rig) == "AFTER"
    for which, action in (("BEFORE", before), ("AFTER", after)):
        assert bpy.ops.niki.show_refined(which=which) == {"FINISHED"}
        assert rig.animation_data.action == action
        extra.keyframe_insert("rotation_quaternion", frame=40)
    for action in (before, after):
        assert len(keys_of(action)[HEAD, 0]) == 11  # 10 at the scene's rate, and the one above
    slots = [getattr(rig.animation_data, "action_slot", None)]
    assert all(slot is None or slot in list(after.slots) for slot in slots)


def test_refining_again_starts_from_the_captured_action_and_replaces_what_nobody_edited(captured):
    rig, before = captured.rig, captured.rig.animation_data.action
    refine()
    count = len(bpy.data.actions)
    refine()
    assert len(bpy.data.actions) == count
    assert captured.settings.before == before
    rig.pose.bones["Head"].keyframe_insert("rotation_quaternion", frame=40)  # an edit of the refined one
    edited = rig.animation_data.action
    refine()
    assert len(bpy.data.actions) == count + 1
    assert edited.use_fake_user
    assert len(keys_of(edited)[HEAD, 0]) == 11


def test_nothing_else_is_changed(captured):
    other = bpy.data.objects.new("Other", None)
    bpy.context.scene.collection.objects.link(other)
    other.location = (1, 2, 3)
    other.keyframe_insert("location", frame=1)
    track = captured.rig.animation_data.nla_tracks.new()
    track.strips.new("Theirs", 50, other.animation_data.action)
    before = snapshot()
    refine()
    changed = compare(before, snapshot())
    rig = rf'objects\["{captured.rig.name}"\]'
    allowed = [
        r"+actions\[[^\]]*Refined[^\]]*\].*",
        rf"{rig}\.animation_data\.(action|action_slot|action_slot_handle|last_slot_identifier)",
        rf"{rig}\.niki_(refine\..*|identity)",
        rf"{rig}\.(pose\.bones\[[^\]]*\]|location|rotation).*",  # as animated
        r'actions\["Walk"\].*\.(users|use_fake_user|is_active)',
    ]
    assert not unexpected(changed, allowed), report(unexpected(changed, allowed))


def test_missing_readings_are_said_and_another_file_can_be_chosen(captured, tmp_path):
    moved = captured.path.rename(tmp_path / "moved.npz")
    action = captured.rig.animation_data.action
    with pytest.raises(RuntimeError, match="The readings are not there"):
        bpy.ops.niki.refine()
    assert captured.rig.animation_data.action == action
    captured.settings.readings = str(moved)
    refine()
    assert captured.rig.animation_data.action != action


def test_readings_of_another_capture_change_nothing(captured):
    Answers.solved = with_readings(frames=9)
    action, count = captured.rig.animation_data.action, len(bpy.data.actions)
    refine()
    assert "of another capture: they have 9 frames, not 12" in refining.problem
    assert (captured.rig.animation_data.action, len(bpy.data.actions)) == (action, count)
    Answers.solved = replace(solved_anew(), keypoints=solved_anew().keypoints + 1)
    refine()
    assert "of another capture: other footage" in refining.problem
    assert (captured.rig.animation_data.action, len(bpy.data.actions)) == (action, count)
    Answers.problem = "This motion has no readings to solve it from"
    refine()
    assert refining.problem == Answers.problem


def test_a_motion_without_readings_cannot_be_refined(captured):
    before, onto = captured.rig.animation_data.action, placing.Placement(armature=captured.rig.name)
    placing.place_motion(some_motion(), "Plain", onto, readings="plain.npz")
    assert not bpy.ops.niki.refine.poll()
    assert not captured.settings.readings
    assert before.use_fake_user


def test_cancel_is_there_while_something_is_refined(captured):
    assert not bpy.ops.niki.cancel_refine.poll()
    action = captured.rig.animation_data.action
    assert bpy.ops.niki.refine() == {"FINISHED"}
    assert bpy.ops.niki.cancel_refine() == {"FINISHED"}
    assert solving._poll() is None
    assert captured.rig.animation_data.action == action


def test_what_it_waits_for_is_wrapped_in_the_panel(captured, monkeypatch):
    panel, drawn = blender_module("refine.panel"), []
    monkeypatch.setattr(panel, "draw_text", lambda layout, text, *_, **__: drawn.append(text))
    assert bpy.ops.niki.refine() == {"FINISHED"}
    answer = refining.question.poll()
    refining.take(answer)
    bpy.ops.object.mode_set(mode="EDIT")
    panel.NIKI_PT_refine.draw(SimpleNamespace(columns=MagicMock()), bpy.context)
    assert "Waits until you are in Object or Pose Mode" in drawn


def refine_while(change):
    """Refine; before what was solved arrives, something else happens."""
    assert bpy.ops.niki.refine() == {"FINISHED"}
    change()
    assert solving._poll() is None


def test_a_capture_that_lands_on_the_armature_meanwhile_is_left_alone(captured, tmp_path):
    rig, other = captured.rig, tmp_path / "other.npz"
    captured.path.rename(other)
    captured.settings.readings = str(other)

    def land():
        placing.place_motion(
            captured.motion, "Other", placing.Placement(armature=rig.name), readings=str(captured.path)
        )

    refine_while(land)
    assert "another motion" in refining.problem
    assert rig.animation_data.action.name == "Other"
    assert captured.settings.after is None


def test_it_is_the_action_of_the_start_that_is_refined(captured):
    rig, before = captured.rig, captured.rig.animation_data.action

    def exchange():
        rig.animation_data.action = bpy.data.actions.new("Theirs")

    refine_while(exchange)
    assert not refining.problem
    assert rig.animation_data.action.name == f"{before.name} Refined"
    assert captured.settings.before == before
    assert keys_of(rig.animation_data.action).keys() == keys_of(before).keys()
    assert bpy.data.actions["Theirs"].use_fake_user
    assert bpy.ops.niki.show_refined(which="BEFORE") == {"FINISHED"}
    assert rig.animation_data.action == before
    refine_while(lambda: bpy.data.actions.remove(before))
    assert refining.problem


def touching():
    """(12, 6) contacts: the left heel in frames 2 to 6."""
    touches = np.zeros((12, 6))
    touches[2:7, 0] = 1
    return touches


@pytest.fixture
def standing(captured):
    """The same person, whose left heel touches the ground in some frames."""
    captured.motion = with_readings(contacts=touching())
    captured.motion.save(captured.path)
    placement = placing.Placement(frame_start=5, armature=captured.rig.name)
    placing.place_motion(captured.motion, "Walk", placement, readings=str(captured.path))
    Answers.solved = captured.motion
    return captured


def marked(rig, **settings):
    """The keys of contacts, after a hand was marked."""
    parts = settings.pop("parts", {"L_Wrist"})
    assert bpy.ops.niki.mark_contact("EXEC_DEFAULT", parts=parts, **settings) == {"FINISHED"}
    return {name: keys for (name, _), keys in keys_of(rig.animation_data.action).items() if "contact" in name}


def test_contacts_are_found_until_they_are_edited(standing):
    refine()
    assert Answers.told is None
    assert not standing.settings.contacts_as_keyed()
    assert bpy.ops.niki.show_refined(which="BEFORE") == {"FINISHED"}
    marked(standing.rig, first=7, last=9)
    assert standing.settings.contacts_as_keyed()
    refine()
    assert Answers.told is not None
    standing.settings.contacts = "FOUND"
    refine()
    assert Answers.told is None


def test_edited_contacts_go_to_the_worker_at_the_frames_of_the_capture(standing):
    bpy.context.scene.render.fps = 60  # twice that of the capture, as is seen once it is placed anew
    placement = placing.Placement(frame_start=5, armature=standing.rig.name)
    placing.place_motion(standing.motion, "Walk", placement, readings=str(standing.path))
    keys = marked(standing.rig, first=11, last=21)
    refine()
    expected = touching()
    expected[3:9, 4] = 1  # frame 11 is the fourth of the capture, 21 the ninth
    np.testing.assert_allclose(Answers.told, expected, atol=1e-5)
    after = keys_of(standing.rig.animation_data.action)
    assert {name: points for (name, _), points in after.items() if "contact" in name} == keys


def test_what_is_edited_in_the_refined_action_is_taken_over_by_the_next(standing):
    refine()
    keys, count = marked(standing.rig, first=7, last=9), len(bpy.data.actions)
    refine()
    after = keys_of(standing.rig.animation_data.action)
    assert {name: points for (name, _), points in after.items() if "contact" in name} == keys
    assert len(bpy.data.actions) == count  # the one before was replaced: nothing of it is lost
    assert not any("contact" in name and "Wrist" in name for name, _ in keys_of(standing.settings.before))


def test_marking_keeps_what_is_keyed_around_it(standing):
    rig = standing.rig
    marked(rig, first=8, last=6)
    marked(rig, first=12, last=12)
    marked(rig, first=7, last=7, touches=False)
    hand = contacts.keyed_contacts(rig, np.arange(3, 16))[:, 4]
    np.testing.assert_allclose(hand, [0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0], atol=1e-6)
    with pytest.raises(RuntimeError, match="Choose a foot or a hand"):
        bpy.ops.niki.mark_contact("EXEC_DEFAULT", parts=set(), first=1, last=2)


def test_it_is_one_undo_step(captured):
    bpy.ops.ed.undo_push(message="before")
    name, rig = captured.rig.animation_data.action.name, captured.rig.name
    refine()
    assert bpy.data.objects[rig].animation_data.action.name != name
    bpy.ops.ed.undo()
    assert bpy.data.objects[rig].animation_data.action.name == name
    assert not any("Refined" in action.name for action in bpy.data.actions)
