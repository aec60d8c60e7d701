"""The images on which float and the converted model disagree most clearly, kept small for a person to look at."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgevision.preprocessing.decode import encode_jpeg
from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import Frame

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.types import Pixels

    Scores = npt.NDArray[np.float32]

SHOWN = 24
"""Maximum number of images kept."""
QUALITY = 85
"""JPEG quality; an image of 224x224 takes about 12 kB."""


@dataclass(frozen=True, slots=True, eq=False)
class Disagreement:
    """An image whose top class differs between float and the converted model. Scores are 0..1."""

    path: Path
    jpeg: bytes
    """The image as the network received it."""
    labels: frozenset[int]
    """True class indices; empty if unknown."""
    float_top: int
    converted_top: int
    float_scores: tuple[float, float]
    """Float scores of the float top class and of the converted top class."""
    converted_scores: tuple[float, float]
    """Converted scores of the float top class and of the converted top class."""

    @property
    def sureness(self) -> float:
        """Smaller of the two models' leads, 0..1; if both are confident but disagree, something is wrong."""
        return min(self.float_scores[0] - self.float_scores[1], self.converted_scores[1] - self.converted_scores[0])


@dataclass(slots=True)
class TopDisagreements:
    """Collector of the disagreements with the most confident models, most confident first, SHOWN at most."""

    preprocessing: Preprocessing
    kept: list[Disagreement] = field(default_factory=list)

    def consider(self, path: Path, labels: frozenset[int], picture: Pixels, wanted: Scores, got: Scores) -> None:
        """Keep an image (height, width, channels) if the top classes differ and it ranks among the first SHOWN."""
        first, second = int(np.argmax(wanted)), int(np.argmax(got))
        if first == second:
            return
        scores = [(float(side[first]), float(side[second])) for side in (wanted, got)]
        found = Disagreement(path, _jpeg(picture, self.preprocessing), labels, first, second, scores[0], scores[1])
        insort(self.kept, found, key=lambda one: -one.sureness)
        del self.kept[SHOWN:]


def _jpeg(picture: Pixels, preprocessing: Preprocessing) -> bytes:
    pixels = picture[:, :, 0] if preprocessing.order == "GRAY" else picture
    return encode_jpeg(Frame(np.ascontiguousarray(pixels), preprocessing.order), QUALITY)
