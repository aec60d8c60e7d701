"""How a card is told whose writing was broken off."""

from __future__ import annotations

from edgevision.errors import BadInput

HALF_WRITTEN = b"edgevision: this card is half-written\n"
"""What a card begins with while it is written, in the place of its partition table."""


def refuse_half_written(head: bytes) -> None:
    """``head``: the first sector. Raises BadInput."""
    if head.startswith(HALF_WRITTEN):
        raise BadInput("writing this card was broken off, so it starts nothing; write it again: edgevision flash write")
