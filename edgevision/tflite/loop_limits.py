"""Check that a model ends for every image: a loop that ends on one image may run forever on another.

A first run on this machine (``engines/probe.py``) shows that a model ends if nothing in its control flow depends on the
image. If something does, each loop must count to a fixed limit, as those of TensorFlow do.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING

from ..errors import BadModel
from .schema import TYPES

if TYPE_CHECKING:
    from .control_flow import Part, Step

MAX_RUNS = 100_000
"""Largest number of operators that one image may run, in a model whose control flow depends on the image."""
MAX_VISITS = 200_000
"""Largest number of operators to follow; a malicious file could otherwise make this check endless."""
UNSTEADY = frozenset(
    "RANDOM_STANDARD_NORMAL RANDOM_UNIFORM MULTINOMIAL STABLEHLO_RNG_BIT_GENERATOR VAR_HANDLE READ_VARIABLE "
    "HASHTABLE HASHTABLE_FIND HASHTABLE_SIZE CUSTOM DELEGATE".split()
)
"""Operators whose results may differ from run to run, or are not known."""
COUNTERS = {TYPES.index("int32"): 4, TYPES.index("int64"): 8}
"""Types of a counter, and their size in bytes."""


def check_loops(parts: Sequence[Part], main: int = 0) -> None:
    """Raise BadModel if the model may run without end, or for very long, on some image. ``main``: the part that is run."""
    flow = _Flow(parts, main)
    flow.outputs(main, frozenset(range(len(parts[main].inputs))))
    if not flow.depends_on_image:
        return
    runs = _Runs(parts).of(main)
    if runs == inf:
        raise BadModel(
            "the model has a loop that may not end: it depends on the image and has no fixed limit; convert it again with "
            "a limit (maximum_iterations of tf.while_loop) and a fixed input size"
        )
    if runs > MAX_RUNS:
        raise BadModel(
            f"the model may run {runs:.3g} operators for one image, at most {MAX_RUNS} are allowed; lower the limits of "
            "its loops"
        )


class _Flow:
    """Follows what depends on the image through all subgraphs."""

    def __init__(self, parts: Sequence[Part], main: int) -> None:
        self._main = main
        self.depends_on_image = False
        """Whether a condition depends on the image, or on what differs from run to run."""
        self._parts = parts
        self._known: dict[tuple[int, frozenset[int]], tuple[bool, ...]] = {}
        self._visits = 0

    def outputs(self, number: int, inputs: frozenset[int]) -> tuple[bool, ...]:
        """Return which outputs of a subgraph depend on the image if these of its inputs (by position) do."""
        key = (number, inputs)
        if key not in self._known:
            part = self._parts[number]
            found = {part.inputs[n] for n in inputs if n < len(part.inputs)} | part.variables
            image = found & set(part.inputs) if number == self._main else set()
            for step in part.steps:
                self._visits += 1
                if self._visits > MAX_VISITS:
                    raise BadModel("the model has too many nested loops and conditions to check")
                self._follow(step, found, image)
            self._known[key] = tuple(tensor in found for tensor in part.outputs)
        return self._known[key]

    def _follow(self, step: Step, found: set[int], image: set[int]) -> None:
        """Add the outputs of a step to what depends on the image."""
        given = [tensor in found for tensor in step.inputs]
        if step.kind == "loop":
            made = self._loop(step, given)
        elif step.kind == "branch":
            made = self._branch(step, given)
        elif step.kind == "call":
            made = self.outputs(step.called[0], _positions(given))
        elif step.name == "SHAPE" and set(step.inputs) <= image:
            made = ()  # the size of the input does not change
        else:
            made = (any(given) or step.name in UNSTEADY,) * len(step.outputs)
        found |= {tensor for tensor, depends in zip(step.outputs, made, strict=False) if depends}

    def _loop(self, step: Step, given: list[bool]) -> tuple[bool, ...]:
        condition, body = step.called
        while True:
            after = self.outputs(body, _positions(given))
            merged = [old or (n < len(after) and after[n]) for n, old in enumerate(given)]
            if merged == given:
                break
            given = merged
        if any(self.outputs(condition, _positions(given))[:1]):
            self.depends_on_image = True
            return (True,) * len(step.outputs)
        return tuple(given)

    def _branch(self, step: Step, given: list[bool]) -> tuple[bool, ...]:
        results = [self.outputs(called, _positions(given[1:])) for called in step.called]
        if any(given[:1]):
            self.depends_on_image = True
            return (True,) * len(step.outputs)
        return tuple(any(n < len(one) and one[n] for one in results) for n in range(len(step.outputs)))


class _Runs:
    """Counts how many operators one image runs at most."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._known: dict[int, float] = {}

    def of(self, number: int) -> float:
        """Return the largest number of operators that one run of a subgraph runs; infinite if a loop has no limit."""
        if number not in self._known:
            part = self._parts[number]
            self._known[number] = sum(self._step(part, step) for step in part.steps)
        return self._known[number]

    def _step(self, part: Part, step: Step) -> float:
        inner = [self.of(called) for called in step.called]
        if step.kind == "branch":
            return 1.0 + max(inner, default=0.0)
        if step.kind == "loop":
            condition, body = (self._parts[number] for number in step.called)
            return 1.0 + (limit(part, step, condition, body) + 1.0) * (1.0 + sum(inner))
        return 1.0 + sum(inner)


def limit(part: Part, step: Step, condition: Part, body: Part) -> float:
    """Return the largest number of rounds of a loop; infinite if none of its conditions counts to a fixed limit."""
    found = [_rounds(part, step, condition, body, test) for test in _conjuncts(condition)]
    return min(found, default=inf)


def _conjuncts(condition: Part) -> list[Step]:
    """Return the comparisons that all must hold for another round."""
    left, found = list(condition.outputs[:1]), []
    for _ in range(100):
        if not left:
            break
        test = condition.producers.get(left.pop())
        if test is not None and test.name == "LOGICAL_AND":
            left += test.inputs
        elif test is not None:
            found.append(test)
    return found


def _rounds(part: Part, step: Step, condition: Part, body: Part, test: Step) -> float:
    """Return how often a comparison of a counter with a fixed number holds; infinite if it is something else."""
    if test.name not in ("LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL") or len(test.inputs) != 2:
        return inf
    first, second = test.inputs
    for counter, end, rises in ((first, second, "LESS" in test.name), (second, first, "GREATER" in test.name)):
        place = condition.inputs.index(counter) if counter in condition.inputs else None
        if place is None or place >= min(len(body.inputs), len(body.outputs), len(step.inputs)):
            continue
        size = COUNTERS.get(part.types[step.inputs[place]] if 0 <= step.inputs[place] < len(part.types) else -1, 0)
        start = _number(part, step.inputs[place], size)
        stop = _end(part, step, condition, body, end, size)
        change = _change(body, place, size)
        if start is None or stop is None or not change or (change > 0) != rises:
            continue
        # Beyond the largest number the counter would start again from the lowest one.
        if abs(stop + change) < 2 ** (8 * size - 1) - 1:
            return max(0.0, abs(stop - start) / abs(change) + 1.0) if (stop > start) == rises else 1.0
    return inf


def _end(part: Part, step: Step, condition: Part, body: Part, tensor: int, size: int) -> int | None:
    """Return the number that a counter is compared with, a constant or an input that no round changes; None if unknown."""
    if tensor not in condition.inputs:
        return _number(condition, tensor, size)
    place = condition.inputs.index(tensor)
    if place >= min(len(body.inputs), len(body.outputs), len(step.inputs)) or body.outputs[place] != body.inputs[place]:
        return None
    return _number(part, step.inputs[place], size)


def _change(body: Part, place: int, size: int) -> int | None:
    """Return by how much one round changes a counter; None if that is not fixed."""
    made = body.producers.get(body.outputs[place])
    if made is None or not made.exact or len(made.inputs) != 2:
        return None
    counter, (first, second) = body.inputs[place], made.inputs
    if first == counter:
        number = _number(body, second, size)
        return None if number is None else -number if made.name == "SUB" else number
    return _number(body, first, size) if second == counter and made.name == "ADD" else None


def _number(part: Part, tensor: int, size: int) -> int | None:
    """Return a constant integer of this many bytes, None if the tensor is something else."""
    content = part.constants.get(tensor)
    if content is None or len(content) != size or COUNTERS.get(part.types[tensor]) != size:
        return None
    return int.from_bytes(content, "little", signed=True)


def _positions(given: Sequence[bool]) -> frozenset[int]:
    return frozenset(n for n, depends in enumerate(given) if depends)
