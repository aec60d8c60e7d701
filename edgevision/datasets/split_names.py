"""Names of folders and splits that mean train, val or test."""

from __future__ import annotations

import re
from collections.abc import Iterable

SPLIT_WORDS = {
    **dict.fromkeys(("train", "training", "trainset", "trains", "trn", "trainval"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "valset", "vals", "dev", "eval", "evaluation"), "val"),
    **dict.fromkeys(("test", "testing", "testset", "tests", "tst"), "test"),
}
_FILLERS = frozenset(
    "set sets data dataset datasets image images img imgs photo photos picture pictures split folder dir".split()
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_]+")


def split_of(name: str) -> tuple[str, str] | None:
    """Return the split that a name means and the rest of the name, such as (train, seg) for ``seg_train``; else None."""
    words = [word.lower() for word in _WORD.findall(name)]
    kinds = [SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS]
    if len(kinds) != 1:
        return None
    return kinds[0], " ".join(word for word in words if word not in SPLIT_WORDS and word not in _FILLERS)


def is_filler(name: str) -> bool:
    """Return whether a name says only that a folder holds images, such as ``dataset`` or ``images``."""
    words = [word.lower() for word in _WORD.findall(name)]
    return bool(words) and all(word in _FILLERS for word in words)


def alike(names: Iterable[str]) -> dict[str, str]:
    """Return the names that differ only in their split, with the splits; empty unless at least two splits appear."""
    families: dict[str, dict[str, str]] = {}
    for name in names:
        meaning = split_of(name)
        if meaning:
            families.setdefault(meaning[1], {})[name] = meaning[0]
    found = [family for family in families.values() if len(set(family.values())) > 1]
    return max(found, key=len) if found else {}
