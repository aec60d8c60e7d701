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
        self.description = source.description

    @property
    def dropped(self) -> int:
        """Number of frames captured but never delivered."""
        return self._source.dropped

    def __iter__(self) -> Iterator[Frame | Unreadable | SourceEvent]:
        """Yield the items of the wrapped source."""
        yield from self._source

    def close(self) -> None:
        """Close the wrapped source."""
        self._source.close()
