"""``make test-picamera2``: the picamera2 back end on the real picamera2 and libcamera, whose virtual camera shows test images."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from . import debian, wheels
from .debian import Recipe
from .host import REPO, TIED, need_root, say
from .namespace import bind, enter, mount_system
from .wheels import WheelSet

ROOT = Recipe(
    "picamera2",
    "trixie",
    "amd64",
    (
        "ca-certificates",
        "python3",
        "python3-libcamera",
        "libcamera-ipa",
        "python3-numpy",
        "python3-prctl",
        "python3-piexif",
        "python3-jsonschema",
        "python3-tqdm",
        "python3-libarchive-c",
        "python3-pil",
        "python3-av",
        "python3-pytest",
    ),
)
PICAMERA2 = WheelSet(
    "picamera2",
    "3.13",
    "x86_64",
    ("picamera2==0.3.38", "videodev2==0.0.4", "simplejpeg==1.9.0", "OpenEXR"),
    with_dependencies=False,
)
RUNTIME = WheelSet(
    "runtime",
    "3.13",
    "x86_64",
    ("ai-edge-litert", "opencv-python-headless", "click", "rich", "flatbuffers", "hypothesis"),
    left_out=("numpy", "pytest"),  # the root has Debian's, as a Pi has with apt's picamera2
)
TESTS = REPO / "tests" / "emulated" / "picamera2"
CAMERA_FILE = "usr/share/libcamera/pipeline/virtual/virtual.yaml"
SEARCHED = "/repo/tests/emulated/picamera2/shims:/opt/edgevision:/opt/picamera2:/opt/runtime"
LIMIT_S = 600
"""Time limit of the tests in seconds, in case the virtual camera hangs."""


def prepare() -> Path:
    """Build and mount the root with the working tree in it. Raises CannotRun."""
    need_root()
    enter()
    root = debian.build(ROOT)
    wheels.install(PICAMERA2, root)
    wheels.take_source("PiDNG==4.0.9", "src/pidng", root / "opt" / "picamera2")
    wheels.install(RUNTIME, root)
    wheels.install_project(root)
    mount_system(root)
    bind(REPO, root / "repo")
    bind(TESTS / "virtual.yaml", root / CAMERA_FILE)
    return root


def run_inside(root: Path, command: Sequence[str], limit_s: float | None = None) -> int:
    """Run a command in the root and return its exit status."""
    environment = {
        "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "PYTHONPATH": SEARCHED,
        "PYTHONDONTWRITEBYTECODE": "1",
        "LIBCAMERA_LOG_LEVELS": "*:FATAL",
        "EDGEVISION_EMULATED": "picamera2",
        "ALLOW_SKIP": os.environ.get("ALLOW_SKIP", ""),
    }
    process = subprocess.Popen([*TIED, "chroot", root, *command], env=environment, stdin=subprocess.DEVNULL)
    try:
        return process.wait(limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        say(f"killed after {limit_s:g} s")
        return 1


def test(arguments: Sequence[str]) -> int:
    """Run the tests. ``arguments`` go to pytest. Raises CannotRun."""
    root = prepare()
    command = ["python3", "-m", "pytest", "-q", "-rA", "--full", "-p", "no:cacheprovider", "-c", "/repo/pyproject.toml"]
    return run_inside(root, [*command, "/repo/tests/emulated/picamera2", *arguments], LIMIT_S)
