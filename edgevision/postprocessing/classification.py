"""Turn a classifier's output into labels: multi-class, binary and multi-label, from probabilities or logits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..tflite.outputs import classes, dequantize
from ..types import Label, Prediction

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..model_file.card import ModelCard
    from ..tflite.outputs import OutputFacts
    from ..types import Tensor, TensorSpec
    from .score_calibration import Calibration

FEW = 10
"""Up to this number, finding the largest values one by one is faster than sorting."""
TAKEN = np.iinfo(np.int32).min
"""Marks values already found; lower than any stored value."""


class ClassificationDecoder:
    """Decodes the output of one classifier into labels."""

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec], facts: OutputFacts) -> None:
        self._card, self._spec = card, outputs[0]
        self._threshold = card.threshold or 0.0
        self._calibration: Calibration | None = None
        if facts.metadata is not None:
            from .score_calibration import find  # imported late: few models have one

            self._calibration = find(facts.metadata, facts.files)
        classes(self._spec, card.activation)
        self._bytes = None if self._calibration else ByteScores.of(self._spec, card)

    def decode(self, outputs: Sequence[Tensor], size: tuple[int, int], top: int, threshold: float | None) -> Prediction:
        """Return at most ``top`` labels with scores of at least ``threshold``, best first."""
        limit = self._threshold if threshold is None else threshold
        if self._bytes is not None:
            return Prediction(self._card.task, self._bytes.best(outputs[0], top, limit))
        return Prediction(self._card.task, best(self._scores(outputs), self._card, top, limit))

    def scores(self, outputs: Sequence[Tensor]) -> npt.NDArray[np.float32]:
        """Return the scores of all classes, (classes,), 0..1."""
        return np.clip(self._scores(outputs), 0.0, 1.0) if self._calibration else self._scores(outputs)

    def _scores(self, outputs: Sequence[Tensor]) -> npt.NDArray[np.float32]:
        found = scores(outputs[0], self._spec, self._card.activation)
        return self._calibration.apply(found, np.arange(found.size)) if self._calibration else found


class ByteScores:
    """Finds the best labels of an 8-bit output with a table of the 256 possible scores instead of computing them.

    Classes that are not returned cost nothing, and the result is the same to the last bit.
    """

    def __init__(self, spec: TensorSpec, card: ModelCard) -> None:
        limits = np.iinfo(spec.dtype)
        values = np.arange(limits.min, limits.max + 1).astype(spec.dtype)
        self._card, self._least = card, int(limits.min)
        self._exact: list[float] = scores(values, spec, card.activation).tolist()
        """Exact scores by stored value, from the lowest; the threshold is compared with these."""
        self._shown = [_unit(score) for score in self._exact]

    @classmethod
    def of(cls, spec: TensorSpec, card: ModelCard) -> ByteScores | None:
        """Return the table for an output, None if a score depends on more than its own stored value."""
        several = math.prod(spec.shape[1:]) > 1
        plain = card.activation in ("softmax", "sigmoid", "none")
        return cls(spec, card) if spec.quantized and spec.dtype in ("uint8", "int8") and several and plain else None

    def best(self, output: Tensor, top: int, threshold: float) -> tuple[Label, ...]:
        """Return the best labels, like the function ``best``."""
        limit = float(np.float32(threshold))  # in the precision of the scores
        exact, shown, least, name = self._exact, self._shown, self._least, self._card.label
        found = []
        for index, stored in leaders(output.reshape(-1), top):
            if exact[stored - least] < limit:
                break
            found.append(Label(index, name(index), shown[stored - least]))
        return tuple(found)


def leaders(values: npt.NDArray[Any], count: int) -> Iterator[tuple[int, int]]:
    """Yield index and value of the largest integers (at most 16 bits), largest first, ties by lowest index."""
    left = values.astype(np.int32)
    if count > FEW:
        for index in np.argsort(-left, kind="stable")[:count].tolist():
            yield index, left.item(index)
        return
    for _ in range(min(count, left.size)):
        index = int(left.argmax())
        yield index, left.item(index)
        left[index] = TAKEN


def scores(output: Tensor, spec: TensorSpec, activation: str) -> npt.NDArray[np.float32]:
    """Return the scores of all classes, (classes,), 0..1. A single sigmoid output becomes two classes: no and yes."""
    flat: npt.NDArray[Any] = dequantize(output, spec).reshape(-1)
    if activation == "logits":
        flat = _softmax(flat)
    elif activation == "sigmoid_logits":
        flat = 1.0 / (1.0 + np.exp(-np.clip(flat, -80.0, 80.0)))  # beyond 80, a float32 sigmoid is 0 or 1
    if flat.size == 1 and activation in ("sigmoid", "sigmoid_logits"):
        flat = np.array([1.0 - flat[0], flat[0]])
    return flat.astype(np.float32)


def best(found: npt.NDArray[np.float32], card: ModelCard, top: int, threshold: float) -> tuple[Label, ...]:
    """Return the best scores of (classes,) as labels of at least ``threshold``, best first, ties by lowest index."""
    order = np.argsort(-found, kind="stable")[:top]
    return tuple(Label(int(i), card.label(int(i)), _unit(float(found[i]))) for i in order if found[i] >= threshold)


def _softmax(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    shifted = np.exp(values - values.max())
    shares: npt.NDArray[np.float32] = (shifted / shifted.sum()).astype(np.float32)
    return shares


def _unit(score: float) -> float:
    """Limit a score to 0..1, since a quantized one may be slightly outside, and round it."""
    return round(min(1.0, max(0.0, score)), 6)
