"""Fake Raspberry Pis for tests: files of /proc, /sys and /dev, and the output of child processes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..system.host import ProcessResult, System
from .packages import MODULES

CAMERAS = "cameras"
DISTRIBUTIONS = "distributions"
LIBRARY = "libedgetpu.so.1"
OPENCV = ("opencv-python-headless", "opencv")
"""Names of the distribution from PyPI and from apt."""
NOW = 1_790_000_000.0
"""A Unix time in September 2026."""


@dataclass(frozen=True, slots=True)
class FakeMachine:
    """Everything that a fake machine reports about itself."""

    board: str
    release: Mapping[str, str]
    kernel: str
    python: tuple[int, int, int]
    versions: Mapping[str, str]
    """Versions of the installed distributions; the libraries among them can be imported."""
    cameras: Mapping[str, Any]
    """Output of ``edgevision cameras --json``."""
    osrelease: str
    memory_kb: int
    pointer_bits: int = 64
    throttled: int | None = 0
    temperature_mc: int = 48_212
    """Temperature in thousandths of a degree Celsius."""
    groups: frozenset[str] = frozenset({"pi", "video", "render", "plugdev"})
    devices: tuple[str, ...] = ("/dev/vcio", "/dev/dma_heap/linux,cma", "/dev/dri/renderD128", "/dev/media0")
    locked: frozenset[str] = frozenset()
    """Devices that the user may not open."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Additional files: path -> content."""
    answers: Mapping[str, ProcessResult] = field(default_factory=dict)
    """Results of child processes that fail, by the module, library or command they are asked for."""
    disk: tuple[int, int] = (21_500_000_000, 31_000_000_000)
    synchronized: bool | None = True
    now: float = NOW


def build(machine: FakeMachine, folder: Path) -> System:
    """Write the machine's files below ``folder`` and return the machine."""
    release = "\n".join(f'{key}="{value}"' for key, value in machine.release.items())
    files = {
        "/proc/device-tree/model": machine.board + "\0",
        "/proc/cpuinfo": "\n".join(f"processor\t: {core}" for core in range(4)),
        "/proc/meminfo": f"MemTotal: {machine.memory_kb} kB\n",
        "/proc/mounts": "/dev/mmcblk0p2 / ext4 rw,noatime 0 0\n",
        "/proc/sys/kernel/osrelease": machine.osrelease + "\n",
        "/sys/class/thermal/thermal_zone0/temp": f"{machine.temperature_mc}\n",
        "/etc/os-release": release,
        "/etc/group": "video:x:44:pi\nplugdev:x:46:pi\nrender:x:105:pi\n",
        **dict.fromkeys(machine.devices, ""),
        **machine.files,
    }
    for name, text in files.items():
        path = folder / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return System(
        root=folder,
        python=machine.python,
        pointer_bits=machine.pointer_bits,
        kernel=machine.kernel,
        user="pi",
        groups=machine.groups,
        superuser=False,
        child=lambda command, _: _answer(machine, command),
        may_use=lambda path: path.exists() and f"/{path.relative_to(folder)}" not in machine.locked,
        disk=lambda _: machine.disk,
        synchronized=lambda: machine.synchronized,
        throttled=lambda: machine.throttled,
        now=lambda: machine.now,
    )


def _answer(machine: FakeMachine, command: Sequence[str]) -> ProcessResult:
    """Return the result of a child process."""
    asked = _asked(command)
    if asked in machine.answers:
        return machine.answers[asked]
    if asked == DISTRIBUTIONS:
        return ProcessResult(0, json.dumps(dict(machine.versions)))
    if asked == CAMERAS:
        return ProcessResult(0, json.dumps(dict(machine.cameras)))
    if asked == LIBRARY:
        return ProcessResult(1, "", f"OSError: {LIBRARY}: cannot open shared object file: No such file or directory")
    names = next(distributions for module, distributions in MODULES.values() if module == asked)
    version = next((machine.versions[name] for name in names or OPENCV if name in machine.versions), None)
    if version is not None:
        return ProcessResult(0, f"imported {version}\n")
    return ProcessResult(1, "", f"ModuleNotFoundError: No module named '{asked.partition('.')[0]}'")


def _asked(command: Sequence[str]) -> str:
    """Return the module, library or command that a child process is started for."""
    if CAMERAS in command:
        return CAMERAS
    if len(command) > 4:
        return command[-1]
    return DISTRIBUTIONS


def _listed(name: str, spec: str, through: str) -> dict[str, Any]:
    """Return the output of ``edgevision cameras --json`` for one camera."""
    camera = {"number": 0, "spec": spec, "name": name, "through": through, "state": "ready", "formats": [], "modes": []}
    return {"schema": "edgevision.cameras/1", "cameras": [camera], "others": [], "hints": []}


_BOOKWORM = {"PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)", "VERSION_CODENAME": "bookworm"}
_TRIXIE = {"PRETTY_NAME": "Debian GNU/Linux 13 (trixie)", "VERSION_CODENAME": "trixie"}
_OLDER = {"numpy": "1.26.4", "opencv-python-headless": "4.11.0.86", "ai-edge-litert": "2.3.0", "picamera2": "0.3.31"}
_NEWER = {"numpy": "2.4.6", "opencv-python-headless": "5.0.0.93", "ai-edge-litert": "2.3.0", "picamera2": "0.3.31"}

PI_4 = FakeMachine(
    board="Raspberry Pi 4 Model B Rev 1.5",
    release=_BOOKWORM,
    kernel="aarch64",
    osrelease="6.6.51+rpt-rpi-v8",
    python=(3, 11, 2),
    versions=_OLDER,
    cameras=_listed("HD Pro Webcam C920", "usb:C920", "V4L2"),
    memory_kb=3_884_360,
)
"""64-bit Bookworm with a USB camera, in order."""
PI_5 = FakeMachine(
    board="Raspberry Pi 5 Model B Rev 1.0",
    release=_TRIXIE,
    kernel="aarch64",
    osrelease="6.12.25+rpt-rpi-2712",
    python=(3, 13, 5),
    versions=_NEWER,
    cameras=_listed("imx708", "picamera:0", "picamera2"),
    memory_kb=8_245_488,
)
"""Trixie with a Camera Module 3, in order."""
PI_ZERO_2 = FakeMachine(
    board="Raspberry Pi Zero 2 W Rev 1.0",
    release={"PRETTY_NAME": "Raspbian GNU/Linux 12 (bookworm)", "VERSION_CODENAME": "bookworm"},
    kernel="aarch64",
    osrelease="6.6.51+rpt-rpi-v8",
    python=(3, 11, 2),
    pointer_bits=32,
    versions={"numpy": "1.24.2", "opencv": "4.6.0", "tflite-runtime": "2.14.0", "picamera2": "0.3.31"},
    cameras=_listed("imx219", "picamera:0", "picamera2"),
    memory_kb=437_896,
)
"""A 32-bit system on a 64-bit kernel, with all libraries from apt but one wheel; it works."""
PI_4_THROTTLED = replace(PI_4, throttled=0x50005, temperature_mc=84_277)
"""A Pi 4 with a weak power supply that is also too hot."""
MACHINES = {"pi4": PI_4, "pi5": PI_5, "pi-zero-2": PI_ZERO_2, "pi4-throttled": PI_4_THROTTLED}
