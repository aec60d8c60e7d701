"""Presence and score of each label, and which of them the broker does not know yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from edgevision.postprocessing.temporal import evidence

if TYPE_CHECKING:
    from edgevision.types import Prediction

    from ...stream.events import Event
    from .topics import Slugs


class LabelStates:
    """State of every label that has topics: those announced, and others once they were present."""

    def __init__(self, slugs: Slugs, announced: Iterable[str], names: frozenset[str]) -> None:
        """``names``: the only labels that get topics; empty: all."""
        self._slugs, self._names = slugs, names
        self.announced: Mapping[str, str] = {slug: one for one in announced if (slug := slugs.of(one)) is not None}
        """Slug -> label of those announced to Home Assistant."""
        self._present: dict[str, bool] = dict.fromkeys(self.announced, False)
        self._scores: dict[str, float] = dict.fromkeys(self.announced, 0.0)
        self._changed: dict[tuple[str, str], None] = {}

    def event(self, event: Event) -> None:
        """Note a label that came or went; what a track does changes none."""
        if event.label is None or event.track is not None:
            return
        if event.before is not None:
            self._set_present(event.before.name, False)
        if event.kind in ("entered", "changed", "left"):
            self._set_present(event.label.name, event.kind != "left")

    def frame(self, prediction: Prediction) -> None:
        """Note the scores of a frame; a label without one has the score 0."""
        found = {one.name: one.score for one in evidence(prediction).values()}
        scores = {slug: score for name, score in found.items() if (slug := self._slug(name, known=True)) is not None}
        for slug, before in self._scores.items():
            score = round(scores.get(slug, 0.0), 3)
            if score != before:
                self._scores[slug] = score
                self._changed[slug, "score"] = None

    def found_present(self, slug: str) -> None:
        """Correct a label that the broker holds for present, from a run that did not end properly."""
        if slug not in self._present:
            self._present[slug] = False

    def expire(self) -> None:
        """Publish everything again: the broker may not have it."""
        self._changed = dict.fromkeys([(slug, "present") for slug in self._present])
        self._changed |= dict.fromkeys((slug, "score") for slug in self._scores)

    def changes(self, *, scores: bool) -> list[tuple[str, str, str]]:
        """Return slug, topic level and payload of what is to be published; ``scores``: also scores."""
        return [
            (slug, level, self._payload(slug, level)) for slug, level in self._changed if scores or level != "score"
        ]

    def published(self, changes: list[tuple[str, str, str]]) -> None:
        """Forget what the broker has acknowledged."""
        for slug, level, payload in changes:
            if self._payload(slug, level) == payload:
                self._changed.pop((slug, level), None)

    def _payload(self, slug: str, level: str) -> str:
        return f"{self._scores[slug]:.3g}" if level == "score" else "ON" if self._present[slug] else "OFF"

    def _set_present(self, name: str, present: bool) -> None:
        slug = self._slug(name)
        if slug is not None and self._present.get(slug) != present:
            self._present[slug] = present
            before = self._scores.setdefault(slug, 0.0)
            self._changed[slug, "present"] = None
            if not present and before:  # a filter may hold back the frames without the label
                self._scores[slug] = 0.0
                self._changed[slug, "score"] = None

    def _slug(self, name: str, known: bool = False) -> str | None:
        if self._names and name not in self._names:
            return None
        slug = self._slugs.of(name)
        return slug if slug in self._scores or not known else None
