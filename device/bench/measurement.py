"""The measurement: blocks that visit every combination twice, in random order and then in reverse."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from edgevision.log import Log

from .energy import Energy, used_j
from .machine_state import Counters, MachineMonitor, State
from .runner import SYSTEM, Measure, Stopwatch, Subject
from .stopping_rule import WARMUP_S, WINDOW, MeasurementPlan, is_steady

log = Log("edgevision.bench")
ORDER = (
    "each block visits all combinations in random order and then in reverse order, so that drift affects all equally; "
    "each visit runs its measures in random order"
)


@dataclass(slots=True)
class Samples:
    """The values of one measure of one combination. Visits 2n and 2n + 1 form block n."""

    visits_ms: list[list[float]] = field(default_factory=list)
    at_s: list[float] = field(default_factory=list)
    """End of each visit, in seconds since the measurement started."""
    medians_ms: list[float] = field(default_factory=list)
    """Median of each visit."""

    def add(self, taken_s: list[float], at_s: float) -> None:
        """Add a visit."""
        self.visits_ms.append([1e3 * seconds for seconds in taken_s])
        self.at_s.append(at_s)
        self.medians_ms.append(1e3 * statistics.median(taken_s))

    @property
    def all_ms(self) -> list[float]:
        """All values in the order of measurement."""
        return [value for visit in self.visits_ms for value in visit]

    @property
    def blocks_ms(self) -> list[float]:
        """For each block, the mean of the medians of its two visits."""
        return [(first + second) / 2 for first, second in self.pairs_ms]

    @property
    def pairs_ms(self) -> list[tuple[float, float]]:
        """For each block, the medians of its first and second visit."""
        return list(zip(self.medians_ms[::2], self.medians_ms[1::2], strict=True))


@dataclass(slots=True)
class Measured:
    """The measurements of one combination."""

    samples: dict[Measure, Samples]
    warmup_runs: int = 0
    cpu_s: float = 0.0
    predict_s: float = 0.0
    """Wall time, and in ``cpu_s`` CPU time, over all visits of ``predict``."""
    energy_j: float | None = None
    energy_runs: int = 0


@dataclass(slots=True)
class Session:
    """A complete measurement."""

    measured: dict[str, Measured]
    """Measurements by the subject's id."""
    states: list[State]
    before: Counters
    after: Counters
    seconds: float
    own_cpu_s: float
    """CPU seconds of this process during the measurement."""
    blocks: int


class Measuring:
    """Runs one session. The ids of ``subjects`` are unique."""

    def __init__(
        self,
        subjects: Sequence[Subject],
        plan: MeasurementPlan,
        watcher: MachineMonitor,
        energy: Energy,
        stopwatch: Stopwatch = SYSTEM,
    ) -> None:
        self._subjects, self._plan, self._watcher = subjects, plan, watcher
        self._energy, self._clock = energy, stopwatch
        self._random = random.Random(plan.seed)
        self._measured = {s.id: Measured({m: Samples() for m in s.measures}) for s in subjects}
        self._runs: dict[tuple[str, Measure], int] = {}
        self._begun_s = 0.0

    def session(self, step: Callable[[float], None] = lambda share: None) -> Session:
        """Warm up and measure. ``step`` gets the elapsed share, 0 to 1, of the time limit."""
        begun = self._clock.wall_s()
        states = [self._watcher.look(0.0)]
        for subject in self._subjects:
            for measure in subject.measures:
                self._warm_up(subject, measure)
        warm_s = self._clock.wall_s() - begun
        states[0] = replace(states[0], at_s=-warm_s)
        self._begun_s = self._clock.wall_s()
        cpu_s, before, blocks = self._clock.cpu_s(), self._watcher.counters(), 0
        states.append(self._watcher.look(0.0))
        while blocks == 0 or not self._plan.enough(self._medians(), self._elapsed_s()):
            self._block()
            blocks += 1
            states.append(self._watcher.look(self._elapsed_s()))
            log.debug("block %d, %.1f s: %s", blocks, self._elapsed_s(), states[-1])
            step(min(1.0, self._elapsed_s() / self._plan.most_s))
        log.info("stopped after %d blocks, %.0f s", blocks, self._elapsed_s())
        after = self._watcher.counters()
        own = self._clock.cpu_s() - cpu_s
        return Session(self._measured, states, before, after, self._elapsed_s(), own, blocks)

    def _elapsed_s(self) -> float:
        return self._clock.wall_s() - self._begun_s

    def _warm_up(self, subject: Subject, measure: Measure) -> None:
        begun = self._clock.wall_s()
        taken: list[float] = []
        while not is_steady(taken) and (not taken or self._clock.wall_s() - begun < WARMUP_S):
            taken += subject.run(measure, WINDOW if measure == "loop" else 1)
        self._measured[subject.id].warmup_runs += len(taken)
        runs = self._plan.runs(statistics.median(taken[-WINDOW:]))
        self._runs[subject.id, measure] = runs
        steady = "steady" if is_steady(taken) else "not steady"
        log.info("%s, %s: %s after %d runs; %d runs at each visit", subject.id, measure, steady, len(taken), runs)

    def _block(self) -> None:
        order = list(self._subjects)
        self._random.shuffle(order)
        for subject in [*order, *reversed(order)]:
            measures = list(subject.measures)
            self._random.shuffle(measures)
            for measure in measures:
                self._run(subject, measure)

    def _run(self, subject: Subject, measure: Measure) -> None:
        measured = self._measured[subject.id]
        energy, cpu_s, wall_s = self._energy.read(), self._clock.cpu_s(), self._clock.wall_s()
        taken = subject.run(measure, self._runs[subject.id, measure])
        wall_s, cpu_s = self._clock.wall_s() - wall_s, self._clock.cpu_s() - cpu_s
        if measure == "predict":
            measured.predict_s += wall_s
            measured.cpu_s += cpu_s
            used = used_j(energy, self._energy.read(), wall_s)
            if used is not None:
                measured.energy_j = (measured.energy_j or 0.0) + used
                measured.energy_runs += len(taken)
        measured.samples[measure].add(taken, self._elapsed_s())

    def _medians(self) -> list[list[float]]:
        return [samples.blocks_ms for measured in self._measured.values() for samples in measured.samples.values()]
