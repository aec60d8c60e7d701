"""``make boot CARD=card.img``: boot an emulated Pi from an OS image made by ``flash image`` and show what it does."""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Sequence
from pathlib import Path

from edgevision.device.flash.image.boot_partition import read_boot_files

from edgevision.errors import EdgeVisionError

from . import pi_board, pi_root
from .host import CACHE, CannotRun, need_programs, need_root, say
from .namespace import enter
from .pi_board import Pi
from .pi_watch import Watch

RECORD = "edgevision/image.json"
LOOP = re.compile(r"edgevision\[\d+\]: (.*)")
"""A line of the loop, as the journal prints it on the console."""


def boot(arguments: Sequence[str]) -> int:
    """Boot the board from a copy of the OS image until its service works. Raises CannotRun."""
    parser = argparse.ArgumentParser(prog="python -m tools.emulation boot", description=__doc__)
    parser.add_argument("card", type=Path, help="OS image made by edgevision flash image")
    parser.add_argument("--seconds", type=float, default=30, help="how long to run the loop  [default: 30]")
    given = parser.parse_args(arguments)
    system = _system(given.card)
    need_root()
    enter()
    need_programs(pi_board.PROGRAMS)
    card = pi_board.write_card(given.card, given.card.with_name(f"{given.card.stem}.booted.img"))
    pi = Pi(pi_root.prepare(system), card, CACHE / "logs" / f"{card.stem}.console")
    try:
        fine = _follow(pi, given.seconds)
    finally:
        pi.close()
    say(f"off; to inspect the SD card: edgevision flash status {card}")
    return 0 if fine else 1


def _system(card: Path) -> str:
    """Return the release of the OS image, as recorded by flash image. Raises CannotRun."""
    try:
        name = json.loads(read_boot_files(card, (RECORD,))[RECORD])["backend"]
    except (EdgeVisionError, OSError) as error:
        raise CannotRun(str(error)) from None
    except (KeyError, TypeError, ValueError):
        raise CannotRun(f"{card} is not a prepared OS image; make one with edgevision flash image") from None
    if name not in pi_root.RECIPES:
        raise CannotRun(
            f"{card} contains an unknown system: {name!r:.40}; the emulated boards support {', '.join(pi_root.RECIPES)}"
        )
    return str(name)


def _follow(pi: Pi, seconds: float) -> bool:
    """Print each step, across all reboots, then the output of the loop. Return whether the installation succeeded."""
    pi.power_on()
    watch = Watch(pi)
    watch.until()
    end = time.monotonic() + seconds
    pi.wait_for("the end of the run", lambda: time.monotonic() > end)
    pi.press_power_button()
    for line in LOOP.findall(pi.said()):
        print(line)
    return pi.status().get("state") == "ok"
