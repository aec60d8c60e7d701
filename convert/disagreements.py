"""The pictures on which float and int8 answer differently, kept small: what a person wants to look at."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgevision.data import Frame
from edgevision.pictures import encode_jpeg
from edgevision.rule import Rule

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.data import Pixels

    Scores = npt.NDArray[np.float32]

SHOWN = 24
"""Pictures kept, whatever the number of disagreements."""
QUALITY = 85
"""Of the JPEGs; a picture of 224x224 has about 12 kB."""


@dataclass(frozen=True, slots=True, eq=False)
class Disagreement:
    """One picture with two answers. Scores are 0..1."""

    path: Path
    jpeg: bytes
    """As the network saw it."""
    labels: frozenset[int]
    """What it shows; empty: unknown."""
    float_top: int
    int8_top: int
    float_scores: tuple[float, float]
    """The float model's for its own answer and for the int8 model's."""
    int8_scores: tuple[float, float]
    """The int8 model's for the float model's answer and for its own."""

    @property
    def sureness(self) -> float:
        """0..1, the smaller of the two leads: where both are sure of different things, something is wrong."""
        return min(self.float_scores[0] - self.float_scores[1], self.int8_scores[1] - self.int8_scores[0])


@dataclass(slots=True)
class Surest:
    """Collects disagreements, the surest first, SHOWN at most."""

    rule: Rule
    kept: list[Disagreement] = field(default_factory=list)

    def consider(self, path: Path, labels: frozenset[int], picture: Pixels, wanted: Scores, got: Scores) -> None:
        """Keeps the picture (height, width, channels) if the two answers differ and few others are surer."""
        first, second = int(np.argmax(wanted)), int(np.argmax(got))
        if first == second:
            return
        scores = [(float(side[first]), float(side[second])) for side in (wanted, got)]
        found = Disagreement(path, _jpeg(picture, self.rule), labels, first, second, scores[0], scores[1])
        insort(self.kept, found, key=lambda one: -one.sureness)
        del self.kept[SHOWN:]


def _jpeg(picture: Pixels, rule: Rule) -> bytes:
    pixels = picture[:, :, 0] if rule.order == "GRAY" else picture
    return encode_jpeg(Frame(np.ascontiguousarray(pixels), rule.order), QUALITY)
