"""The highest number of a signed release that was installed: what an attacker cannot go back behind with an old bundle.

Every release with a known fault stays validly signed, so a signature alone does not keep it away.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from ..archive.verify import Checked
from ..base.atomic_files import place_text
from ..base.errors import Refused
from ..base.regular_files import read_bytes

FILE = "newest"
FIRST_TIME = 10**9
"""Numbers from here on are times in seconds since 1970, which ``edgevision bundle --sign`` uses by default."""


def refuse_older(home: Path, checked: Checked, allowed: bool) -> None:
    """Refuse a signed bundle with a lower number than one installed before, unless it is allowed. Raises Refused, OSError."""
    number = number_of(checked)
    if number is None or allowed or number >= (newest := _newest(home)):
        return
    raise Refused(
        f"the bundle is older than one installed before: its release number is {shown(number)}, the newest was "
        f"{shown(newest)}; build it again, or give --allow-older"
    )


def number_of(checked: Checked) -> int | None:
    """Return the number to remember once the bundle's release stays; None if nobody signed it."""
    return None if checked.signed_by is None else checked.manifest.number or 0


def remember(home: Path, number: int | None) -> None:
    """Remember the number of a signed release that stays; None: it is not signed. Raises Refused, OSError."""
    if number is not None and number > _newest(home):
        place_text(home / FILE, f"{number}\n")


def shown(number: int) -> str:
    """Return a release number for a message, with the time that it stands for."""
    try:
        when = datetime.fromtimestamp(number, UTC)
    except (OverflowError, ValueError, OSError):
        return str(number)
    return f"{number} ({when:%Y-%m-%d %H:%M} UTC)" if number >= FIRST_TIME else str(number or "none")


def _newest(home: Path) -> int:
    try:
        text = read_bytes(home / FILE).decode("ascii", "replace").strip()
    except FileNotFoundError:
        return 0
    if not text.isdecimal() or len(text) > 20:
        raise Refused(
            f"{home / FILE} is damaged: expected a release number, got {text!r:.40}; remove it to accept any release once"
        )
    return int(text)
