"""What is measured: one model on one engine with so many threads, and the three things asked of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from edgevision.data import Frame
from edgevision.errors import BadInput
from edgevision.model import Model, open_model

from ..cameras.pattern import PatternReader

if TYPE_CHECKING:
    from edgevision.data import Prediction

Measure = Literal["invoke", "predict", "loop"]
MEASURES: tuple[Measure, ...] = ("invoke", "predict", "loop")
FRAME_SIZE = (1280, 720)
LEAST_FRAMES = 10
"""A source must have more; the first interval holds its opening and is left out."""


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """Where times come from."""

    wall_s: Callable[[], float] = time.perf_counter
    cpu_s: Callable[[], float] = time.process_time
    """Of all threads of this process."""


SYSTEM = Stopwatch()


@dataclass(frozen=True, slots=True)
class Combination:
    """What distinguishes one result from another."""

    path: Path
    engine: str
    threads: int
    source: str | None = None

    @property
    def id(self) -> str:
        """Short, for tables and plots."""
        return f"{self.path.stem} {self.engine} {self.threads}T"


class Subject(Protocol):
    """Something that is measured."""

    id: str
    measures: tuple[Measure, ...]

    def run(self, measure: Measure, count: int) -> list[float]:
        """Does it so many times; seconds of each."""

    def stages(self) -> dict[str, list[float]]:
        """Milliseconds of prepare, infer and decode of every ``predict`` so far."""


class ModelSubject:
    """An open model."""

    def __init__(self, combination: Combination, number: int, stopwatch: Stopwatch = SYSTEM) -> None:
        """``number``: tells one from another of the same id. Raises what ``open_model`` does, and BadInput, CameraError."""
        self.combination = combination
        self.id = combination.id if number == 1 else f"{combination.id} #{number}"
        self.measures = MEASURES if combination.source else MEASURES[:2]
        self._wall_s = stopwatch.wall_s
        self.model: Model = open_model(combination.path, engine=combination.engine, threads=combination.threads)
        self._frame = _first_frame(combination.source)
        self._stages: dict[str, list[float]] = {}
        self._tensor = self.model.prepare(self._frame)

    def run(self, measure: Measure, count: int) -> list[float]:
        """See ``Subject``. The loop reads at most ``count`` frames and has one interval less."""
        if measure == "loop":
            return self._loop(count)
        if measure == "predict":
            return self._timed(self._predict, count)
        engine: Any = self.model.engine
        engine.infer(self._tensor)
        invoke: Callable[[], object] = getattr(engine, "invoke", lambda: engine.infer(self._tensor))
        return self._timed(invoke, count)

    def stages(self) -> dict[str, list[float]]:
        """See ``Subject``."""
        return self._stages

    def close(self) -> None:
        """Frees the model."""
        self.model.close()

    def _timed(self, call: Callable[[], object], count: int) -> list[float]:
        clock, found = self._wall_s, []
        for _ in range(count):
            start = clock()
            call()
            found.append(clock() - start)
        return found

    def _predict(self) -> None:
        for name, ms in self.model.predict(self._frame).stages_ms.items():
            self._stages.setdefault(name, []).append(ms)

    def _loop(self, count: int) -> list[float]:
        from ..cameras.table import open_source
        from ..pipeline import run

        assert self.combination.source is not None
        times = _Times(self._wall_s)
        limit = max(count, LEAST_FRAMES) + 1
        summary = run(open_source(self.combination.source), self.model, [times], limit=limit)
        if len(times.at_s) < LEAST_FRAMES:
            why = f" ({summary.message})" if summary.message else ""
            raise BadInput(
                f"{self.combination.source} ends too early: frames recognised: {len(times.at_s)}{why}, and a "
                f"measurement of the loop needs {LEAST_FRAMES}; give a longer video, a folder of pictures, or test:@fast"
            )
        return [later - earlier for earlier, later in zip(times.at_s, times.at_s[1:], strict=False)]


class _Times:
    """A sink that keeps when each result came."""

    def __init__(self, wall_s: Callable[[], float]) -> None:
        self._wall_s = wall_s
        self.at_s: list[float] = []

    def write(self, frame: Frame, prediction: Prediction) -> None:
        self.at_s.append(self._wall_s())

    def close(self) -> None:
        """Nothing is held."""


def _first_frame(source: str | None) -> Frame:
    """Of the source, with pixels of its own; without one a drawn picture of 1280x720."""
    if source is None:
        return PatternReader("test:", *FRAME_SIZE, None).read()
    from ..cameras.table import open_source

    opened = open_source(source)
    try:
        frames: Iterator[object] = iter(opened)
        found = next((item for item in frames if isinstance(item, Frame)), None)
        if found is None:
            raise BadInput(f"{source} ends before its first frame that can be read")
        return replace(found, pixels=found.pixels.copy())
    finally:
        opened.close()
