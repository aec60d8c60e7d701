"""Topics of counting lines and zones: what the broker does not know yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..counts import DIRECTIONS, Passed
from .topics import Slugs

if TYPE_CHECKING:
    from ..counts import Counts


class CountTopics:
    """``count/LINE/DIRECTION`` with the totals, and ``zone/ZONE/count`` with the number of objects inside."""

    def __init__(self, counts: Counts | None) -> None:
        """``counts``: None without lines and zones."""
        self._counts = counts
        self.lines: dict[str, str] = {}
        """Slug -> name of each line."""
        self.zones: dict[str, str] = {}
        """Slug -> name of each zone."""
        self._published: dict[tuple[str, ...], str] = {}
        self.look()

    def look(self) -> bool:
        """Look whether there are other lines or zones than before, as drawn on the live page; return whether there are."""
        if self._counts is None:
            return False
        before = self.lines, self.zones
        self.lines, self.zones = _by_slug(self._counts.lines), _by_slug(self._counts.zones)
        return before != (self.lines, self.zones)

    def expire(self) -> None:
        """Publish everything again: the broker may not have it."""
        self._published = {levels: payload for levels, payload in self._published.items() if not payload}

    def changes(self) -> dict[tuple[str, ...], str]:
        """Return levels of topics -> payload of what is to be published; an empty one removes the topic."""
        if self._counts is None:
            return {}
        totals, inside = self._counts.totals, self._counts.occupancy
        now: dict[tuple[str, ...], str] = {
            ("count", slug, way): str(getattr(totals.get(name, Passed()), way))
            for slug, name in self.lines.items()
            for way in DIRECTIONS
        }
        now |= {("zone", slug, "count"): str(inside.get(name, 0)) for slug, name in self.zones.items()}
        now |= dict.fromkeys(self._published.keys() - now.keys(), "")
        return {levels: payload for levels, payload in now.items() if self._published.get(levels) != payload}

    def published(self, changes: dict[tuple[str, ...], str]) -> None:
        """Note what the broker has acknowledged."""
        self._published |= changes


def _by_slug(names: tuple[str, ...]) -> dict[str, str]:
    slugs = Slugs(names)
    return {slug: name for name in names if (slug := slugs.of(name)) is not None}
