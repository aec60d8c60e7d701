"""Score calibration as defined by the standard metadata: a sigmoid per class makes scores comparable.

``scale / (1 + exp(-(slope * g(score) + offset)))``, with g(x) = x, log(x) or log(x / (1 - x)). The associated file has
one line per class: scale, slope, offset and optionally the lowest score that is calibrated. An empty line, or a score
below the lowest, gives the default score; if that is negative, the class is never returned.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BadModel

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..tflite.metadata import Metadata

    Scores = npt.NDArray[np.float32]

TINY = 1e-16
"""Lower limit of the argument of a logarithm."""
MAX_BYTES = 16 * 2**20
NONE = (0.0, 0.0, 0.0, math.inf)
"""A class without parameters: no score reaches its lowest calibrated score."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """The sigmoids of all classes."""

    sigmoids: npt.NDArray[np.float64]
    """(classes, 4): scale, slope, offset, lowest calibrated score."""
    transformation: str
    """identity, log or inverse_logistic."""
    default_score: float

    def apply(self, scores: Scores, classes: npt.NDArray[Any]) -> Scores:
        """Return calibrated scores, (n,), for scores 0..1 and their classes, both (n,)."""
        table = np.vstack([self.sigmoids, NONE])
        # Classes beyond the end of the file have no parameters, like those with an empty line.
        known = np.where((classes >= 0) & (classes < len(self.sigmoids)), classes, len(self.sigmoids)).astype(int)
        scale, slope, offset, least = table[known].T
        power = slope * self._transformed(scores.astype(np.float64)) + offset
        calibrated = scale / (1.0 + np.exp(-np.clip(power, -500.0, 500.0)))
        return np.where(scores < least, self.default_score, calibrated).astype(np.float32)

    def _transformed(self, scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        if self.transformation == "identity":
            return scores
        log: npt.NDArray[np.float64] = np.log(np.maximum(scores, TINY))
        return log if self.transformation == "log" else log - np.log(np.maximum(1.0 - scores, TINY))


def find(metadata: Metadata | None, files: Mapping[str, bytes]) -> Calibration | None:
    """Return a model's score calibration, None if it has none. Raises BadModel for a damaged or missing file."""
    for tensor in metadata.outputs if metadata else ():
        unit = next((u for u in tensor.units if u.kind == "score_calibration"), None)
        name = next((f.name for f in tensor.files if f.type == "score_calibration"), None)
        if unit is None or name is None:
            continue
        if name not in files:
            raise BadModel(f"the score calibration {name!r} named in its metadata is missing from its archive")
        return Calibration(parse(files[name], name), unit.transformation, unit.default_score)
    return None


def parse(data: bytes, name: str) -> npt.NDArray[np.float64]:
    """Parse the sigmoids of a calibration file, (classes, 4). Raises BadModel."""
    if len(data) > MAX_BYTES:
        raise BadModel(f"{name} is not a score calibration: it has {len(data) / 1e6:.0f} MB")
    lines = data.decode("utf-8-sig", "replace").split("\n")
    rows = [_sigmoid(line.strip(), f"{name}, line {number}") for number, line in enumerate(lines, 1)]
    return np.array(rows, np.float64)


def _sigmoid(line: str, where: str) -> tuple[float, float, float, float]:
    if not line:
        return NONE
    try:
        values = [float(part) for part in line.split(",")]
    except ValueError:
        values = []
    if len(values) not in (3, 4) or not all(map(math.isfinite, values)) or values[0] < 0:
        raise BadModel(f"{where}: expected scale (at least 0), slope, offset[, lowest score], got {line!r}")
    return values[0], values[1], values[2], values[3] if len(values) == 4 else -math.inf
