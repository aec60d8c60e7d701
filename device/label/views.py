"""The views of the page: which images they show, in which order, and which are folded into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from ..collection.quota_store import OURS
from .records import Action, State

View = Literal["todo", "mistakes", "all"]
VIEWS: tuple[View, ...] = ("todo", "mistakes", "all")


class Item(NamedTuple):
    """One image of the session."""

    number: int
    """Stays the same when the image moves."""
    state: State
    split: str | None
    mark: Action | None
    """The newest answer about it that is not undone."""
    group: str | None
    """Images of one group look alike."""

    @property
    def is_open(self) -> bool:
        """Whether a person should look at it: not answered, and unlabeled or labeled by a model that collected it."""
        if self.mark not in (None, "skip") or self.state.is_discarded:
            return False
        if self.state.label is None:
            return self.state.boxes is None
        return OURS.fullmatch(self.state.path.rpartition("/")[2]) is not None


class Folded(NamedTuple):
    """An image, with those that look alike and get the same answer."""

    item: Item
    others: tuple[Item, ...]


def arrange(view: View, items: Iterable[Item], doubts: Mapping[int, float]) -> list[Folded]:
    """Return the images of a view in order. ``doubts``: number of an image -> how likely its label is wrong."""
    shown = [item for item in items if not item.state.is_discarded]
    if view == "todo":
        # Unlabeled images first, those that were skipped last.
        shown = [item for item in shown if item.is_open]
        shown.sort(key=lambda one: (one.mark == "skip", one.state.label is not None, one.state.path))
    elif view == "mistakes":
        shown = [item for item in shown if item.number in doubts and item.mark in (None, "skip")]
        shown.sort(key=lambda one: (one.mark == "skip", -doubts[one.number], one.state.path))
    else:
        shown.sort(key=lambda one: one.state.path)
    return fold(shown)


def fold(items: Iterable[Item]) -> list[Folded]:
    """Return the items, with later ones of the same group, label and split folded into the first."""
    found: dict[object, list[Item]] = {}
    for item in items:
        key: object = item.number if item.group is None else (item.group, item.state.label, item.split)
        found.setdefault(key, []).append(item)
    return [Folded(first, tuple(others)) for first, *others in found.values()]
