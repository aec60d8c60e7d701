"""Topics of counting lines and zones: what the broker does not know yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..counts import DIRECTIONS
from .topics import Slugs

if TYPE_CHECKING:
    from ..counts import Counts


class CountTopics:
    """``count/LINE/DIRECTION`` with the totals, and ``zone/ZONE/count`` with the number of objects inside."""

    def __init__(self, counts: Counts | None) -> None:
        """``counts``: None without lines and zones."""
        self._counts = counts
        lines, zones = ((), ()) if counts is None else (counts.lines, counts.zones)
        self.lines = _by_slug(lines)
        """Slug -> name of each line."""
        self.zones = _by_slug(zones)
        """Slug -> name of each zone."""
        self._published: dict[tuple[str, ...], str] = {}

    def expire(self) -> None:
        """Publish everything again: the broker may not have it."""
        self._published = {}

    def changes(self) -> dict[tuple[str, ...], str]:
        """Return levels of topics -> payload of what is to be published."""
        if self._counts is None:
            return {}
        totals, inside = self._counts.totals, self._counts.occupancy
        now = {
            ("count", slug, way): str(getattr(totals[name], way))
            for slug, name in self.lines.items()
            for way in DIRECTIONS
        }
        now |= {("zone", slug, "count"): str(inside[name]) for slug, name in self.zones.items()}
        return {levels: payload for levels, payload in now.items() if self._published.get(levels) != payload}

    def published(self, changes: dict[tuple[str, ...], str]) -> None:
        """Note what the broker has acknowledged."""
        self._published |= changes


def _by_slug(names: tuple[str, ...]) -> dict[str, str]:
    slugs = Slugs(names)
    return {slug: name for name in names if (slug := slugs.of(name)) is not None}
