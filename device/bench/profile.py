"""``--profile``: time per operator, estimated from models truncated after each operator."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from edgevision.engines.interpreter import Interpreter, open_interpreter
from edgevision.engines.uint8_input import without_sign_change
from edgevision.errors import BadModel
from edgevision.model_file import model_file
from edgevision.tflite.graph import Graph, subgraph_count

from .runner import SYSTEM, Stopwatch
from .truncated_model import cut

if TYPE_CHECKING:
    from edgevision.types import Tensor

METHOD = (
    "an estimate: the model is truncated after each operator, and the time of an operator is the difference between the model "
    "that ends with it and the one before; effects of truncation, such as lost fusion and extra outputs, are included"
)
NOT_RUN = "not run"
ROUNDS = 5
LEAST_ROUNDS = 2
VISIT_S = 0.05
LEAST_RUNS = 3
MOST_S = 60.0


@dataclass(frozen=True, slots=True)
class OperatorTime:
    """The estimated time of one operator."""

    index: int
    name: str
    shape: list[int]
    """Shape of the first output."""
    ms: float
    """Never negative: if a longer truncated model was faster, both are pooled and the later operator gets 0."""
    share: float
    """Share of the sum, 0 to 1."""
    runs_in: str
    """XNNPACK, built-in (the runtime's own kernels), not run (``engines/uint8_input``) or unknown."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The profile of a model."""

    method: str
    rounds: int
    whole_ms: float
    sum_ms: float
    """Sum over all operators; ``whole_ms`` is measured independently."""
    noise_ms: float
    """Median difference between two rounds of the same truncated model."""
    operators: list[OperatorTime]

    @property
    def sum_over_whole(self) -> float:
        """Quality of the estimate; 1 is perfect."""
        return self.sum_ms / self.whole_ms

    def to_json(self) -> dict[str, Any]:
        """Return the profile as JSON values."""
        return {**asdict(self), "estimate": True, "sum_over_whole": round(self.sum_over_whole, 4)}


class Runs(Protocol):
    """An open model."""

    def infer(self, tensor: Tensor) -> list[Tensor]: ...

    def invoke(self) -> None: ...

    def close(self) -> None: ...


Open = Callable[[bytes], Runs]


def profile(path: Path, threads: int, stopwatch: Stopwatch = SYSTEM, step: Callable[[float], None] = lambda share: None,
            open_part: Open | None = None) -> Profile:  # fmt: skip
    """Profile a model file on the CPU. Raises BadModel for a model with control flow, EngineError."""
    file = model_file.read(path)
    if subgraph_count(file.flatbuffer) != 1:
        raise BadModel(f"{path} cannot be profiled: it has several graphs (loops or conditions)")
    graph = file.graph()
    if any(size < 1 for size in graph.input_specs[0].shape):
        raise BadModel(f"{path} cannot be profiled: its input has no fixed size")
    placed = _placed(graph, file.flatbuffer, threads) if open_part is None else ["unknown"] * len(graph.operators)
    opened = open_part or (lambda part: open_interpreter(part, threads))
    rounds = _rounds(file.flatbuffer, graph, opened, stopwatch, step)
    return _estimated(graph, rounds, placed)


def _rounds(
    flatbuffer: bytes, graph: Graph, opened: Open, stopwatch: Stopwatch, step: Callable[[float], None]
) -> list[list[float]]:
    """Return for each round the seconds of each truncated model and, last, of the whole one; each round is shuffled."""
    spec = graph.input_specs[0]
    tensor: Tensor = np.full(spec.shape, 100 if spec.dtype == "uint8" else 0, spec.dtype)
    whole = len(graph.operators) + 1
    order, rng, begun = list(range(1, whole + 1)), random.Random(0), stopwatch.wall_s()
    found: list[list[float]] = []
    while len(found) < ROUNDS and (len(found) < LEAST_ROUNDS or stopwatch.wall_s() - begun < MOST_S):
        rng.shuffle(order)
        taken = dict[int, float]()
        for done, count in enumerate(order):
            part = flatbuffer if count == whole else cut(flatbuffer, graph, count)
            taken[count] = _seconds(opened(part), tensor, stopwatch)
            step((len(found) + done / len(order)) / ROUNDS)
        found.append([taken[count] for count in sorted(taken)])
    return found


def _seconds(part: Runs, tensor: Tensor, stopwatch: Stopwatch) -> float:
    """Return the fastest of several runs after two warm-up runs; slower runs are disturbed by other programs."""
    try:
        part.infer(tensor)
        part.invoke()
        taken: list[float] = []
        while len(taken) < LEAST_RUNS or sum(taken) < VISIT_S:
            start = stopwatch.wall_s()
            part.invoke()
            taken.append(stopwatch.wall_s() - start)
        return min(taken)
    finally:
        part.close()


def _estimated(graph: Graph, rounds: Sequence[Sequence[float]], placed: Sequence[str]) -> Profile:
    """Estimate the profile from the fastest round of each truncated model."""
    *cuts_ms, whole_ms = (1e3 * min(each) for each in zip(*rounds, strict=True))
    apart = [1e3 * abs(a - b) for a, b in zip(rounds[-1], rounds[-2], strict=True)]
    fitted = rising(cuts_ms)
    times = [after - before for before, after in zip([0.0, *fitted], fitted, strict=False)]
    total = sum(times) or 1.0
    operators = [
        OperatorTime(number, one.name, list(graph.tensors[one.outputs[0]].spec.shape) if one.outputs else [],
                     round(ms, 5), round(ms / total, 5), where)
        for number, (one, ms, where) in enumerate(zip(graph.operators, times, placed, strict=True))
    ]  # fmt: skip
    return Profile(METHOD, len(rounds), whole_ms, sum(times), statistics.median(apart), operators)


def rising(values: Sequence[float]) -> list[float]:
    """Return the least-squares fit that never decreases, since no operator can take negative time.

    Decreasing neighbors are pooled (M. Ayer et al., 1955, Annals of Mathematical Statistics 26, 641-647).
    """
    pools: list[tuple[float, int]] = []
    for value in values:
        mean, count = value, 1
        while pools and pools[-1][0] > mean:
            before, size = pools.pop()
            mean, count = (mean * count + before * size) / (count + size), count + size
        pools.append((mean, count))
    return [mean for mean, count in pools for _ in range(count)]


def _placed(graph: Graph, flatbuffer: bytes, threads: int) -> list[str]:
    """Return where each operator of the whole model runs, as far as the runtime reports it."""
    whole: Interpreter = open_interpreter(flatbuffer, threads)
    try:
        parts = whole.delegated_parts()
    finally:
        whole.close()
    if parts is None:
        return ["unknown"] * len(graph.operators)
    taken = delegated(graph, parts)
    found = ["XNNPACK" if number in taken else "built-in" for number in range(len(graph.operators))]
    return found if without_sign_change(flatbuffer) is None else [NOT_RUN, *found[1:]]


DelegatePart = tuple[frozenset[int], tuple[int, ...]]
"""Indices of the tensors that a delegate's part reads and writes."""


def delegated(graph: Graph, parts: Sequence[DelegatePart]) -> frozenset[int]:
    """Return the indices of the operators that are in one of the parts."""
    makers = {tensor: number for number, one in enumerate(graph.operators) for tensor in one.outputs}
    found: set[int] = set()
    for reads, writes in parts:
        todo = list(writes)
        while todo:
            number = makers.get(todo.pop())
            if number is None or number in found:
                continue
            found.add(number)
            todo += [tensor for tensor in graph.operators[number].inputs if tensor not in reads]
    return frozenset(found)
