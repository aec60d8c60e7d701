"""Keras layer names of operators, derived from the names that the converter gives their weights."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

_WORKS = re.compile("conv|depthwise|matmul", re.IGNORECASE)
"""Last part of the name of an operation with weights; folded normalization and activation are in the name too."""

_NUMBERED = re.compile(r"(.+)_\d+$")


def layer_names(weights: Sequence[str], known: Collection[str]) -> list[str]:
    """Return the Keras layer name of each weight tensor.

    ``weights``: tensor names such as ``model_1/conv_dw_1_1/depthwise``; ``known``: layer names of the model, if known.
    Keras 3 appends a number to a layer's name when the layer is called; Keras 2 does not. The number is stripped only
    if that turns every name into a known layer. A name that matches no layer stays as the converter gave it.
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
