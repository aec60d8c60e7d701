"""``make test-arm64``: the runtime in a Debian 12 arm64 userland (Python of Raspberry Pi OS Bookworm) with three package sets."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from . import debian, user_mode, wheels
from .debian import Recipe
from .host import CACHE, REPO, TIED, need_programs, need_root
from .namespace import bind, enter
from .wheels import WheelSet

ROOT = Recipe(
    "arm64",
    "bookworm",
    "arm64",
    ("base-files", "base-passwd", "coreutils", "dash", "libc-bin", "libgcc-s1", "libstdc++6", "python3", "zlib1g"),
    configured=False,
)
COMMON = ("click", "rich", "flatbuffers")
SETS = (
    WheelSet("newest", "3.11", "aarch64", ("ai-edge-litert", "opencv-python-headless>=5", "numpy>=2", *COMMON)),
    WheelSet(
        "bookworm",
        "3.11",
        "aarch64",
        ("ai-edge-litert", "opencv-python-headless", "numpy", *COMMON),
        ("constraints/bookworm.txt",),
    ),
    WheelSet(
        "tflite-runtime",
        "3.11",
        "aarch64",
        ("tflite-runtime", "opencv-python-headless", "numpy", *COMMON),
        ("constraints/tflite-runtime.txt",),
    ),
)
TESTING = WheelSet("testing", "3.11", "aarch64", ("pytest", "hypothesis"))


def prepare() -> tuple[Path, list[str]]:
    """Build and mount the root; return it with the prefix of commands that run in it. Raises CannotRun."""
    need_root()
    enter()
    root = debian.build(ROOT)
    for wheel_set in (*SETS, TESTING):
        wheels.install(wheel_set, root)
    wheels.install_project(root)
    before = user_mode.prepare(root)
    bind(REPO, root / "repo")
    shared = Path(os.environ.get("EDGEVISION_SHARED", REPO.parent / "shared"))
    if shared.is_dir():
        bind(shared, root / "shared")
    return root, before


def test(arguments: Sequence[str]) -> int:
    """Run the tests on the host; they start commands in the root. ``arguments`` go to pytest. Raises CannotRun."""
    root, before = prepare()
    if platform.machine() != "aarch64":
        need_programs({"aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"})
    environment = {
        **os.environ,
        "EDGEVISION_EMULATED": "arm64",
        "EMULATED_ROOT": str(root),
        "EMULATED_COMMAND": "\n".join(before),
        "EMULATED_SETS": " ".join(wheel_set.name for wheel_set in SETS),
    }
    command = [
        *TIED,
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-rA",
        "--full",
        "--no-header",
        "-o",
        f"cache_dir={CACHE / 'pytest-arm64'}",
    ]
    return subprocess.run(
        [*command, "tests/emulated/arm64", *arguments], env=environment, cwd=REPO, check=False
    ).returncode
