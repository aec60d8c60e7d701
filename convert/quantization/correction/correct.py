"""Repair of an int8 model against its float reference: it changes numbers, never the graph, and needs no labels.

Every step is measured on the selection set, which the step did not use, and undone if it does not help.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

from edgevision.errors import BadInput
from edgevision.log import Log

from ... import backend
from ...options import ActivationRange, RepairEffort
from ...progress import NoProgress, Progress
from .bias_correction import tuner
from .channel_equalization import equalize
from .distance import DETECTION, POINTS, ClassificationJudge, Judge, Score
from .layer_pairs import CannotPair, Pair
from .layer_snr import signal_to_noise
from .layerwise import walk
from .range_calibration import AUTO, METHODS, MINMAX, look, narrow
from .result import Distance, LayerError, RepairResult, Step

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.types import Pixels

    Normalize = Callable[[Pixels], npt.NDArray[Any]]

JudgeMaker = Callable[[bytes, "Sequence[Pixels]", "Normalize"], Judge]
log = Log("edgevision.repair")
N_QUICK_CORRECTION_IMAGES = 24
"""Calibration images for the quick bias correction before alternatives are compared: bias errors would hide the rest."""
STEPS: dict[RepairEffort, tuple[str, ...]] = {
    "low": ("ranges", "biases"),
    "normal": ("ranges", "biases", "rounding"),
    "high": ("ranges", "biases", "rounding", "equalization"),
}

TITLES = {
    "ranges": "Repair: activation ranges",
    "biases": "Repair: bias correction",
    "rounding": "Repair: weight rounding",
    "equalization": "Repair: channel equalization",
}


def repair(
    plain: bytes,
    reference: bytes,
    normalize: Normalize,
    calibration: Sequence[Pixels],
    selection: Sequence[Pixels],
    effort: RepairEffort,
    activation_range: ActivationRange,
    progress: Progress | None = None,
    names: Collection[str] = (),
    judges: JudgeMaker = ClassificationJudge,
) -> RepairResult:
    """Improve an int8 flatbuffer step by step. Raises BadInput if a set of images is empty.

    ``plain``: full int8 model with uint8 input and batch 1; ``reference``: float flatbuffer of the same function.
    ``normalize``: converts a uint8 image to the float model's input. ``calibration`` and ``selection``: uint8 images
    (height, width, channels) in the model's input size, none in both sets. ``names``: names of the Keras model's layers,
    used in the result. ``judges``: makes what measures the distance from the float model, from that model, the selection
    and ``normalize``.
    """
    if not len(calibration) or not len(selection):
        raise BadInput(f"repair needs calibration and selection images, got {len(calibration)} and "
                       f"{len(selection)}; give it at least one of each")  # fmt: skip
    with backend.quiet():
        try:
            before = Pair(plain, reference, names)
        except CannotPair as reason:
            log.info("not possible: %s", reason)
            return RepairResult(plain, effort, note=str(reason))
        work = _Work(plain, reference, normalize, calibration, selection, activation_range, names, judges)
        return work.run(before, effort, progress or NoProgress())


@dataclass(slots=True)
class _Work:
    """State of a repair: the current models and the record of the steps."""

    int8: bytes
    reference: bytes
    """Float model; equalization rewrites it without changing its predictions."""
    normalize: Normalize
    calibration: Sequence[Pixels]
    selection: Sequence[Pixels]
    wanted_range: str
    names: Collection[str]
    judges: JudgeMaker
    judge: Judge = field(init=False)
    start: bytes = field(init=False)
    """Int8 model with its final ranges and no other changes."""
    steps: list[Step] = field(default_factory=list)
    actions: dict[str, list[str]] = field(default_factory=dict)
    """Changes of each layer, by layer name."""
    activation_range: str = MINMAX
    note: str | None = None

    def __post_init__(self) -> None:
        self.judge = self.judges(self.reference, self.selection, self.normalize)
        self.start = self.int8

    def run(self, before: Pair, effort: RepairEffort, progress: Progress) -> RepairResult:
        """Run all steps of an effort. A step that fails is skipped and noted: the model is valid without it."""
        distance = self._distance(before)
        for name in STEPS[effort]:
            progress.stage(TITLES[name], None)
            try:
                getattr(self, name)()
            except (RuntimeError, ValueError) as error:  # from the runtime or numpy's linear algebra
                self.note = f"{name} failed: {str(error).splitlines()[0]}" if str(error) else f"{name} failed"
                log.info("%s", self.note)
        progress.stage("Measuring the layers", None)
        return self._result(before, distance, effort)

    def ranges(self) -> None:
        """Set percentile activation ranges if they are clearly better than minimum and maximum."""
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
            log.debug("ranges %s: %s %.3g", method, self.judge.measure, found[method][0].mean)
        best = min(found, key=lambda method: found[method][0].mean)
        after, changed = found[best]
        forced = self.wanted_range != AUTO
        if self._record(f"ranges {best}", before, after, started, errors=1.0, forced=forced):
            self.start = self.int8 = changed
            self.activation_range = best

    def biases(self) -> None:
        """Correct the biases so that each layer's mean error is zero."""
        self._tune("biases", "bias corrected", rounding=False)

    def rounding(self) -> None:
        """Round the weights so that each layer's outputs change least."""
        self._tune("rounding", "weights re-rounded", rounding=True)

    def equalization(self) -> None:
        """Scale up channels with a small range, then round weights and correct biases again."""
        started = perf_counter()
        before = self.judge.score(self._pair().int8)
        pair = Pair(self.start, self.reference, self.names)
        scaled = equalize(pair, self.calibration, self.normalize)
        reference = pair.reference.pack()
        walk(pair, self.calibration, self.normalize, tuner(pair, rounding=True))
        if self._record("equalization", before, self.judge.score(pair.int8), started):
            self.int8, self.reference = pair.int8.pack(), reference
            self._note("channels scaled", scaled)

    def _result(self, before: Pair, distance: Distance, effort: RepairEffort) -> RepairResult:
        """Build the result, with the errors of every layer before and after."""
        after = self._pair()
        decibels = [signal_to_noise(pair, self.selection, self.normalize) for pair in (before, after)]
        layers = tuple(
            LayerError(layer.name, layer.int8.name, old, new, ", ".join(self.actions.get(layer.name, ["none"])))
            for layer, old, new in zip(after.layers, *decibels, strict=True)
        )
        return RepairResult(
            self.int8,
            effort,
            tuple(self.steps),
            layers,
            self.activation_range,
            distance,
            self._distance(after),
            self.note,
        )

    def _distance(self, pair: Pair) -> Distance:
        score = self.judge.score(pair.int8)
        boxes = int(score.total.sum()) if self.judge.measure in (DETECTION, POINTS) else None
        return Distance(score.mean, int(score.same.sum()), len(score.same), boxes)

    def _tune(self, name: str, action: str, *, rounding: bool) -> None:
        started = perf_counter()
        pair = self._pair()
        before = self.judge.score(pair.int8)
        walk(pair, self.calibration, self.normalize, tuner(pair, rounding=rounding))
        if self._record(name, before, self.judge.score(pair.int8), started):
            self.int8 = pair.int8.pack()
            self._note(action, [layer.name for layer in pair.layers])

    def _quick(self, pair: Pair) -> Score:
        """Score the model after a rough bias correction. Changes ``pair``."""
        walk(pair, self.calibration[:N_QUICK_CORRECTION_IMAGES], self.normalize, tuner(pair, rounding=False))
        return self.judge.score(pair.int8)

    def _record(
        self, name: str, before: Score, after: Score, started: float, *, errors: float = 0.0, forced: bool = False
    ) -> bool:
        kept = forced or after.better_than(before, errors)
        seconds = round(perf_counter() - started, 2)
        verdict = "kept" if kept else "undone"
        log.info(
            "%s: %s %.3g -> %.3g, %s (%.1f s)", name, self.judge.measure, before.mean, after.mean, verdict, seconds
        )
        self.steps.append(Step(name, round(before.mean, 6), round(after.mean, 6), self.judge.measure, kept, seconds))
        return kept

    def _note(self, action: str, layers: Any) -> None:
        for name in layers:
            self.actions.setdefault(name, []).append(action)

    def _pair(self) -> Pair:
        return Pair(self.int8, self.reference, self.names)
