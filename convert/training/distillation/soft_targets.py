"""Soft targets: the teacher's answers at a temperature, which also say how much it takes one class for another.

G. Hinton et al., 2015, Distilling the Knowledge in a Neural Network (arXiv:1503.02531).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..network.head import Head

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

TEMPERATURE = 2.0
"""Divisor of the teacher's logits.

The student's logits are trained on the softened answers as they are, and its last layer is multiplied by the temperature
afterwards. This has the gradients of Hinton's loss but for a constant factor, which Adam cancels.
"""


def soft_targets(goal: Head, logits: Floats, temperature: float = TEMPERATURE) -> Floats:
    """Return the targets, (n, outputs) within 0..1, for the logits of a teacher."""
    z = logits.astype(np.float64) / temperature
    if goal.kind != "multiclass":
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(z, -50.0, 50.0))), np.float32)
    odds = np.exp(z - z.max(1, keepdims=True))
    return np.asarray(odds / odds.sum(1, keepdims=True), np.float32)
