"""``make test-pi``: emulated boards without a network boot SD cards made by ``flash image`` (Bookworm and Trixie)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from . import image, pi_board, pi_root
from .host import CACHE, REPO, TIED, need_programs, need_root
from .namespace import enter

PROGRAMS = {**image.PROGRAMS, **pi_board.PROGRAMS, "fsck.vfat": "dosfstools", "e2fsck": "e2fsprogs"}


def test(arguments: Sequence[str]) -> int:
    """Run the tests on the host; they switch the boards on and off. ``arguments`` go to pytest. Raises CannotRun."""
    need_root()
    enter()
    need_programs(PROGRAMS)
    for release in pi_root.RECIPES:
        pi_root.prepare(release)
    cards = CACHE / "cards" / "tests"
    cards.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "EDGEVISION_EMULATED": "pi"}
    command = [*TIED, sys.executable, "-m", "pytest", "-v", "-s", "--full", "--no-header", "-p", "no:cacheprovider"]
    options = [f"--basetemp={cards}", "-o", "tmp_path_retention_policy=none"]
    return subprocess.run(
        [*command, *options, "tests/emulated/pi", *arguments], env=environment, cwd=REPO, check=False
    ).returncode
