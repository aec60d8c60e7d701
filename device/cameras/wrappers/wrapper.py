"""Base class of sources that wrap another source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgevision.types import Frame

    from ...stream.events import SourceEvent, Unreadable
    from ...stream.protocols import Source


class Wrapped:
    """Passes on another source's attributes and items."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.spec = source.spec
        self.live = source.live

    @property
    def description(self) -> str:
        """Description of the source for display."""
        return str(getattr(self._source, "description", ""))

    @property
    def dropped(self) -> int:
        """Number of frames captured but never delivered."""
        return self._source.dropped

    @property
    def reconnects(self) -> int:
        """Number of times the source was lost and found again."""
        return int(getattr(self._source, "reconnects", 0))

    def __iter__(self) -> Iterator[Frame | Unreadable | SourceEvent]:
        """Yield the items of the wrapped source."""
        yield from self._source

    def close(self) -> None:
        """Close the wrapped source."""
        self._source.close()
