"""From a classifier's output tensor to labels: multi-class, binary and multi-label, from probabilities or logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..card import ModelCard
from ..data import Label
from ..errors import BadModel
from ..tensors import TensorSpec

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..data import Tensor


def scores(output: Tensor, spec: TensorSpec, activation: str) -> npt.NDArray[np.float32]:
    """The scores 0..1 of all classes, (classes,). One sigmoid output stands for two classes: not, and yes."""
    flat: npt.NDArray[Any] = dequantize(output, spec).reshape(-1)
    if activation == "logits":
        flat = _softmax(flat)
    elif activation == "sigmoid_logits":
        flat = 1.0 / (1.0 + np.exp(-np.clip(flat, -80.0, 80.0)))  # beyond 80 float32 is 0 or 1
    if flat.size == 1 and activation in ("sigmoid", "sigmoid_logits"):
        flat = np.array([1.0 - flat[0], flat[0]])
    return flat.astype(np.float32)


def decode(output: Tensor, spec: TensorSpec, card: ModelCard, top: int, threshold: float) -> tuple[Label, ...]:
    """The best labels, best first, at least ``threshold``; equal scores by lowest index."""
    found = scores(output, spec, card.activation)
    order = np.argsort(-found, kind="stable")[:top]
    return tuple(Label(int(i), card.label(int(i)), _unit(float(found[i]))) for i in order if found[i] >= threshold)


def classes(spec: TensorSpec, activation: str) -> int:
    """How many labels the output asks for. Raises BadModel for an output that is no list of scores."""
    sizes = [n for n in spec.shape[1:] if n != 1]
    if len(spec.shape) < 1 or len(sizes) > 1 or any(n < 1 for n in spec.shape[1:]):
        raise BadModel(f"the output {spec.name} of shape {spec.shape} is no list of class scores")
    count = sizes[0] if sizes else 1
    return 2 if count == 1 and activation in ("sigmoid", "sigmoid_logits") else count


def dequantize(output: Tensor, spec: TensorSpec) -> npt.NDArray[np.float32]:
    """Stored values as real ones."""
    if not spec.quantized:
        return output.astype(np.float32)
    return (output.astype(np.float32) - spec.zero_point) * np.float32(spec.scale)


def _softmax(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    shifted = np.exp(values - values.max())
    shares: npt.NDArray[np.float32] = (shifted / shifted.sum()).astype(np.float32)
    return shares


def _unit(score: float) -> float:
    """A quantized score may step just outside 0..1."""
    return round(min(1.0, max(0.0, score)), 6)
