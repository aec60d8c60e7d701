"""``make boot CARD=card.img``: what ``flash image`` made starts an emulated Pi, which tells what it does and recognises."""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Sequence
from pathlib import Path

from edgevision.device.provision.flash.boot import read_boot_files

from edgevision.errors import EdgeVisionError

from . import pi_board, pi_root
from .host import CACHE, CannotRun, need_programs, need_root, say
from .namespace import enter
from .pi_board import Pi
from .pi_watch import Watch

RECORD = "edgevision/image.json"
LOOP = re.compile(r"edgevision\[\d+\]: (.*)")
"""What the loop says, as the journal puts it on the console."""


def boot(arguments: Sequence[str]) -> int:
    """Starts the board with a copy of the card until its service answered. Raises CannotRun."""
    parser = argparse.ArgumentParser(prog="python -m tools.emulation boot", description=__doc__)
    parser.add_argument("card", type=Path, help="an image that edgevision flash image made")
    parser.add_argument("--seconds", type=float, default=30, help="how long the loop goes on  [default: 30]")
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
    say(f"off; look into the card: edgevision flash status {card}")
    return 0 if fine else 1


def _system(card: Path) -> str:
    """Which system the card holds, as flash image noted it. Raises CannotRun."""
    try:
        name = json.loads(read_boot_files(card, (RECORD,))[RECORD])["backend"]
    except (EdgeVisionError, OSError) as error:
        raise CannotRun(str(error)) from None
    except (KeyError, TypeError, ValueError):
        raise CannotRun(f"{card} was not prepared; edgevision flash image does that") from None
    if name not in pi_root.RECIPES:
        raise CannotRun(f"{card} holds a system that no board here starts: {name!r:.40}")
    return str(name)


def _follow(pi: Pi, seconds: float) -> bool:
    """Tells each step, over all restarts, and then what the loop said; whether all came to its end."""
    pi.power_on()
    watch = Watch(pi)
    watch.until()
    end = time.monotonic() + seconds
    pi.wait_for("its time", lambda: time.monotonic() > end)
    pi.press_power_button()
    for line in LOOP.findall(pi.said()):
        print(line)
    return pi.status().get("state") == "ok"
