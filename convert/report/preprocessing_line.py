"""The preprocessing of a converted model in one line: what its input takes, and what the model computes itself."""

from __future__ import annotations

from edgevision.preprocessing.spec import Preprocessing

BYTES = "(pixel - 0) / 1"
"""How ``Preprocessing.describe`` writes that the pixels stay as they are."""


def preprocessing_line(stored: Preprocessing, source: Preprocessing) -> str:
    """Return the line for the preprocessing in the file and that of the source model.

    They differ if the scale of one input cannot express it: a mean per channel, BGR, a mean outside 0..255.
    """
    if (stored.mean, stored.std, stored.order) != (source.mean, source.std, source.order):
        return f"{source.describe()}, computed by the model's first layer".replace(BYTES, "bytes 0..255")
    return stored.describe().replace(BYTES, "bytes 0..255")
