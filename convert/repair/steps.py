"""Makes an int8 model answer more like its float reference: no labels, no other graph, only other numbers in it.

Every step is measured on pictures that took no part in it, and undone where it does not help.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

from edgevision.errors import BadInput

from .. import backend
from ..progress import NoProgress, Progress
from .equalize import equalize
from .layer_errors import signal_to_noise
from .measure import Judge, Score
from .pair import CannotPair, Pair
from .ranges import AUTO, METHODS, MINMAX, look, narrow
from .records import Distance, Effort, LayerError, RepairResult, Step
from .tune import tuner
from .walk import walk

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.data import Pixels

    Normalize = Callable[[Pixels], npt.NDArray[Any]]

QUICK = 24
"""Calibration pictures for the bias correction that alternatives are compared with: unlike biases would hide them."""
STEPS: dict[Effort, tuple[str, ...]] = {
    "low": ("ranges", "biases"),
    "normal": ("ranges", "biases", "rounding"),
    "high": ("ranges", "biases", "rounding", "equalization"),
}

TITLES = {
    "ranges": "Repair: activation ranges",
    "biases": "Repair: biases",
    "rounding": "Repair: rounding of weights",
    "equalization": "Repair: scales of channels",
}


def repair(
    plain: bytes,
    reference: bytes,
    normalize: Normalize,
    calibration: Sequence[Pixels],
    choosing: Sequence[Pixels],
    effort: Effort = "normal",
    range_method: str = "auto",
    progress: Progress | None = None,
    names: Collection[str] = (),
) -> RepairResult:
    """Improves an int8 flatbuffer step by step. Raises BadInput where there are no pictures.

    ``plain``: full int8 with a uint8 input and batch 1; ``reference``: the float flatbuffer of the same function.
    ``normalize``: a picture's bytes as the float model takes them. ``calibration`` and ``choosing``: uint8 (height,
    width, channels) as the model takes them, no picture in both. ``range_method``: one of ``RANGE_METHODS``.
    ``names``: those of the Keras model's layers, to speak of them.
    """
    if not len(calibration) or not len(choosing):
        raise BadInput(f"repair needs pictures to learn from and others to choose by, not {len(calibration)} and "
                       f"{len(choosing)}")  # fmt: skip
    with backend.quiet():
        try:
            before = Pair(plain, reference, names)
        except CannotPair as reason:
            return RepairResult(plain, effort, note=str(reason))
        work = _Work(plain, reference, normalize, calibration, choosing, range_method, names)
        return work.run(before, effort, progress or NoProgress())


@dataclass(slots=True)
class _Work:
    """The models as they are now, and what was done to them."""

    int8: bytes
    reference: bytes
    """The float model; equalization rewrites it without changing its answers."""
    normalize: Normalize
    calibration: Sequence[Pixels]
    choosing: Sequence[Pixels]
    wanted_range: str
    names: Collection[str]
    judge: Judge = field(init=False)
    start: bytes = field(init=False)
    """The int8 model with its final ranges, before anything else was changed."""
    steps: list[Step] = field(default_factory=list)
    actions: dict[str, list[str]] = field(default_factory=dict)
    """By layer."""
    range_method: str = MINMAX
    note: str | None = None

    def __post_init__(self) -> None:
        self.judge = Judge(self.reference, self.choosing, self.normalize)
        self.start = self.int8

    def run(self, before: Pair, effort: Effort, progress: Progress) -> RepairResult:
        """All steps of an effort. One that fails is left out, and the result says so: the model is good without it."""
        distance = self._distance(before)
        for name in STEPS[effort]:
            progress.stage(TITLES[name], None)
            try:
                getattr(self, name)()
            except (RuntimeError, ValueError) as error:  # of the runtime; of numpy's linear algebra
                self.note = f"{name} failed: {str(error).splitlines()[0]}" if str(error) else f"{name} failed"
        progress.stage("Measuring the layers", None)
        return self._result(before, distance, effort)

    def ranges(self) -> None:
        """Activation ranges by percentile, where one is clearly better than the smallest and largest value."""
        if self.wanted_range == MINMAX:
            return
        started = perf_counter()
        before = self._quick(self._pair())
        seen = look(self._pair(), self.calibration, self.normalize)
        found: dict[str, tuple[Score, bytes]] = {}
        methods = METHODS if self.wanted_range == AUTO else {self.wanted_range: METHODS[self.wanted_range]}
        for method, kept in methods.items():
            pair = self._pair()
            narrow(pair, seen, kept)
            changed = pair.int8.pack()
            found[method] = self._quick(pair), changed
        best = min(found, key=lambda method: found[method][0].mean)
        after, changed = found[best]
        forced = self.wanted_range != AUTO
        if self._record(f"ranges {best}", before, after, started, errors=1.0, forced=forced):
            self.start = self.int8 = changed
            self.range_method = best

    def biases(self) -> None:
        """Biases at which each layer is right on average."""
        self._tune("biases", "bias corrected", rounding=False)

    def rounding(self) -> None:
        """Weights rounded so that the layer's outputs change least."""
        self._tune("rounding", "weights rounded anew", rounding=True)

    def equalization(self) -> None:
        """Channels of small range scaled up, and biases and weights made anew for that."""
        started = perf_counter()
        before = self.judge.score(self._pair().int8)
        pair = Pair(self.start, self.reference, self.names)
        scaled = equalize(pair, self.calibration, self.normalize)
        reference = pair.reference.pack()
        walk(pair, self.calibration, self.normalize, tuner(pair, rounding=True))
        if self._record("equalization", before, self.judge.score(pair.int8), started):
            self.int8, self.reference = pair.int8.pack(), reference
            self._note("channels scaled", scaled)

    def _result(self, before: Pair, distance: Distance, effort: Effort) -> RepairResult:
        """With the errors of every layer before and after."""
        after = self._pair()
        decibels = [signal_to_noise(pair, self.choosing, self.normalize) for pair in (before, after)]
        layers = tuple(
            LayerError(layer.name, layer.int8.name, old, new, ", ".join(self.actions.get(layer.name, ["none"])))
            for layer, old, new in zip(after.layers, *decibels, strict=True)
        )
        return RepairResult(
            self.int8, effort, tuple(self.steps), layers, self.range_method, distance, self._distance(after), self.note
        )

    def _distance(self, pair: Pair) -> Distance:
        score = self.judge.score(pair.int8)
        return Distance(score.mean, int(score.same.sum()), len(score.same))

    def _tune(self, name: str, action: str, *, rounding: bool) -> None:
        started = perf_counter()
        pair = self._pair()
        before = self.judge.score(pair.int8)
        walk(pair, self.calibration, self.normalize, tuner(pair, rounding=rounding))
        if self._record(name, before, self.judge.score(pair.int8), started):
            self.int8 = pair.int8.pack()
            self._note(action, [layer.name for layer in pair.layers])

    def _quick(self, pair: Pair) -> Score:
        """What the model is worth with biases roughly corrected; changes ``pair``."""
        walk(pair, self.calibration[:QUICK], self.normalize, tuner(pair, rounding=False))
        return self.judge.score(pair.int8)

    def _record(
        self, name: str, before: Score, after: Score, started: float, *, errors: float = 0.0, forced: bool = False
    ) -> bool:
        kept = forced or after.better_than(before, errors)
        seconds = round(perf_counter() - started, 2)
        self.steps.append(Step(name, round(before.mean, 6), round(after.mean, 6), self.judge.measure, kept, seconds))
        return kept

    def _note(self, action: str, layers: Any) -> None:
        for name in layers:
            self.actions.setdefault(name, []).append(action)

    def _pair(self) -> Pair:
        return Pair(self.int8, self.reference, self.names)
