"""Which Keras layer an operator comes from, by the names that the converter gives its weights."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence


def layer_names(weights: Sequence[str], known: Collection[str]) -> list[str]:
    """``weights``: such as ``model_1/conv_dw_1_1/depthwise``; ``known``: the names of the model's layers, if known.

    Keras 3 adds a number to a layer's name when it is called, Keras 2 does not: where all names are those of layers
    once the number is gone, it did. What fits no layer keeps the converter's name.
    """
    paths = [name.partition(";")[0].split("/") for name in weights]
    without = [[re.sub(r"_\d+$", "", part) for part in path] for path in paths]
    called = [_known(path, known) for path in without]
    plain = [_known(path, known) for path in paths]
    found = called if all(called) else plain
    return [
        name or other or path[max(0, len(path) - 2)] for name, other, path in zip(found, called, paths, strict=True)
    ]


def _known(path: Sequence[str], known: Collection[str]) -> str | None:
    return next((part for part in reversed(path) if part in known), None)
