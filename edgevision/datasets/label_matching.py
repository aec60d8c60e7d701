"""Matching of folder names to a model's classes: by exact label, by loosely written label, or by class number."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import nearest


@dataclass(frozen=True, slots=True)
class LabelMatch:
    """The result of matching names to classes."""

    index: dict[str, int]
    """Class index of each name that matches exactly one class."""
    unknown: tuple[str, ...]
    """Names that match no class."""
    ambiguous: tuple[tuple[str, tuple[int, ...]], ...]
    """Names that match several classes, with their indices: ImageNet has two classes called crane."""

    def problems(self, labels: Sequence[str]) -> tuple[str, ...]:
        """Return one line about all unknown names and one about each of the first ambiguous names."""
        lines = []
        if self.unknown:
            hint = nearest(self.unknown[0], list(labels))
            some = "; ".join(self.unknown[:10]) + (
                f" and {len(self.unknown) - 10} more" if len(self.unknown) > 10 else ""
            )
            lines.append(f"skipped classes that are not labels of the model: {some}{hint} (map them with --label-map)")
        for name, indices in self.ambiguous[:5]:
            which = " and ".join(map(str, indices))
            lines.append(
                f"skipped {name!r}: it is the label of classes {which}; give the class number in a --label-map CSV"
            )
        return tuple(lines)


def match_labels(names: Iterable[str], labels: Sequence[str], classes: int) -> LabelMatch:
    """Find the class of each name. Without ``labels``, only the numbers 0 to ``classes`` - 1 match."""
    exact, loose = _by_name(labels), _by_name([fold(label) for label in labels])
    first = _by_name([fold(label.partition(",")[0]) for label in labels])  # "tench, Tinca tinca"
    found: dict[str, int] = {}
    unknown: list[str] = []
    ambiguous: list[tuple[str, tuple[int, ...]]] = []
    for name in names:
        short = fold(name.partition(",")[0])
        indices = exact.get(name) or loose.get(fold(name)) or first.get(short) or _number(name, classes)
        if not indices:
            unknown.append(name)
        elif len(indices) > 1:
            ambiguous.append((name, indices))
        else:
            found[name] = indices[0]
    return LabelMatch(found, tuple(unknown), tuple(ambiguous))


def fold(name: str) -> str:
    """Normalize a name: ignore case, Unicode composition, and spaces versus hyphens and underscores."""
    text = unicodedata.normalize("NFC", name).casefold()
    return " ".join(text.replace("_", " ").replace("-", " ").split())


def _by_name(labels: Sequence[str]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for index, label in enumerate(labels):
        found[label] = (*found.get(label, ()), index)
    return found


def _number(name: str, classes: int) -> tuple[int, ...]:
    plain = name.isascii() and name.isdecimal() and len(name) < 10
    return (int(name),) if plain and int(name) < classes else ()
