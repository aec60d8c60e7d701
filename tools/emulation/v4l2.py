"""``make test-v4l2``: an emulated board with a V4L2 camera (the ``vivid`` driver), used by an ordinary user."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import board_image, wheels
from .host import CACHE, REPO, TIED, need_root
from .namespace import enter
from .wheels import WheelSet

OUTPUTS = WheelSet(
    "outputs", "3.11", "aarch64", ("gpiod>=2.1,<3", "prometheus-client<1", "segno", "starlette", "uvicorn")
)
"""Libraries of the outputs that the tests use on the board."""


def test(arguments: Sequence[str]) -> int:
    """Run the tests on the host; they boot the board and log in. ``arguments`` go to pytest. Raises CannotRun."""
    need_root()
    enter()
    built = board_image.build()
    with tempfile.TemporaryDirectory() as scratch:
        project = wheels.install_project(Path(scratch))
        environment = {
            **os.environ,
            "EDGEVISION_EMULATED": "v4l2",
            "BOARD_DISK": str(built.disk),
            "BOARD_KERNEL": str(built.kernel),
            "BOARD_INITRD": str(built.initrd),
            "BOARD_KEY": str(built.key),
            "BOARD_LOG": str(CACHE / "logs" / "board.console"),
            "BOARD_PROJECT": str(project),
            "BOARD_OUTPUTS": str(wheels.install(OUTPUTS, CACHE / "board-wheels")),
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
            "-p",
            "no:cacheprovider",
        ]
        return subprocess.run(
            [*command, "tests/emulated/v4l2", *arguments], env=environment, cwd=REPO, check=False
        ).returncode
