"""What class scores are: probabilities, or logits before a sigmoid. Shapes do not show it, but values do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadModel
from ..tflite.outputs import dequantize
from .box_unit import refuse_coarse_scores
from .logistic import logistic, raw_limit

if TYPE_CHECKING:
    from ..types import Tensor, TensorSpec
    from .layout import Floats
    from .parts import Level

BELOW, ABOVE = -0.2, 1.2
"""Probabilities stay between these, also when they are quantized together with other values."""


class ScoreScale:
    """Converts between stored scores and probabilities.

    The first frame decides, since among thousands of boxes most are sure to show nothing: logits of them are negative.
    """

    def __init__(self, specs: Sequence[TensorSpec], logits: bool = True, known: bool | None = None) -> None:
        """
        Args:
            specs: The outputs that hold scores.
            logits: Whether logits are possible, besides probabilities.
            known: Whether they are logits, if the file says it.
        """
        self._specs, self._possible, self._logits = specs, logits, known

    def look(self, scores: Iterable[Tensor]) -> None:
        """Look at the scores of a frame, if not yet known what they are. Raises BadModel for other numbers.

        ``scores``: those of each output, as stored.
        """
        if self._logits is not None:
            return
        extremes = [
            dequantize(np.array([one.min(), one.max()]), spec) for one, spec in zip(scores, self._specs, strict=True)
        ]
        lowest = min(float(low) for low, _ in extremes)
        highest = max(float(high) for _, high in extremes)
        if not math.isfinite(lowest) or not math.isfinite(highest):
            return  # NaN is refused where it is read
        if highest > ABOVE if lowest >= BELOW else not self._possible:
            raise BadModel(
                f"the output {self._specs[0].name[:60]} should hold scores, but its values go from {lowest:.3g} to {highest:.3g}; "
                "it has another layout: see edgevision card --layout"
            )
        self._logits = lowest < BELOW

    def limit(self, probability: float) -> float:
        """Return the value that stands for a probability."""
        return raw_limit(probability) if self._logits else probability

    def probabilities(self, scores: Floats) -> Floats:
        """Return the probabilities of real values."""
        return logistic(scores) if self._logits else scores


def refuse_coarse_probabilities(level: Level) -> None:
    """Raise BadModel for probabilities with a quantization that leaves nothing of them; logits may have large steps."""
    spec = level.scores.spec
    if spec.quantized and spec.zero_point == np.iinfo(spec.dtype).min:  # nothing is below 0
        refuse_coarse_scores(spec)
