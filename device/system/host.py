"""The machine that is checked: this one or a fake. Only this module queries the system."""

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

from edgevision import children

from .throttling import Firmware

TIME_ERROR = 5
"""Return value of adjtimex while the clock is not synchronized (adjtimex(2))."""
_TIMEX_BYTES = 512
"""More bytes than struct timex has on any Linux; all zero, it queries without setting anything."""


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """The result of a child process."""

    status: int | None
    """Exit status; None if it hung or could not be started, negative if ended by that signal."""
    out: str = ""
    err: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One machine, as seen by one user."""

    root: Path
    """Folder that contains /proc, /sys, /etc and /dev."""
    python: tuple[int, int, int]
    pointer_bits: int
    """Pointer width of this Python: 32 for a 32-bit system even on a 64-bit kernel."""
    kernel: str
    """Machine name from uname: aarch64, armv7l, x86_64 ..."""
    user: str
    groups: frozenset[str]
    """Groups of this process; groups added by a later usermod are not included."""
    superuser: bool
    child: Callable[[Sequence[str], float], ProcessResult]
    """Run a command with a timeout in seconds."""
    may_use: Callable[[Path], bool]
    """Return whether this user may read and write a path."""
    disk: Callable[[Path], tuple[int, int]]
    """Return the free and total bytes of the file system that contains a path."""
    synchronized: Callable[[], bool | None]
    """Return whether the clock is synchronized with a time server; None if unknown."""
    throttled: Callable[[], int | None]
    """Return the firmware's throttling bits (``device/system/throttling.py``); None if unknown."""
    now: Callable[[], float] = time.time

    def path(self, name: str) -> Path:
        """Return where an absolute path of the machine is on this one."""
        return self.root / name.lstrip("/")

    def read(self, name: str) -> str:
        """Return the text of a file, without the zero byte at the end of device tree values; empty if unreadable."""
        try:
            return self.path(name).read_text(encoding="utf-8", errors="replace").strip("\0 \n\t")
        except OSError:
            return ""

    def nodes(self, pattern: str) -> list[Path]:
        """Return the files below /dev that match a pattern."""
        folder = self.path("/dev")
        return sorted(folder.glob(pattern)) if folder.is_dir() else []

    @property
    def board(self) -> str:
        """The board's name in the device tree; empty on machines without one."""
        return self.read("/proc/device-tree/model")

    @property
    def release(self) -> dict[str, str]:
        """The key-value pairs of /etc/os-release."""
        pairs = (line.partition("=") for line in self.read("/etc/os-release").splitlines())
        return {key: value.strip("\"'") for key, separator, value in pairs if separator}

    @property
    def raspberry_pi(self) -> bool:
        """Whether the machine is a Raspberry Pi."""
        return "raspberry pi" in self.board.lower()


def how_it_ended(answer: ProcessResult, doing: str, timeout_s: float) -> str:
    """Return why a child process failed: its last line on stderr, or what ended it while ``doing`` something."""
    if answer.status is None:
        return f"{doing} did not finish within {timeout_s:g} s"
    if answer.status < 0:
        try:
            return f"{doing} crashed ({signal.Signals(-answer.status).name})"
        except ValueError:
            return f"{doing} crashed (signal {-answer.status})"
    lines = answer.err.strip().splitlines()
    return lines[-1] if lines else f"{doing} failed (exit status {answer.status})"


def here() -> System:
    """Return this machine."""
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


def _child(command: Sequence[str], timeout_s: float) -> ProcessResult:
    try:
        done = children.run(list(command), timeout_s, text=True, errors="replace")
    except (OSError, subprocess.TimeoutExpired):
        return ProcessResult(None)
    return ProcessResult(done.returncode, done.stdout, done.stderr)


def _disk(path: Path) -> tuple[int, int]:
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


def _synchronized() -> bool | None:
    """Ask the kernel, which knows whichever program keeps the time."""
    import ctypes

    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != TIME_ERROR
