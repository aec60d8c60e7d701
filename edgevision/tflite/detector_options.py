"""How a detector of MediaPipe without its own postprocessing is decoded: anchors and scales, from its metadata.

Source: MediaPipe's ``object_detector_metadata_schema.fbs`` 1.0.0, which a model has as custom metadata DETECTOR_METADATA.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from .flatbuffer import Table, root

if TYPE_CHECKING:
    from .metadata import Metadata

NAME = "DETECTOR_METADATA"
IDENTIFIER = b"V001"
WHAT = "the detector's metadata"


class DetectorOptions(NamedTuple):
    """How boxes and scores are decoded."""

    anchors: tuple[tuple[float, float, float, float], ...]
    """Center x, center y, width and height of each anchor, as proportions of the input."""
    scales: tuple[float, float, float, float]
    """Divisors of the values for y, x, height and width."""
    exponential: bool
    """Whether the value of a size is the logarithm of its ratio to the anchor, not the ratio."""
    sigmoid: bool
    """Whether scores are raw."""


def detector_options(metadata: Metadata | None) -> DetectorOptions | None:
    """Return the options of a model's metadata; None if it has none. Raises BadModel if they are damaged."""
    found = next((one.data for one in metadata.custom if one.name == NAME), None) if metadata else None
    return None if found is None else _parse(found)


@lru_cache(maxsize=2)
def _parse(data: bytes) -> DetectorOptions:
    options = root(data, IDENTIFIER, WHAT)
    anchors, decoding = options.table(1), options.table(2)
    schema = anchors.table(0) if anchors is not None else None
    return DetectorOptions(
        tuple(_anchor(one) for one in schema.tables(0)) if schema is not None else (),
        _scales(decoding),
        decoding is not None and decoding.integer(10, "B") != 0,
        decoding is not None and decoding.integer(11, "B") != 0,
    )


def _anchor(table: Table) -> tuple[float, float, float, float]:
    return table.real(0), table.real(1), table.real(2), table.real(3)


def _scales(decoding: Table | None) -> tuple[float, float, float, float]:
    if decoding is None:
        return 1.0, 1.0, 1.0, 1.0
    x, y, width, height = (decoding.real(number) or 1.0 for number in range(6, 10))
    return y, x, height, width
