"""Which Keras layer an operator comes from, by the names that the converter gives its weights."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

_WORKS = re.compile("conv|depthwise|matmul", re.IGNORECASE)
"""The end of the name of an operation with weights; folded into it are normalization and activation, named too."""

_NUMBERED = re.compile(r"(.+)_\d+$")


def layer_names(weights: Sequence[str], known: Collection[str]) -> list[str]:
    """``weights``: such as ``model_1/conv_dw_1_1/depthwise``; ``known``: the names of the model's layers, if known.

    Keras 3 adds a number to a layer's name when it is called, Keras 2 does not: where all names have a number
    and are those of layers without it, it did. What fits no layer keeps the converter's name.
    """
    paths = [_path(name) for name in weights]
    without = [[match[1] if (match := _NUMBERED.match(part)) else "" for part in path] for path in paths]
    called = [_known(path, known) for path in without]
    plain = [_known(path, known) for path in paths]
    found = called if all(called) else plain
    return [
        name or other or path[max(0, len(path) - 2)] for name, other, path in zip(found, called, paths, strict=True)
    ]


def _path(name: str) -> list[str]:
    every = [part.split("/") for part in name.split(";")]
    return next((path for path in every if _WORKS.search(path[-1])), every[0])


def _known(path: Sequence[str], known: Collection[str]) -> str | None:
    return next((part for part in reversed(path) if part in known), None)
