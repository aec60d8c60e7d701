"""Activation ranges by percentile: narrower than minimum to maximum, with finer steps and a few clipped peaks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .kernel_runner import tap
from .layer_pairs import LAYERS, Pair

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.tflite.editable_model import FlatModel
    from edgevision.tflite.flat_graph import Operator
    from edgevision.types import Pixels

    Array = npt.NDArray[Any]

METHODS = {"p99.999": 0.99999, "p99.99": 0.9999}
"""Quantile that a range keeps at each end, by method; the converter's own method is ``minmax``."""
MINMAX = "minmax"
AUTO = "auto"
"""Use the method with the smallest distance on the selection set."""
BINS = 4096
"""Histogram bins: 16 per int8 step of the widest range."""
VALUES = 1 << 16
"""Values counted per tensor and image, at random positions: with 100 images, 65 lie beyond the highest percentile."""
_OWN_RANGE = frozenset({*LAYERS, "ADD", "SUB", "MUL", "HARD_SWISH"})
"""Operators whose output may have any range. All others keep their input's range or have a fixed one."""
_ANSWERS = frozenset({"SOFTMAX", "LOGISTIC"})


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Value histograms of the tensors whose range may change."""

    groups: tuple[tuple[int, ...], ...]
    """Groups of int8 tensors that must share one range."""
    counts: dict[int, Array]
    """Histogram of each tensor over its range in the int8 model, ``BINS`` bins."""


def look(pair: Pair, pictures: Sequence[Pixels], normalize: Callable[[Pixels], Array]) -> Seen:
    """Collect histograms by running the float model on the images, one at a time."""
    groups = _groups(pair)
    twins = {ours: theirs for op, other in pair.reference_of.items() for ours, theirs in _outputs(op, other)}
    tensors = [t for group in groups for t in group if t in twins]
    counts = {t: np.zeros(BINS, np.int64) for t in tensors}
    run = tap(pair.reference, [twins[t] for t in tensors])
    rng = np.random.default_rng(0)
    places = {t: _places(pair.int8, t, rng) for t in tensors}
    for picture in pictures:
        for tensor, values in zip(tensors, run(normalize(picture)[np.newaxis]), strict=True):
            low, high = _limits(pair.int8, tensor)
            bins = ((values.ravel()[places[tensor]] - low) * (BINS / (high - low))).astype(np.int32)
            counts[tensor] += np.bincount(np.clip(bins, 0, BINS - 1), minlength=BINS)
    return Seen(groups, counts)


def narrow(pair: Pair, seen: Seen, kept: float) -> None:
    """Write new ranges and the biases that depend on them into ``pair.int8``; ``kept`` is a quantile of ``METHODS``."""
    for group in seen.groups:
        found = [_percentiles(pair.int8, t, seen.counts[t], kept) for t in group if t in seen.counts]
        if not found:
            continue
        low, high = min(0.0, *(f[0] for f in found)), max(0.0, *(f[1] for f in found))
        scale = max((high - low) / 255, 1e-9)
        zero_point = int(np.clip(np.round(-128 - low / scale), -128, 127))
        for tensor in group:
            pair.int8.set_scales(tensor, np.asarray([scale]), zero_point)
    for layer in pair.layers:
        pair.write_bias(layer, pair.bias(layer))


def _places(model: FlatModel, tensor: int, rng: np.random.Generator) -> Array | slice:
    size = prod(model.shape(tensor))
    return slice(None) if size <= VALUES else rng.integers(0, size, VALUES)


def _percentiles(model: FlatModel, tensor: int, counts: Array, kept: float) -> tuple[float, float]:
    low, high = _limits(model, tensor)
    share = np.cumsum(counts) / counts.sum()
    first, last = np.searchsorted(share, 1 - kept), np.searchsorted(share, kept)
    width = (high - low) / BINS
    return low + width * float(first), low + width * float(last + 1)


def _limits(model: FlatModel, tensor: int) -> tuple[float, float]:
    scale, zero_point = model.scale(tensor)
    return scale * (-128 - zero_point), scale * (127 - zero_point)


def _outputs(op: Operator, other: Operator) -> Iterable[tuple[int, int]]:
    return zip(op.outputs, other.outputs, strict=True)


def _groups(pair: Pair) -> tuple[tuple[int, ...], ...]:
    """Return the sets of tensors that share a range and can get a new one together."""
    model = pair.int8
    group = {t: {t} for op in model.operators for t in (*model.activations(op), *op.outputs)}
    fixed = {*model.inputs, *model.outputs}
    for op in model.operators:
        sources = model.activations(op)
        if op.name in _ANSWERS:
            fixed.update(sources)  # the peak value decides the prediction, so it must not be clipped
        if op.name in _OWN_RANGE:
            if _has_bias(model, op) and pair.layer_of(op) is None:
                fixed.update(sources)  # that bias depends on the input scale, and repair cannot rewrite it
            continue
        for target in op.outputs:
            alike = [t for t in sources if op.name != "QUANTIZE" and _same(model, t, target)]
            if not alike:
                fixed.update((target, *sources) if op.name == "QUANTIZE" else (target,))
            for source in alike:
                group[source] |= group[target]
                for tensor in group[source]:
                    group[tensor] = group[source]
    sets = {id(one): one for one in group.values()}.values()
    return tuple(tuple(sorted(one)) for one in sets if not one & fixed and all(_is_int8(model, t) for t in one))


def _has_bias(model: FlatModel, op: Operator) -> bool:
    return any(t >= 0 and model.is_constant(t) and model.dtype(t) == "int32" for t in op.inputs)


def _same(model: FlatModel, one: int, other: int) -> bool:
    return _is_int8(model, one) and _is_int8(model, other) and model.scale(one) == model.scale(other)


def _is_int8(model: FlatModel, tensor: int) -> bool:
    return model.dtype(tensor) == "int8" and len(model.scales(tensor)) == 1
