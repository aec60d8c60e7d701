"""Compares the configuration of a new release with those of the device's other loops, before anything is switched."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..archive.manifest import CONFIG
from ..base.conflicts import Claims, Listening
from ..base.errors import Refused
from ..base.inside import inside
from ..base.loop import Loop
from ..base.regular_files import read_bytes
from .switch import CURRENT, loops

DEFAULT_CAMERA = "0"
LOOPBACK = "127.0.0.1"
METRICS = "metrics:"
MAX_CONFIG = 2**20


def refuse_conflict(root: Path, loop: Loop, release: Path) -> None:
    """Refuse a release that needs a camera or a port of another loop. Raises Refused."""
    mine = _claims(release)
    for other in loops(root):
        theirs = None if other == loop else _claims(inside(root, other.home / CURRENT))
        wrong = None if mine is None or theirs is None else mine.conflict(theirs, other.service)
        if wrong is not None:
            raise Refused(wrong)


def _claims(release: Path) -> Claims | None:
    """Return what the configuration of a release asks for; None if it cannot be read, which its own loop will report."""
    try:
        value = tomllib.loads(read_bytes(release / CONFIG, MAX_CONFIG).decode())
    except (OSError, ValueError):
        return None
    camera = value.get("source") or value.get("camera", DEFAULT_CAMERA)
    return Claims(str(camera), tuple(_listening(value)))


def _listening(value: dict[str, Any]) -> Iterator[Listening]:
    outputs = value.get("outputs", [])
    specs = [one.get("spec") for one in outputs if isinstance(one, dict)] if isinstance(outputs, list) else []
    metrics = [(one, one.removeprefix(METRICS)) for one in specs if isinstance(one, str) and one.startswith(METRICS)]
    for what, text in [("page", str(value.get("page", ""))), *metrics]:
        host, _, port = text.partition(",")[0].rpartition(":")
        if port.isascii() and port.isdecimal() and int(port) > 0:
            yield Listening(what, host.strip("[]") or LOOPBACK, int(port))
