"""The subject of a measurement: a model on an engine, with three measures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from edgevision.engines.protocol import is_writable
from edgevision.errors import BadInput, BadModel
from edgevision.files.url_secrets import masked
from edgevision.model import Model, open_model
from edgevision.model_file import model_file
from edgevision.model_file.derived_card import effective_card
from edgevision.types import Frame

from ..cameras.backends.pattern import PatternReader
from ..stream.protocols import Sink
from .bare_model import BareModel

if TYPE_CHECKING:
    from edgevision.types import Prediction

    from ..stream.protocols import Source

Measure = Literal["invoke", "predict", "loop"]
MEASURES: tuple[Measure, ...] = ("invoke", "predict", "loop")
FRAME_SIZE = (1280, 720)
LEAST_FRAMES = 10
"""Fewest frames of a source, plus one: the first interval includes opening it and is left out."""


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """The clocks of a measurement."""

    wall_s: Callable[[], float] = time.perf_counter
    cpu_s: Callable[[], float] = time.process_time
    """CPU time of all threads of this process."""


SYSTEM = Stopwatch()


@dataclass(frozen=True, slots=True)
class Combination:
    """A combination of model, engine, threads and source."""

    path: Path
    engine: str
    threads: int
    source: str | None = None
    scored: bool = False
    """Whether the model is also scored on labeled images."""
    insecure: bool = False
    """Whether any certificate of an encrypted camera is accepted."""

    @property
    def needs_card(self) -> bool:
        """Whether the measurement needs to know how an image becomes the model's input."""
        return self.source is not None or self.scored

    @property
    def id(self) -> str:
        """Short name for tables and plots."""
        return f"{self.path.stem} {self.engine} {self.threads}T"


class Subject(Protocol):
    """Something to measure."""

    id: str
    measures: tuple[Measure, ...]

    def run(self, measure: Measure, count: int) -> list[float]:
        """Run a measure ``count`` times and return the seconds of each run."""

    def stages(self) -> dict[str, list[float]]:
        """Return the milliseconds of prepare, infer and decode of every ``predict`` so far."""


class ModelSubject:
    """An open model to measure."""

    def __init__(self, combination: Combination, number: int, stopwatch: Stopwatch = SYSTEM) -> None:
        """Open the model. ``number`` distinguishes equal ids. Raises the errors of ``open_model``, BadInput, CameraError."""
        self.combination = combination
        self.id = combination.id if number == 1 else f"{combination.id} #{number}"
        self.measures = MEASURES if combination.source else MEASURES[:2]
        self._wall_s = stopwatch.wall_s
        self.not_measured: str | None = None
        """What was not measured of a model without a card, and why; None if everything was."""
        self.model = self._opened()
        self._frame = _first_frame(combination)
        self._stages: dict[str, list[float]] = {}
        self._tensor = self.model.prepare(self._frame)

    def _opened(self) -> Model | BareModel:
        """Open the model, bare if it does not say how it is used, unless the source or the accuracy needs that."""
        path, engine, threads = self.combination.path, self.combination.engine, self.combination.threads
        try:
            effective_card(model_file.read(path))
        except BadModel as error:
            if self.combination.needs_card:
                raise
            why = str(error).removeprefix(f"{path}: ").partition("; ")[0]
            bare = BareModel(path, engine, threads)  # raises its own error for a damaged file
            self.not_measured = f"preparing an image and decoding the result: {why}"
            return bare
        return open_model(path, engine=engine, threads=threads)

    def run(self, measure: Measure, count: int) -> list[float]:
        """Run a measure. The loop measures intervals between frames: of ``count`` frames, one less."""
        if measure == "loop":
            return self._loop(count)
        if measure == "predict":
            return self._timed(self._predict, count)
        engine = self.model.engine
        engine.infer(self._tensor)
        if is_writable(engine):
            return self._timed(engine.invoke, count)
        return self._timed(lambda: engine.infer(self._tensor), count)

    def stages(self) -> dict[str, list[float]]:
        """Return the milliseconds of each stage of every ``predict`` so far."""
        return self._stages

    def close(self) -> None:
        """Close the model."""
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
        from ..loop.loop import run

        assert isinstance(self.model, Model)
        times = _Times(self._wall_s)
        limit = max(count, LEAST_FRAMES) + 1
        summary = run(_opened_source(self.combination), self.model, [times], limit=limit)
        if len(times.at_s) < LEAST_FRAMES:
            why = f" ({summary.message})" if summary.message else ""
            raise BadInput(
                f"{masked(self.combination.source or '')} is too short: got {len(times.at_s)} frames{why}, "
                f"need at least {LEAST_FRAMES}; give a longer video, a folder of images, or test:@fast"
            )
        return [later - earlier for earlier, later in zip(times.at_s, times.at_s[1:], strict=False)]


class _Times(Sink):
    """A sink that records the time of each result."""

    def __init__(self, wall_s: Callable[[], float]) -> None:
        self._wall_s = wall_s
        self.at_s: list[float] = []

    def write(self, frame: Frame, prediction: Prediction) -> None:
        self.at_s.append(self._wall_s())


def _opened_source(combination: Combination) -> Source:
    from ..cameras.registry import open_source
    from ..stream.request import CaptureRequest

    assert combination.source is not None
    return open_source(combination.source, wanted=CaptureRequest(insecure=combination.insecure))


def _first_frame(combination: Combination) -> Frame:
    """Return a copy of the source's first frame, or a generated 1280x720 image without a source."""
    if combination.source is None:
        return PatternReader("test:", *FRAME_SIZE, None).read()
    opened = _opened_source(combination)
    try:
        frames: Iterator[object] = iter(opened)
        found = next((item for item in frames if isinstance(item, Frame)), None)
        if found is None:
            raise BadInput(f"{masked(combination.source)} has no readable frame; give another source")
        return replace(found, pixels=found.pixels.copy())
    finally:
        opened.close()
