"""Captures and the files that are open: whose they are, when they come in, what is said. No window."""

import builtins
import contextlib
import errno
import io
import json
import os
import pathlib
import shutil
import tomllib
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import ROOT, some_motion

bpy = pytest.importorskip("bpy", reason="bpy is not installed here")

from registered import data_folder, in_empty_file  # noqa: F401 (fixtures)

from niki.review.blender_process import blender_module

NAMES = {
    "results": "capture.results",
    "operators": "capture.operators",
    "job": "work.job",
    "job_list": "capture.job_list",
    "job_operators": "capture.job_operators",
    "people": "capture.people",
    "placing": "placement.placing",
    "chosen": "settings.chosen",
    "preferences": "settings.preferences",
    "refine_settings": "rig.refine_settings",
    "registration": "registration",
    "environment_operators": "settings.environment_operators",
    "timers": "interface.timers",
    "words": "work.words",
}
modules = SimpleNamespace(**{name: blender_module(module) for name, module in NAMES.items()})
results, people = modules.results, modules.people
Placement = modules.placing.Placement


class Worker:
    """In the worker's place: answers each request at once with a motion of 12 frames, when it is let."""

    alive = True

    def __init__(self):
        self.asked, self.done = [], True

    def send(self, line):
        message = json.loads(line)
        if message["method"] == "capture":
            self.asked.append(message)

    def receive(self, budget):
        while self.asked and self.done:
            message = self.asked.pop(0)
            some_motion(frames=12, footage="").save(message["params"]["output"])
            result = {"frames": 12, "seen": 1.0, "warnings": ["The focal length is assumed"]}
            yield "result", {"id": message["id"], "result": result}

    def end(self, wait=False):
        pass


@pytest.fixture
def worker():
    made = Worker()
    results.captures()._choose = lambda: lambda log: made
    return made


def start(title="clip", **placement):
    placement = {"scene": bpy.context.scene.name, "camera": False} | placement
    return results.start({"footage": "clip.mp4"}, title, Placement(**placement))


def settle():
    """What the timer would do until it has nothing to do but wait for the worker or the user."""
    before = None
    while (now := [(job.title, job.state) for job in results.captures().jobs]) != before or (
        results.captures()._starting is not None
    ):
        before = now
        for _ in range(3):
            results._tick()


def armatures():
    return [thing for thing in bpy.data.objects if thing.type == "ARMATURE"]


class Layout:
    """Takes what is drawn, and keeps the texts."""

    def __init__(self, said):
        object.__setattr__(self, "said", said)

    def __setattr__(self, name, value):
        pass

    def __getattr__(self, name):
        def draw(*args, **kwargs):
            if "text" in kwargs:
                self.said.append(kwargs["text"])
            if args and name == "operator":
                self.said.append(args[0])
            return Layout(self.said)

        return draw


def drawn():
    """The texts of the list of captures, whole."""
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            modules.job_list, "draw_text", lambda layout, text, icon="", beside=0: said.append(text)
        )
        modules.job_list.draw_jobs(Layout(said))
    return said


def test_a_capture_goes_on_in_another_file_and_is_offered_there_but_not_imported(tmp_path, worker):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot12.blend"))
    worker.done = False
    job = start()
    settle()
    assert job.state == "RUNNING"
    bpy.ops.wm.read_homefile(use_empty=True)
    assert results.captures().jobs == [job]
    assert "For shot12.blend" in drawn()
    worker.done = True
    settle()
    assert job.state == "DONE"
    assert armatures() == []
    assert {"Captured for shot12.blend", "Import Here"} <= set(drawn())
    assert bpy.ops.niki.import_capture(job=job.folder.name) == {"FINISHED"}
    assert [rig.name for rig in armatures()] == ["clip"]
    assert results.captures().jobs == []
    assert not job.folder.exists()


def test_when_its_project_is_opened_again_it_comes_in_by_itself(tmp_path, worker):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot12.blend"))
    start()
    bpy.ops.wm.read_homefile(use_empty=True)
    settle()
    assert armatures() == []
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot12.blend"))
    settle()
    assert len(armatures()) == 1


def test_it_follows_its_project_to_the_name_it_is_saved_under(tmp_path, worker):
    worker.done = False
    job = start()
    settle()
    assert job.file == ""
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    assert job.file == str(tmp_path / "a.blend")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "b.blend"))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "copy.blend"), copy=True)
    assert job.file == str(tmp_path / "b.blend")
    assert modules.job.read_job(job.folder).file == str(tmp_path / "b.blend")


def test_of_two_files_that_were_never_saved_one_is_not_the_other(worker):
    start()
    bpy.ops.wm.read_homefile(use_empty=True)
    settle()
    assert armatures() == []
    assert "Captured for an unsaved file" in drawn()


def test_in_another_file_an_armature_of_the_same_name_is_not_touched(tmp_path, worker):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot12.blend"))
    job = start(armature="Hero")
    bpy.ops.wm.read_homefile(use_empty=True)
    theirs, _ = modules.placing.place_motion(some_motion(footage=""), "Hero", Placement(camera=False))
    action = theirs.animation_data.action
    settle()
    bpy.ops.niki.import_capture(job=job.folder.name)
    assert theirs.animation_data.action == action
    assert len(armatures()) == 2


def test_where_its_scene_was_deleted_it_stays_and_goes_into_the_open_one_when_asked(worker):
    shot = bpy.data.scenes.new("Shot B")
    job = start(scene="Shot B")
    bpy.data.scenes.remove(shot)
    settle()
    assert job.state == "DONE"
    assert armatures() == []
    assert {"Its scene was deleted", "Import Here"} <= set(drawn())
    bpy.ops.niki.import_capture(job=job.folder.name)
    assert [rig.users_scene[0] for rig in armatures()] == [bpy.context.scene]


def test_a_fault_on_import_fails_that_capture_alone_and_loses_nothing(worker, monkeypatch):
    place = results.place_motion
    said = []

    def faulty(motion, name, placement, **how):
        if name == "first":
            raise ZeroDivisionError("surprise")
        return place(motion, name, placement, **how)

    monkeypatch.setattr(results, "place_motion", faulty)
    monkeypatch.setattr(results, "report", lambda level, text: said.append((level, text)))
    first, _ = start("first"), start("second")
    settle()
    assert (first.state, first.message) == ("FAILED", "Internal error: ZeroDivisionError: surprise")
    assert ("ERROR", "first: Internal error: ZeroDivisionError: surprise") in said
    assert "Traceback" in results.captures().log.read_text()
    assert [rig.name for rig in armatures()] == ["second"]
    assert "niki.import_capture" in drawn()
    monkeypatch.setattr(results, "place_motion", place)
    bpy.ops.niki.import_capture(job=first.folder.name)
    assert sorted(rig.name for rig in armatures()) == ["first", "second"]


def test_a_placement_of_another_version_is_used_as_far_as_it_is_understood(worker):
    job = start()
    job.scene = {"frame_start": 40, "camera": "no", "gravity": 9.81, "set_rate": 1, "armature": None}
    settle()
    (rig,) = armatures()
    assert rig.animation_data.action.frame_range[0] == 40
    assert Placement.from_dict({"camera": "no", "x": 1, "frame_start": True}) == Placement()


def test_the_timer_outlives_an_exception_that_nobody_foresaw(worker, monkeypatch):
    start()
    monkeypatch.setattr(modules.timers, "redraw", lambda *kinds: 1 / 0)
    assert results._tick() is not None
    assert results._tick() is not None
    monkeypatch.undo()
    settle()


@pytest.mark.parametrize("part", ["people", "environment_operators"])
def test_a_fault_while_asking_a_worker_is_told_and_the_timer_ends_in_order(part, monkeypatch):
    class Question:
        def poll(self):
            return {"people": [{"x": 1}], "devices": 3, "missing": ""}

        def end(self, wait=False):
            pass

    module = getattr(modules, part)
    asking = people.search if part == "people" else modules.environment_operators.state
    asking.question = Question()
    assert module._poll() is not None
    assert module._poll() is None
    assert "Internal error" in (people.search.problem + modules.environment_operators.state.checked)


def test_in_pose_mode_it_waits_and_says_so(worker):
    rig, _ = modules.placing.place_motion(some_motion(footage=""), "mine", Placement(camera=False))
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="POSE")
    start()
    settle()
    assert "Captured; will import when you leave Pose Mode" in drawn()
    assert armatures() == [rig]
    bpy.ops.object.mode_set(mode="OBJECT")
    settle()
    assert len(armatures()) == 2


def test_what_the_user_selected_meanwhile_stays_selected(worker):
    worker.done = False
    start("first")
    settle()
    cube = bpy.data.objects.new("Cube", None)
    bpy.context.scene.collection.objects.link(cube)
    cube.select_set(True)
    bpy.context.view_layer.objects.active = cube
    worker.done = True
    settle()
    assert len(armatures()) == 1
    assert bpy.context.selected_objects == [cube]
    assert bpy.context.view_layer.objects.active == cube


def test_the_view_stays_where_the_user_selected_something_meanwhile(worker, monkeypatch):
    framed = []
    monkeypatch.setattr(modules.placing, "frame_selected", framed.append)
    worker.done = False
    start("first")
    settle()
    cube = bpy.data.objects.new("Cube", None)
    bpy.context.scene.collection.objects.link(cube)
    cube.select_set(True)
    worker.done = True
    settle()
    assert (len(armatures()), framed) == (1, [])
    start("second")
    settle()
    assert framed == [bpy.context.scene]


def test_nothing_comes_in_while_a_render_runs(worker, monkeypatch):
    class Rendering:
        def __init__(self, inner, **known):
            self.__dict__.update(known, _inner=inner)

        def __getattr__(self, name):
            return getattr(self._inner, name)

    app = Rendering(bpy.app, is_job_running=lambda kind: kind == "RENDER")
    monkeypatch.setattr(results, "bpy", Rendering(bpy, app=app))
    start()
    settle()
    assert armatures() == []
    assert "Captured; will import when rendering has finished" in drawn()
    monkeypatch.setattr(results, "bpy", bpy)
    settle()
    assert len(armatures()) == 1


def test_a_warning_is_a_line_in_the_panel_and_no_alarm(worker, monkeypatch):
    said = []
    monkeypatch.setattr(results, "report", lambda level, text: said.append(level))
    start()
    settle()
    assert said == ["INFO"]
    assert "The focal length is assumed" in drawn()
    bpy.ops.scene.new(type="EMPTY")
    assert drawn() == []  # it is about the other scene


def leave(tmp_path, title, file="", frames=151, total=412):
    """A capture that a Blender has left unfinished."""
    folder = tmp_path / "data" / f"20261124-2134{len(os.listdir(tmp_path / 'data')):02}-abcdef"
    folder.mkdir()
    job = modules.job.Job(folder, {"footage": "x.mp4"}, title, file=file, frames=frames, total=total)
    job.save()
    job.save_progress()
    (folder / modules.job.READINGS).write_bytes(b"{}\nrecords")
    return folder


def test_what_was_left_is_listed_with_its_file_date_and_frames_that_of_others_folded(tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot12.blend"))
    mine = leave(tmp_path, "walk", str(tmp_path / "shot12.blend"))
    theirs = [leave(tmp_path, name, f"/else/{name}.blend") for name in ("run", "jump")]
    results.captures().look()
    said = drawn()
    assert "walk" in said
    assert "shot12.blend, 2026-11-24 21:34, 151 of 412 frames" in " ".join(said)
    assert "2 captures from other projects" in said
    assert "run" not in said
    bpy.ops.niki.show_other_captures()
    assert {"run", "jump"} <= set(drawn())
    assert bpy.ops.niki.clear_other_captures() == {"FINISHED"}
    assert not any(folder.exists() for folder in theirs)
    assert mine.exists()
    assert "of other projects" not in " ".join(drawn())


def test_one_that_cannot_be_read_is_shown_and_cleared(tmp_path):
    folder = leave(tmp_path, "walk")
    (folder / modules.job.JOB).write_text('{"request": []}')
    results.captures().look()
    bpy.ops.niki.show_other_captures()
    assert "The record of this capture cannot be read" in drawn()
    assert bpy.ops.niki.continue_capture(job=folder.name) == {"CANCELLED"}
    assert bpy.ops.niki.dismiss_capture(job=folder.name, discard=True) == {"FINISHED"}
    assert not folder.exists()


def test_one_of_another_project_that_is_continued_here_belongs_here(tmp_path, worker):
    folder = leave(tmp_path, "walk", "/else/run.blend")
    results.captures().look()
    assert bpy.ops.niki.continue_capture(job=folder.name) == {"FINISHED"}
    settle()
    assert [rig.name for rig in armatures()] == ["walk"]


def test_what_was_found_in_the_footage_of_one_file_is_not_offered_in_another():
    people.search.problem, people.search.people = "old", [people.FoundPerson((1.0, 2.0), 0)]
    bpy.ops.wm.read_homefile(use_empty=True)
    assert (people.search.problem, people.search.people) == ("", [])


def test_with_other_footage_the_choice_of_a_person_is_forgotten():
    settings = bpy.context.scene.niki_capture
    settings.use_subject, people.search.people = True, [people.FoundPerson((1.0, 2.0), 0)]
    people.forget_choice(bpy.context.scene)
    assert not settings.use_subject
    assert people.search.people == []


@contextlib.contextmanager
def no_files():
    """Within, every look at a file is an error."""

    def refuse(*args, **kwargs):
        raise AssertionError(f"a file is looked at: {args[:1]}")

    looks = {
        os: ("stat", "lstat", "open", "scandir", "listdir", "mkdir", "access", "unlink", "replace"),
        os.path: ("exists", "isfile", "isdir", "getmtime", "getsize", "realpath"),
        pathlib.Path: ("exists", "is_file", "is_dir", "stat", "glob", "iterdir", "open", "mkdir", "resolve"),
        builtins: ("open",),
        io: ("open",),
        bpy.utils: ("extension_path_user",),
    }
    with pytest.MonkeyPatch.context() as patch:
        for place, names in looks.items():
            for name in names:
                patch.setattr(place, name, refuse)
        yield


def test_nothing_is_looked_for_on_the_disk_while_drawing_or_greying_out(tmp_path, worker):
    """The scene's footage aside, which is empty here."""
    leave(tmp_path, "mine")
    leave(tmp_path, "theirs", "/else/x.blend")
    worker.done = False
    start("running"), start("waiting")
    settle()
    failed = start("failed")
    failed.state, failed.message = "FAILED", "no"
    results.session.others_shown = True
    rig, _ = modules.placing.place_motion(some_motion(footage=""), "mine", Placement(camera=False))
    bpy.context.view_layer.objects.active = rig
    results.captures().look()
    modules.environment_operators.state.look()
    said, failures = [], []

    def attempt(name, act, *args):
        try:
            with no_files():
                act(*args)
        except Exception as problem:
            failures.append(f"{name}: {problem!r}")

    for cls in (c for m in modules.registration.find_modules() for c in getattr(m, "CLASSES", ())):
        if hasattr(cls, "poll"):
            attempt(cls.__name__, cls.poll, bpy.context)
        if issubclass(cls, bpy.types.Panel) and (not hasattr(cls, "poll") or cls.poll(bpy.context)):
            panel = SimpleNamespace(layout=Layout(said), columns=lambda: Layout(said))
            attempt(cls.__name__, cls.draw, panel, bpy.context)
    attempt("runtime", modules.preferences.draw_runtime, Layout(said), SimpleNamespace(runtime="ENVIRONMENT"))
    assert failures == []
    assert {"running", "waiting", "failed", "mine", "theirs", "niki.make_environment"} <= set(said)


def captured_with_readings(title):
    """A finished capture, imported: the armature, and the capture's folder."""
    job = results.captures().add({"footage": "clip.mp4"}, title, Placement(camera=False).as_dict())
    some_motion(
        frames=12, footage="", sigma=np.full((12, 29, 2), 0.2), errors_last=True,
        hints=np.full((12, 24, 3), np.nan), jumps=np.zeros(12),
    ).save(job.folder / "motion.npz")  # fmt: skip
    return results.import_result(job), job.folder


def test_the_readings_are_kept_under_the_name_of_the_clip_and_are_there(tmp_path):
    rig, folder = captured_with_readings("my clip: 1/2")
    kept = pathlib.Path(rig.niki_refine.readings)
    assert kept == tmp_path / "data" / f"my_clip_1_2-{folder.name}.npz"
    assert kept.is_file()
    assert not modules.refine_settings.is_missing(str(kept))
    assert not folder.exists()


def fail_for_motions(act):
    """As ``act(source, target)``, which cannot move or copy a finished motion."""

    def attempt(source, target):
        if pathlib.Path(source).name == "motion.npz":
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return act(source, target)

    return attempt


def test_readings_that_cannot_be_moved_are_copied(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail_for_motions(os.replace))
        rig, folder = captured_with_readings("clip")
    assert pathlib.Path(rig.niki_refine.readings).is_file()
    assert not folder.exists()


def test_readings_that_cannot_even_be_copied_stay_in_the_capture(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail_for_motions(os.replace))
        patch.setattr(shutil, "copyfile", fail_for_motions(shutil.copyfile))
        rig, folder = captured_with_readings("clip")
    assert rig.niki_refine.readings == str(folder / "motion.npz")
    assert not modules.refine_settings.is_missing(rig.niki_refine.readings)
    assert "The readings could not be moved" in results.session.outcome.warnings[-1]
    assert results.captures().jobs == []  # so that it is not imported again by itself
    assert [job.folder for job in results.captures().unfinished()] == [folder]


def test_a_height_is_estimated_unless_it_is_set_and_means_what_it_shows():
    settings = bpy.context.scene.niki_capture
    settings.path = str(ROOT / "samples/sample.mp4")
    assert modules.operators.task_of(bpy.context.scene)[0].height is None
    settings.use_height = True
    for given, meant in ((1.83, 1.83), (0.1, 0.3), (9, 3.0)):
        settings.height = given
        assert settings.height == pytest.approx(meant)  # no other than the one that is captured with
        assert modules.operators.task_of(bpy.context.scene)[0].height == meant


def test_every_operator_of_captures_has_a_tooltip_that_is_no_docstring():
    for module in (modules.operators, modules.job_operators, people, modules.environment_operators):
        for cls in module.CLASSES:
            assert cls.bl_description
            assert cls.bl_description != cls.__doc__


def test_outside_an_extension_the_data_folder_is_nobodys_guess(tmp_path, monkeypatch):
    monkeypatch.undo()
    folder = modules.chosen.data_folder("captures")
    assert folder.is_dir()
    assert folder == modules.chosen.data_folder("captures")
    if os.name != "nt":
        assert folder.parent.stat().st_mode & 0o077 == 0


def test_the_manifest_asks_for_what_is_used():
    permissions = tomllib.loads((ROOT / "blender_manifest.toml").read_text())["permissions"]
    assert set(permissions) == {"files", "network"}
    for text in permissions.values():
        assert len(text) <= 64
        assert text[-1].isalnum()
