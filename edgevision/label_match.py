"""Which class of a model a folder's name means: by its label as it is written, loosely written, or by its number."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .errors import nearest


@dataclass(frozen=True, slots=True)
class LabelMatch:
    """Names and the classes they mean."""

    index: dict[str, int]
    """Name to class index, for the names that mean exactly one."""
    unknown: tuple[str, ...]
    """Names that are no label."""
    ambiguous: tuple[tuple[str, tuple[int, ...]], ...]
    """Names that several classes share, and which: ImageNet has two cranes."""

    def problems(self, labels: Sequence[str]) -> tuple[str, ...]:
        """One line for the unknown names and one for the ambiguous."""
        lines = []
        if self.unknown:
            hint = nearest(self.unknown[0], list(labels))
            some = "; ".join(self.unknown[:10]) + (
                f" and {len(self.unknown) - 10} more" if len(self.unknown) > 10 else ""
            )
            lines.append(f"no labels of the model, left out: {some}{hint} (--label-map CSV of name,label translates)")
        for name, indices in self.ambiguous[:5]:
            which = " and ".join(map(str, indices))
            lines.append(
                f"{name!r} is the label of the classes {which}, left out: give the number in a --label-map CSV"
            )
        return tuple(lines)


def match_labels(names: Iterable[str], labels: Sequence[str], classes: int) -> LabelMatch:
    """Finds the class of each name; ``labels`` may be empty: then only the numbers 0 to ``classes`` - 1 are known."""
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
    """A name in either case, with spaces, hyphens or underscores, composed or decomposed, as one."""
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
