"""Commands from the broker: parsed strictly, since anybody on the broker may send anything."""

from __future__ import annotations

import re
from typing import Literal

from edgevision.records import record

MAX_BYTES = 64
"""Longest command; longer ones are ignored."""
_NUMBER = re.compile(rb"[01](\.[0-9]{1,20})?")


class BadCommand(Exception):
    """Raised for a command that is ignored; the text says why and is printable."""


@record
class Command:
    """One command: ``pause`` with a bool, ``threshold`` with a number, or ``snapshot``."""

    kind: Literal["pause", "threshold", "snapshot"]
    value: float | bool | None = None


def parse_command(name: str, payload: bytes, retained: bool) -> Command:
    """Return the command of a message on ``set/NAME``. Raises BadCommand."""
    if name not in ("pause", "threshold", "snapshot"):
        raise BadCommand(f"unknown command {name!r:.40}")
    if retained:  # it would be carried out again at every start
        raise BadCommand(f"set/{name}: retained commands are ignored; send it without the retain flag")
    if len(payload) > MAX_BYTES:
        raise BadCommand(f"set/{name}: {len(payload)} bytes; at most {MAX_BYTES} are read")
    if name == "pause":
        if payload not in (b"ON", b"OFF"):
            raise BadCommand(f"set/pause: expected ON or OFF, got {payload!r}")
        return Command("pause", payload == b"ON")
    if name == "threshold":
        if not _NUMBER.fullmatch(payload) or float(payload) > 1:
            raise BadCommand(f"set/threshold: expected a number from 0 to 1, got {payload!r}")
        return Command("threshold", float(payload))
    if payload not in (b"", b"PRESS"):
        raise BadCommand(f"set/snapshot: expected PRESS, got {payload!r}")
    return Command("snapshot")
