"""Distance of an int8 model from its float reference, on images that were not used to make it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from edgevision.tflite.editable_model import FlatModel

from .kernel_runner import tap

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.types import Pixels

    Array = npt.NDArray[Any]

DETECTION = "detection"
"""Name of the distance of detectors, see ``detection_distance``."""
POINTS = "points"
"""Name of the distance of points, see ``points_distance``."""
_PASSES = ("QUANTIZE", "DEQUANTIZE", "RESHAPE")
"""Operators between the activation and the model output that change no value."""


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """Distance per image; smaller is better."""

    each: Array
    """Distance of each image, (images,)."""
    same: Array
    """Number of answers that int8 and float share, (images,): of a classifier 1 for the same top answer, else 0."""
    total: Array
    """Number of answers, (images,): of a classifier 1, of a detector the boxes of both models."""

    @property
    def mean(self) -> float:
        """Mean distance over the images."""
        return float(self.each.mean())

    def better_than(self, other: Score, errors: float = 0.0) -> bool:
        """Return True if the mean is smaller by more than ``errors`` standard errors of the paired difference."""
        gain = other.each - self.each
        spread = float(gain.std(ddof=1)) / sqrt(len(gain)) if len(gain) > 1 else 0.0
        return bool(np.isfinite(self.each).all()) and float(gain.mean()) > errors * spread


class Judge(Protocol):
    """Scorer of int8 models against one float model on a fixed set of images."""

    @property
    def measure(self) -> str:
        """Name of the distance that ``score`` returns."""
        ...

    def score(self, model: FlatModel) -> Score:
        """Score an int8 model that takes uint8 images."""
        ...


class ClassificationJudge:
    """Scorer of int8 models against one float model on a fixed set of images.

    For a softmax or sigmoid output, the distance is the Kullback-Leibler divergence of the int8 prediction from the
    float one, in nats, computed from the values before the activation (the 8-bit output hides differences below
    1/256). For any other output it is the squared error divided by the squared float output. Several outputs add up.
    """

    def __init__(self, float_: bytes, pictures: Sequence[Pixels], normalize: Callable[[Pixels], Array]) -> None:
        model = FlatModel(float_)
        self._pictures = pictures
        self._kinds, tensors = answers(model)
        run = tap(model, tensors)
        self._wanted = [run(normalize(picture)[np.newaxis]) for picture in pictures]

    @property
    def measure(self) -> str:
        """Name of the distance that ``score`` returns: ``kl`` or ``relative_error``."""
        return "relative_error" if set(self._kinds) == {"other"} else "kl"

    def score(self, model: FlatModel) -> Score:
        """Score an int8 model that takes uint8 images."""
        tensors = answers(model)[1]
        run = tap(model, tensors)
        scores, same = [], []
        for picture, wanted in zip(self._pictures, self._wanted, strict=True):
            found = [model.real(t, value) for t, value in zip(tensors, run(picture[np.newaxis]), strict=True)]
            each = zip(self._kinds, wanted, found, strict=True)
            scores.append(sum(_DISTANCES[kind](a, b) for kind, a, b in each))
            same.append(all(_alike(a, b) for a, b in zip(wanted, found, strict=True)))
        return Score(np.asarray(scores), np.asarray(same, np.int64), np.ones(len(same), np.int64))


def _alike(wanted: Array, found: Array) -> bool:
    if wanted.size == 1:  # logit of a sigmoid: positive or negative
        return bool(np.all((wanted > 0) == (found > 0)))
    return bool(np.array_equal(wanted.argmax(-1), found.argmax(-1)))


def answers(model: FlatModel) -> tuple[list[str], list[int]]:
    """Return, for each output, its kind (SOFTMAX, LOGISTIC or other) and the most informative tensor (the logits)."""
    found = [_answer(model, output) for output in model.outputs]
    return [kind for kind, _ in found], [tensor for _, tensor in found]


def _answer(model: FlatModel, output: int) -> tuple[str, int]:
    """Return the kind of an output and its most informative tensor."""
    tensor = output
    while True:
        producer = next((op for op in model.operators if tensor in op.outputs), None)
        if producer is None:
            return "other", output
        if producer.name in _DISTANCES:
            return producer.name, producer.inputs[0]
        if producer.name not in _PASSES:
            return "other", tensor
        tensor = producer.inputs[0]


def _softmax_distance(wanted: Array, found: Array) -> float:
    log_wanted, log_found = log_softmax(wanted), log_softmax(found)
    return float((np.exp(log_wanted) * (log_wanted - log_found)).sum(-1).mean())  # mean over pixels, if any


def log_softmax(values: Array) -> Array:
    """Return the logarithm of the softmax over the last axis."""
    values = values - values.max(-1, keepdims=True)
    return np.asarray(values - np.log(np.exp(values).sum(-1, keepdims=True)))


def sigmoid_distance(wanted: Array, found: Array) -> float:
    """Return the sum of the Kullback-Leibler divergences of independent scores, in nats, from their logits."""
    yes = 1 / (1 + np.exp(-wanted))
    # log sigmoid(x) = -log(1 + exp(-x))
    change_yes = np.logaddexp(0, -found) - np.logaddexp(0, -wanted)
    change_no = np.logaddexp(0, found) - np.logaddexp(0, wanted)
    return float((yes * change_yes + (1 - yes) * change_no).sum())


def _relative_distance(wanted: Array, found: Array) -> float:
    return float(((wanted - found) ** 2).sum() / max(float((wanted**2).sum()), 1e-12))


_DISTANCES = {"SOFTMAX": _softmax_distance, "LOGISTIC": sigmoid_distance, "other": _relative_distance}
