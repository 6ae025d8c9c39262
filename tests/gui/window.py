"""A real Blender in a real window (under Xvfb), driven from outside: code, mouse, keys, screenshots."""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
import uuid
from pathlib import Path

REMOTE = Path(__file__).with_name("remote.py")
SIZE = (1600, 1000)
PATIENCE = 300  # seconds that anything may take, however busy the machine is; waits end when what they wait for is so


class Window:
    """A running Blender.

    Args:
        root: folder of a system of its own (chroot) that has Blender, Xvfb, openbox, xdotool and
            ImageMagick; None for this system's. blender: the program. folder: for everything that is
            written, within ``root``.
    """

    def __init__(self, root: Path | None, blender: str, folder: str):
        self.root, self.folder, self._count = root, folder, 0
        self._processes: dict[str, subprocess.Popen] = {}
        self.home = self.outside(folder)
        shutil.rmtree(self.home, ignore_errors=True)
        for name in ("home", "xdg", "resources"):
            (self.home / name).mkdir(parents=True, mode=0o700)
        shutil.copy(REMOTE, self.home)
        self.environment = {
            "PATH": "/usr/bin:/bin", "HOME": f"{folder}/home", "XDG_RUNTIME_DIR": f"{folder}/xdg",
            "LANG": "C.UTF-8", "LIBGL_ALWAYS_SOFTWARE": "1", "PYTHONUNBUFFERED": "1",
            "BLENDER_USER_RESOURCES": f"{folder}/resources", "NIKI_DRIVE": folder, "OMP_NUM_THREADS": "1",
            "NIKI_WINDOW": uuid.uuid4().hex,
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
        told, tells = os.pipe()  # Xvfb takes a display that is free, and tells its number when it is ready
        self._start("Xvfb", "-displayfd", tells, "-screen", 0, f"{width}x{height}x24", "+extension", "GLX", "-noreset",
                    "-nolisten", "tcp", pass_fds=(tells,))  # fmt: skip
        os.close(tells)
        with open(told) as number:
            self._wait(lambda: select.select([number], [], [], 0)[0], "the display")
            self.environment["DISPLAY"] = f":{number.readline().strip()}"
        self._start("openbox")
        self._wait(lambda: self._answers("get_num_desktops"), "the window manager")
        self._start(
            self._blender, "--gpu-backend", "opengl", "-noaudio", "-p", 0, 0, width, height, "--python",
            f"{self.folder}/remote.py",
        )  # fmt: skip
        self.do("result = 1")
        self._wait(lambda: self._answers("search", "--onlyvisible", "--name", "Blender"), "Blender's window")
        found = self._xdotool("search", "--onlyvisible", "--name", "Blender").split()[0]
        self._xdotool("windowactivate", found)
        self._wait(lambda: self._answers("getactivewindow") == found, "the keyboard's focus")

    def close(self) -> None:
        """End all of it."""
        for process in reversed(self._processes.values()):
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def __enter__(self) -> Window:
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def do(self, code: str):
        """Run Python in Blender's main thread; the value it gives ``result``.

        Raises:
            RuntimeError: the code raised, or Blender died. TimeoutError: no answer.
        """
        self._count += 1
        unfinished = self.home / "command.part"
        unfinished.write_text(json.dumps({"id": self._count, "code": code}))
        unfinished.rename(self.home / "command.json")
        file = self.home / "answer.json"
        self._wait(file.is_file, code)
        reply = json.loads(file.read_text())
        file.unlink()
        if reply["error"]:
            raise RuntimeError(reply["error"])
        return reply["value"]

    def until(self, code: str) -> None:
        """Wait until ``code``, an expression, is true in Blender."""
        self._wait(lambda: self.do(f"result = bool({code})"), code)

    def handle_events(self) -> None:
        """Until Blender has handled the mouse and the keys so far."""
        self.do("result = 1")  # runs before the events of its turn of Blender's loop are handled
        self.do("result = 1")

    def settle(self) -> None:
        """Until Blender has handled all events, and has drawn."""
        self.handle_events()
        self.do("[a.tag_redraw() for w in bpy.context.window_manager.windows for a in w.screen.areas]")
        self.handle_events()

    def move(self, x: float, y: float) -> None:
        """Move the mouse, over something else first."""
        for offset in (6, 0):
            self._xdotool("mousemove", int(x - offset), int(y - offset))
            self.handle_events()

    def click(self, x: float, y: float) -> None:
        """Press and release the left button there."""
        self.move(x, y)
        self.settle()
        self._click()

    def press(self, command: str) -> float:
        """Click the button of the sidebar whose command matches the pattern ``command``, for instance
        ``niki.capture``, with the mouse, once it is there; returns when it was released (``time.monotonic``)."""
        self._wait(lambda: self._is_on_button(command) or self._find_button(command), f"the button {command}")
        self._click()
        return time.monotonic()

    def unfold(self, panel: str) -> None:
        """Open a folded panel of the sidebar, by its class, with a click on its header, wherever that is."""
        self.do(f"watch_panel({panel!r})")
        self.settle()
        self._wait(lambda: self.do("result = is_drawn()") or self._find_header(), f"the panel {panel}")

    def _find_header(self) -> bool:
        """Click whatever is no button, from the top to the bottom: True once the panel is drawn. What was clicked
        in vain is clicked again, since it may be another header."""
        places = self.do("result = header_places()")
        for x, y in places:
            self.move(x, SIZE[1] - y)
            if self.do("result = button()"):
                continue
            self._click()
            self.settle()
            if self.do("result = is_drawn()"):
                return True
            self._click()
            self.settle()
        self._xdotool("click", "--repeat", 5, 5)
        self.settle()
        return False

    def _click(self) -> None:
        self._xdotool("mousedown", 1)
        self.handle_events()
        self._xdotool("mouseup", 1)
        self.handle_events()

    def _is_on_button(self, command: str) -> bool:
        return self.do(f"result = bool(re.search({command!r}, button()))")

    def _find_button(self, command: str) -> bool:
        """Look over what the sidebar shows, then scroll on: False where it was not there, or has moved away since."""
        self.do(f"search = Search({command!r})")
        self.until("search.over")
        if self.do("result = search.found"):
            self.settle()
            return self._is_on_button(command)
        before = self.do("result = scrolled()")
        self._xdotool("click", "--repeat", 5, 5)
        self.settle()
        if self.do("result = scrolled()") == before:
            self._xdotool("click", "--repeat", 100, 4)
            self.settle()
        return False

    def drag(self, points: list[tuple[float, float]], at=lambda k: None) -> None:
        """Press at the first point, move along the others, release; ``at(k)`` is called at each."""
        self.move(*points[0])
        self.settle()
        self._xdotool("mousedown", 1)
        for k, (x, y) in enumerate(points[1:], 1):
            self._xdotool("mousemove", int(x), int(y))
            self.handle_events()
            at(k)
        self._xdotool("mouseup", 1)
        self.settle()

    def key(self, name: str) -> None:
        """Press a key."""
        self._xdotool("key", name)
        self.settle()

    def screenshot(self, path: Path, crop: str = "") -> None:
        """Of the whole display, or WxH+X+Y of it, in the format that ``path`` ends in."""
        self.settle()
        picture = f"{self.folder}/shot{path.suffix}"
        crops = ["-crop", crop, "+repage", "-quality", "85"] if crop else []
        subprocess.run(self.command("import", "-window", "root", *crops, picture), check=True)
        shutil.copy(self.outside(picture), path)

    def running(self) -> list[str]:
        """The processes of this window: its own, Blender's, and what Blender has started."""
        mark, found = f"NIKI_WINDOW={self.environment['NIKI_WINDOW']}".encode(), []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:80])
            except OSError:  # it has just ended
                continue
        return found

    def log(self, program: str = "blender") -> str:
        """What a program printed."""
        return (self.home / f"{program}.log").read_text()

    def _start(self, program, *arguments, pass_fds=()) -> None:
        name = Path(program).name
        with open(self.home / f"{name}.log", "w") as log:
            process = subprocess.Popen(
                self.command(program, *arguments),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=pass_fds,
            )
        self._processes[name] = process

    def _xdotool(self, *arguments) -> str:
        command = self.command("xdotool", *arguments)
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def _answers(self, *question) -> str:
        """What xdotool says, "" where it fails."""
        try:
            return self._xdotool(*question)
        except subprocess.CalledProcessError:
            return ""

    def _wait(self, condition, what: str) -> None:
        until = time.monotonic() + PATIENCE
        while not condition():
            for program, process in self._processes.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{program} has ended:\n{self.log(program)[-2000:]}")
            if time.monotonic() > until:
                raise TimeoutError(f"not within {PATIENCE} s: {what}")
            time.sleep(0.01)


def make_root(folder: Path) -> None:
    """A Debian trixie with Blender 4.3 and what drives it, in ``folder``: minutes, 2 GB; needs root.

    Raises:
        RuntimeError: says what it lacks.
    """
    if os.geteuid() != 0:
        raise RuntimeError("a system for the window can be made by root alone")
    _reserve(folder)
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


def _reserve(folder: Path) -> None:
    """One test at a time: waits until no other uses the root, and gives it back when this process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder.with_name(f"{folder.name}.lock"), os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"waiting for another test that uses {folder} ...", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    atexit.register(release_root, folder)


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
