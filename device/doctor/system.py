"""The machine that is looked at: this one, or a fake with all its answers. Nothing else here asks the system anything."""

from __future__ import annotations

import os
import platform
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..throttling import Firmware

TIME_ERROR = 5
"""What adjtimex returns while the clock is not synchronized (adjtimex(2))."""
_TIMEX_BYTES = 512
"""More than struct timex has on any Linux; all zero asks and sets nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a child process ended."""

    status: int | None
    """None: it hung, or could not be started. Negative: ended by that signal."""
    out: str = ""
    err: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One machine, with the user who asks."""

    root: Path
    """Where /proc, /sys, /etc and /dev are."""
    python: tuple[int, int, int]
    pointer_bits: int
    """Of this Python: 32 also on a 64-bit kernel, where the system is a 32-bit one."""
    kernel: str
    """As uname says: aarch64, armv7l, x86_64 ..."""
    user: str
    groups: frozenset[str]
    """Names of the groups that this process has; those of a later usermod are not among them."""
    superuser: bool
    child: Callable[[Sequence[str], float], Answer]
    """Runs a command for at most so many seconds."""
    may_use: Callable[[Path], bool]
    """Whether this user may read and write a path."""
    disk: Callable[[Path], tuple[int, int]]
    """Bytes free and in all where a path is."""
    synchronized: Callable[[], bool | None]
    """Whether the clock follows a time server."""
    throttled: Callable[[], int | None]
    """The firmware's bits, see ``device/throttling.py``."""
    now: Callable[[], float] = time.time

    def path(self, name: str) -> Path:
        """An absolute path of the machine, here."""
        return self.root / name.lstrip("/")

    def read(self, name: str) -> str:
        """The text of a file, without the zero byte that device trees end with; empty where there is none."""
        try:
            return self.path(name).read_text(encoding="utf-8", errors="replace").strip("\0 \n\t")
        except OSError:
            return ""

    def nodes(self, pattern: str) -> list[Path]:
        """The files below /dev that match."""
        folder = self.path("/dev")
        return sorted(folder.glob(pattern)) if folder.is_dir() else []

    @property
    def board(self) -> str:
        """What the device tree calls it; empty on machines without one."""
        return self.read("/proc/device-tree/model")

    @property
    def release(self) -> dict[str, str]:
        """/etc/os-release."""
        pairs = (line.partition("=") for line in self.read("/etc/os-release").splitlines())
        return {key: value.strip("\"'") for key, separator, value in pairs if separator}

    @property
    def raspberry_pi(self) -> bool:
        """Whether it is one."""
        return "raspberry pi" in self.board.lower()


def how_it_ended(answer: Answer, doing: str, timeout_s: float) -> str:
    """Why a child did not do what it was started for: its own last line, or what ended it while ``doing`` something."""
    if answer.status is None:
        return f"{doing} does not end within {timeout_s:g} s"
    if answer.status < 0:
        try:
            return f"{doing} crashes ({signal.Signals(-answer.status).name})"
        except ValueError:
            return f"{doing} crashes (signal {-answer.status})"
    lines = answer.err.strip().splitlines()
    return lines[-1] if lines else f"{doing} fails (exit status {answer.status})"


def here() -> System:
    """This machine."""
    import getpass

    return System(
        root=Path("/"),
        python=sys.version_info[:3],
        pointer_bits=struct.calcsize("P") * 8,
        kernel=platform.machine(),
        user=getpass.getuser() if _has_name() else str(os.getuid()),
        groups=_groups(),
        superuser=os.geteuid() == 0,
        child=_child,
        may_use=lambda path: os.access(path, os.R_OK | os.W_OK),
        disk=_disk,
        synchronized=_synchronized,
        throttled=Firmware(),
    )


def _has_name() -> bool:
    import pwd

    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return bool(os.environ.get("USER"))
    return True


def _groups() -> frozenset[str]:
    import grp

    names = set()
    for number in {os.getegid(), *os.getgroups()}:
        try:
            names.add(grp.getgrgid(number).gr_name)
        except KeyError:
            names.add(str(number))
    return frozenset(names)


def _child(command: Sequence[str], timeout_s: float) -> Answer:
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return Answer(None)
    return Answer(done.returncode, done.stdout, done.stderr)


def _disk(path: Path) -> tuple[int, int]:
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


def _synchronized() -> bool | None:
    """The kernel knows, whichever program keeps the time."""
    import ctypes

    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != TIME_ERROR
