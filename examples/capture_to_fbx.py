"""Capture a clip and write the motion as FBX, for a game engine or another animation program.

usage: python examples/capture_to_fbx.py [FOOTAGE [FILE.fbx]]

Needs niki[capture,blender]. Without arguments it captures the sample clip to build/examples/sample.fbx.
"""

import subprocess
import sys
from pathlib import Path

from niki import capture
from niki.review.blender_process import save_blend

ROOT = Path(__file__).resolve().parent.parent
EXPORT = """
import os, sys, bpy
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
bpy.ops.export_scene.fbx(filepath=sys.argv[2], object_types={"ARMATURE", "MESH"}, add_leaf_bones=False)
sys.stdout.flush()
os._exit(0)  # bpy may hang when Python exits
"""


def main() -> None:
    """Capture the footage, save motion and scene, export the scene as FBX."""
    footage = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "samples/sample.mp4"
    fbx = Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / f"build/examples/{footage.stem}.fbx"
    fbx.parent.mkdir(parents=True, exist_ok=True)

    captured = capture(footage)
    motion_file, scene = fbx.with_suffix(".npz"), fbx.with_suffix(".blend")
    captured.motion.save(motion_file)
    save_blend(str(motion_file), str(scene))  # bpy, in a process of its own

    subprocess.run(
        [sys.executable, "-c", EXPORT, str(scene), str(fbx)], check=True, stdout=subprocess.DEVNULL
    )
    print(f"{fbx}: {len(captured.motion)} frames, a person in {captured.share_seen:.0%} of them")


if __name__ == "__main__":
    main()
