"""The Python in README and docs runs, their links lead somewhere, and the examples do what they say."""

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob(".github/**/*.md")])
FRAMES = 10


def snippets(document: Path) -> str:
    """The blocks of Python in a document, one after the other; the line numbers are the document's."""
    lines, inside = [], False
    for line in document.read_text(encoding="utf-8").splitlines():
        fence = line.startswith("```")
        if fence:
            inside = not inside and line == "```python"
        lines.append(line if inside and not fence else "")
    return "\n".join(lines)


WITH_PYTHON = [document for document in DOCS if snippets(document).strip()]


def name(document: Path) -> str:
    return str(document.relative_to(ROOT))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """The beginning of the sample, as ``clip.mp4``: the documents say that there is one."""
    av = pytest.importorskip("av")
    path = tmp_path_factory.mktemp("docs") / "clip.mp4"
    with av.open(ROOT / "samples/sample.mp4") as source, av.open(path, "w") as target:
        read = source.streams.video[0]
        stream = target.add_stream("libx264", rate=read.average_rate)
        stream.width, stream.height, stream.pix_fmt = read.width, read.height, "yuv420p"
        for frame in itertools.islice(source.decode(read), FRAMES):
            target.mux(stream.encode(av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"))))
        target.mux(stream.encode())
    return path


def test_there_is_python_to_run():
    assert {"README.md", "docs/library.md"} <= set(map(name, WITH_PYTHON))


@pytest.mark.parametrize("document", WITH_PYTHON, ids=name)
def test_python_in_documents_runs(document, clip, monkeypatch):
    monkeypatch.chdir(clip.parent)
    exec(compile(snippets(document), document, "exec"), {"__name__": "snippets"})


@pytest.mark.parametrize("document", DOCS, ids=name)
def test_links_lead_to_files(document):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (document.parent / link).exists()] == []


def run_example(example: str, *arguments) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "examples" / example), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=280)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_every_example_is_tested():
    examples = {path.name for path in (ROOT / "examples").glob("*.py")}
    assert examples == {"capture_to_fbx.py", "pose_by_targets.py", "solve_joints.py"}


def test_example_solves_joints():
    before, after = map(int, re.findall(r"(\d+) mm", run_example("solve_joints.py")))
    assert after < before / 2


def test_example_poses_by_targets():
    errors = dict(re.findall(r"(\w+): ([\d.]+) mm from its target", run_example("pose_by_targets.py")))
    assert float(errors["right_wrist"]) < 1
    assert float(errors["pelvis"]) < 1


def test_example_captures_to_fbx(clip, tmp_path):
    fbx = tmp_path / "clip.fbx"
    assert f"{FRAMES} frames" in run_example("capture_to_fbx.py", clip, fbx)
    assert fbx.read_bytes().startswith(b"Kaydara FBX Binary")
