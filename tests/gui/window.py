"""A real Blender in a real window (under Xvfb), driven from outside: code, mouse, keys, screenshots."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

REMOTE = Path(__file__).with_name("remote.py")
SIZE = (1600, 1000)


class Window:
    """A running Blender.

    Args:
        root: folder of a system of its own (chroot) that has Blender, Xvfb, openbox, xdotool and
            ImageMagick; None for this system's. blender: the program. folder: for everything that is
            written, within ``root``.
    """

    def __init__(self, root: Path | None, blender: str, folder: str, display: str = ":87"):
        self.root, self.folder, self._display, self._count = root, folder, display, 0
        self._processes: list[subprocess.Popen] = []
        self.home = self.outside(folder)
        shutil.rmtree(self.home, ignore_errors=True)
        for name in ("home", "xdg", "resources"):
            (self.home / name).mkdir(parents=True, mode=0o700)
        shutil.copy(REMOTE, self.home)
        self.environment = {
            "PATH": "/usr/bin:/bin", "HOME": f"{folder}/home", "XDG_RUNTIME_DIR": f"{folder}/xdg",
            "LANG": "C.UTF-8", "DISPLAY": display, "LIBGL_ALWAYS_SOFTWARE": "1", "PYTHONUNBUFFERED": "1",
            "BLENDER_USER_RESOURCES": f"{folder}/resources", "NIKI_DRIVE": folder, "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        self._blender = blender

    def outside(self, path: str) -> Path:
        """Where a path within the root lies here."""
        return Path(f"{self.root or ''}{path}")

    def command(self, *arguments) -> list[str]:
        """A command line that runs within the root."""
        enter = ["chroot", str(self.root)] if self.root else []
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        return [*enter, "env", "-i", *variables, *map(str, arguments)]

    def open(self) -> None:
        """Start the display and Blender, until it answers."""
        width, height = SIZE
        self._start("Xvfb", self._display, "-screen", 0, f"{width}x{height}x24", "+extension", "GLX", "-noreset",
                    "-nolisten", "tcp")  # fmt: skip
        socket = self.outside(f"/tmp/.X11-unix/X{self._display[1:]}")
        _wait(socket.exists, 15, "the display")
        self._start("openbox")
        time.sleep(0.5)
        self._program = self._start(
            self._blender, "--gpu-backend", "opengl", "-noaudio", "-p", 0, 0, width, height, "--python",
            f"{self.folder}/remote.py",
        )  # fmt: skip
        self.do("result = 1", limit=90)
        found = self._xdotool("search", "--onlyvisible", "--name", "Blender").split()[0]
        self._xdotool("windowactivate", found)
        time.sleep(0.5)

    def close(self) -> None:
        """End all of it."""
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(8)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def __enter__(self) -> Window:
        self.open()
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def do(self, code: str, limit: float = 30):
        """Run Python in Blender's main thread; the value it gives ``result``.

        Raises:
            RuntimeError: the code raised, or Blender died. TimeoutError: no answer.
        """
        self._count += 1
        unfinished = self.home / "command.part"
        unfinished.write_text(json.dumps({"id": self._count, "code": code}))
        unfinished.rename(self.home / "command.json")
        file, until = self.home / "answer.json", time.monotonic() + limit
        while time.monotonic() < until:
            if file.is_file():
                reply = json.loads(file.read_text())
                file.unlink()
                if reply["error"]:
                    raise RuntimeError(reply["error"])
                return reply["value"]
            if self._program.poll() is not None:
                raise RuntimeError(f"Blender died:\n{self.log()[-2000:]}")
            time.sleep(0.02)
        raise TimeoutError(code)

    def until(self, code: str, limit: float) -> None:
        """Wait until ``code``, an expression, is true in Blender."""
        _wait(lambda: self.do(f"result = bool({code})"), limit, code)

    def settle(self) -> None:
        """Until Blender has drawn, and has no events left."""
        self.do("[a.tag_redraw() for a in window().screen.areas]")
        self.do("result = 1")
        time.sleep(0.2)
        self.do("result = 1")

    def move(self, x: float, y: float) -> None:
        """Move the mouse, over something else first."""
        for offset in (6, 0):
            self._xdotool("mousemove", int(x - offset), int(y - offset))
            time.sleep(0.1)
        self.do("result = 1")

    def click(self, x: float, y: float) -> float:
        """Press and release the left button; returns when it was released (``time.monotonic``)."""
        self.move(x, y)
        self.settle()
        self._xdotool("mousedown", 1)
        time.sleep(0.1)
        self.do("result = 1")
        self._xdotool("mouseup", 1)
        released = time.monotonic()
        time.sleep(0.1)
        self.settle()
        return released

    def drag(self, points: list[tuple[float, float]], at=lambda k: None) -> None:
        """Press at the first point, move along the others, release; ``at(k)`` is called at each."""
        self.move(*points[0])
        self.settle()
        self._xdotool("mousedown", 1)
        for k, (x, y) in enumerate(points[1:], 1):
            self._xdotool("mousemove", int(x), int(y))
            time.sleep(0.03)
            self.do("result = 1")
            at(k)
        self._xdotool("mouseup", 1)
        self.settle()

    def key(self, name: str) -> None:
        """Press a key."""
        self._xdotool("key", name)
        time.sleep(0.2)
        self.settle()

    def screenshot(self, path: Path, crop: str = "") -> None:
        """Of the whole display, or WxH+X+Y of it."""
        self.settle()
        picture = f"{self.folder}/shot.png"
        crops = ["-crop", crop, "+repage"] if crop else []
        subprocess.run(self.command("import", "-window", "root", *crops, picture), check=True)
        shutil.copy(self.outside(picture), path)

    def sidebar(self) -> tuple[int, int]:
        """The top left corner of the 3D view's sidebar, in the display's pixels."""
        x, y = self.do("w, u = window(), view()[2]; result = [w.x + u.x, w.y + u.y + u.height]")
        return x, SIZE[1] - y

    def log(self) -> str:
        """What Blender printed."""
        return (self.home / "blender.log").read_text()

    def _start(self, program, *arguments) -> subprocess.Popen:
        with open(self.home / f"{Path(program).name}.log", "w") as log:
            process = subprocess.Popen(
                self.command(program, *arguments),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def _xdotool(self, *arguments) -> str:
        command = self.command("xdotool", *arguments)
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _wait(condition, limit: float, what: str) -> None:
    until = time.monotonic() + limit
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"{what}: not within {limit:.0f} s")
        time.sleep(0.1)


def make_root(folder: Path) -> None:
    """A Debian trixie with Blender 4.3 and what drives it, in ``folder``: minutes, 2 GB; needs root.

    Raises:
        RuntimeError: says what it lacks.
    """
    if os.geteuid() != 0:
        raise RuntimeError("a system for the window can be made by root alone")
    if not (folder / "usr/bin/apt-get").exists():
        if shutil.which("debootstrap") is None:
            _run("apt-get", "update", "-q")
            _run("apt-get", "install", "-y", "-q", "debootstrap")
        _run("debootstrap", "--variant=minbase", "--include=ca-certificates", "trixie", folder, *_mirror())
    for name in ("proc", "dev"):
        if not os.path.ismount(folder / name):
            _run("mount", "--bind", f"/{name}", folder / name)
    if not (folder / "usr/bin/blender").exists():
        shutil.copy("/etc/resolv.conf", folder / "etc/resolv.conf")
        _run("cp", "-rLn", "/etc/ssl/certs/.", folder / "etc/ssl/certs")
        packages = ["blender", "python3-numpy", "xvfb", "xdotool", "openbox", "imagemagick", "x11-utils"]
        # Blender's own numpy has OpenBLAS; Debian's takes what is there.
        packages += ["libgl1-mesa-dri", "libegl1", "libopenblas0-pthread"]
        _run("chroot", folder, "apt-get", "update", "-q")
        _run("chroot", folder, "apt-get", "install", "-y", "-q", "--no-install-recommends", *packages)


def release_root(folder: Path) -> None:
    """Take away this machine's devices from the root: whoever deletes the folder must not meet them."""
    for name in ("proc", "dev"):
        if os.path.ismount(folder / name):
            subprocess.run(["umount", "--lazy", str(folder / name)], check=False)


def _mirror() -> list[str]:
    """Where this system takes its own packages from."""
    for file in (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list")):
        for line in file.read_text().splitlines() if file.is_file() else ():
            kind, _, rest = line.partition(" ")
            if kind in ("URIs:", "deb"):
                return [word for word in rest.split() if "://" in word or word.startswith("file:")][:1]
    return []


def _run(*command) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment)
    if result.returncode:
        raise RuntimeError(
            f"{' '.join(map(str, command[:3]))}: {(result.stderr or result.stdout).strip()[-500:]}"
        )
