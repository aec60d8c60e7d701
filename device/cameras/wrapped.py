"""What sources that stand before another source have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgevision.data import Frame

    from ..items import Notice, Unreadable
    from ..protocols import Source


class Wrapped:
    """Passes on all that another source says of itself, and its items."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.spec = source.spec
        self.live = source.live

    @property
    def description(self) -> str:
        """What was found there, for people."""
        return str(getattr(self._source, "description", ""))

    @property
    def dropped(self) -> int:
        """Frames that were captured and never delivered, so far."""
        return self._source.dropped

    @property
    def reconnects(self) -> int:
        """How often it was lost and found again."""
        return int(getattr(self._source, "reconnects", 0))

    def __iter__(self) -> Iterator[Frame | Unreadable | Notice]:
        """The items of the other source."""
        yield from self._source

    def close(self) -> None:
        """Closes the other source."""
        self._source.close()
