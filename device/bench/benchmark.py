"""``edgevision bench MODEL...``: open every combination, measure cold starts, measure all together, check validity."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edgevision.errors import BadInput
from edgevision.files.atomic import require_file
from edgevision.files.run_folder import utc_now, versions

from ..system.host import System, here
from .accuracy import Accuracies
from .cold_start import ColdStart, cold_start, middle
from .energy import Energy
from .machine_info import Machine, describe
from .machine_state import MachineMonitor
from .measurement import ORDER, Measuring, Session
from .result import Named, Result, document
from .results import judged
from .runner import SYSTEM, Combination, ModelSubject, Stopwatch
from .stopping_rule import WARMUP_RULE, MeasurementPlan
from .validity import SELF_CONFIDENCE

COLD_STARTS = 3
CI = (
    "95 %: medians by order statistics of the block medians, ratios by bootstrap over blocks (2000 samples); "
    f"each result against itself: {SELF_CONFIDENCE:.0%} for all results together"
)
Tell = Callable[[str, float], None]
"""Progress callback: the current step and the finished share of it, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Request:
    """The models and options of a benchmark."""

    models: tuple[Path, ...]
    engines: tuple[str, ...]
    threads: tuple[int, ...]
    source: str | None = None
    insecure: bool = False
    """Whether any certificate of an encrypted camera is accepted."""
    accuracy: Path | None = None
    """Folder of labeled images to score the models on."""
    label_map: Path | None = None
    """CSV that maps the labels of the images to those of the models."""
    profile: bool = False
    """Whether to estimate the time of each operator."""
    plan: MeasurementPlan = field(default_factory=MeasurementPlan)

    @property
    def combinations(self) -> list[Combination]:
        """All combinations of model, engine and threads. Raises BadInput without a model, MissingFile."""
        if not self.models:
            raise BadInput("no model to measure; give one or more: edgevision bench MODEL.tflite")
        for path in self.models:
            require_file(path, "model")
        if self.source is not None and (self.source == "-" or self.source.startswith("raw:")):
            raise BadInput(
                "--source cannot be standard input, because it is opened again for each block; give a file or a camera"
            )
        if self.label_map is not None and self.accuracy is None:
            raise BadInput("--label-map needs --accuracy PHOTOS, whose labels it maps; add that option")
        if self.profile and not {"cpu", "auto"} & set(self.engines):
            raise BadInput("--profile works on the CPU only; add cpu to --engine")
        return [
            Combination(path, engine, threads, self.source, self.accuracy is not None, self.insecure)
            for path in self.models
            for engine in self.engines
            for threads in self.threads
        ]


@dataclass(frozen=True, slots=True)
class Bench:
    """The result of a benchmark."""

    machine: Machine
    results: tuple[Result, ...]
    ratios: tuple[Named, ...]
    document: dict[str, Any]
    """The bench.json (``edgevision.bench/1``)."""

    @property
    def valid(self) -> bool:
        """Whether every result is valid."""
        return not any(result.invalid for result in self.results)


class Opened:
    """A request with its models, source and images opened. A context manager."""

    def __init__(
        self,
        request: Request,
        system: System | None = None,
        stopwatch: Stopwatch = SYSTEM,
        installed: Mapping[str, str] | None = None,
    ) -> None:
        """Open everything. Raises BadInput, BadModel, EngineError, CameraError, MissingFile."""
        self._request, self._stopwatch, self._system = request, stopwatch, system or here()
        self._combinations = request.combinations
        self._accuracies = _accuracies(self._combinations, request)
        known = versions() if installed is None else installed
        self._machine = describe(self._system, known, _delegates(request.engines))
        self._subjects: list[ModelSubject] = []
        with ExitStack() as stack:
            for number, combination in _numbered(self._combinations):
                self._subjects.append(ModelSubject(combination, number, stopwatch))
                stack.callback(self._subjects[-1].close)
            self._open = stack.pop_all()

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def measure(self, tell: Tell = lambda what, share: None) -> Bench:
        """Measure everything in one session. Raises EngineError, and BadInput if the source ends too early."""
        plan, system = self._request.plan, self._system
        starts = _cold_starts(system, self._subjects, tell)
        measuring = Measuring(self._subjects, plan, MachineMonitor(system), Energy(system), self._stopwatch)
        session = measuring.session(lambda share: tell("measuring", share))
        results, ratios = judged(self._subjects, starts, session, plan.seed, self._machine.cores)
        results = self._profiled(self._scored(results, tell), tell)
        argv, machine = [Path(sys.argv[0]).name, *sys.argv[1:]], self._machine.to_json()
        made = document(utc_now(), argv, machine, _method(plan, session), results, ratios)
        return Bench(self._machine, tuple(results), tuple(ratios), made)

    def _scored(self, results: list[Result], tell: Tell) -> list[Result]:
        if self._accuracies is None:
            return results
        scores = self._accuracies.score(tell)
        keys = [(one.path, one.engine) for one in self._combinations]
        return [replace(result, accuracy=scores[key]) for result, key in zip(results, keys, strict=True)]

    def _profiled(self, results: list[Result], tell: Tell) -> list[Result]:
        """Add profiles to the results on the CPU; each model is profiled once per number of threads."""
        if not self._request.profile:
            return results
        from .profile import profile

        made: dict[tuple[Path, int], dict[str, Any]] = {}
        for one, result in zip(self._combinations, results, strict=True):
            key = (one.path, one.threads)
            if result.engine["used"] == "cpu" and key not in made:
                name = f"operators of {one.path.stem}"
                found = profile(*key, self._stopwatch, lambda share, name=name: tell(name, share))  # type: ignore[misc]
                made[key] = found.to_json()
        found_for = [made.get((one.path, one.threads)) if result.engine["used"] == "cpu" else None
                     for one, result in zip(self._combinations, results, strict=True)]  # fmt: skip
        return [replace(result, profile=found) for result, found in zip(results, found_for, strict=True)]


def _numbered(combinations: Sequence[Combination]) -> list[tuple[int, Combination]]:
    """Number combinations with the same id: a model may be measured twice, to see the machine's own variation."""
    seen: Counter[str] = Counter()
    found = []
    for combination in combinations:
        seen[combination.id] += 1
        found.append((seen[combination.id], combination))
    return found


def _cold_starts(system: System, subjects: Sequence[ModelSubject], tell: Tell) -> list[ColdStart]:
    """Measure several cold starts of each subject, interleaved, so that drift affects all equally."""
    found: list[list[ColdStart]] = [[] for _ in subjects]
    for turn in range(COLD_STARTS):
        for number, subject in enumerate(subjects):
            tell("cold starts", (turn * len(subjects) + number) / (COLD_STARTS * len(subjects)))
            one, bare = subject.combination, subject.not_measured is not None
            found[number].append(cold_start(system, one.path, one.engine, one.threads, bare))
    return [middle(starts) for starts in found]


def _accuracies(combinations: Sequence[Combination], request: Request) -> Accuracies | None:
    return Accuracies(combinations, request.accuracy, request.label_map) if request.accuracy else None


def _delegates(engines: Sequence[str]) -> list[str]:
    """Return the delegates in use. XNNPACK is part of the runtimes and runs the operators it supports on the CPU."""
    from edgevision.engines.edgetpu_devices import library

    asked = any(engine.partition(":")[0] in ("auto", "edgetpu") for engine in engines)
    return ["XNNPACK", *([library()] if asked and _loads(library()) else [])]


def _loads(name: str) -> bool:
    from ctypes.util import find_library

    return Path(name).exists() or find_library(name.removeprefix("lib").partition(".so")[0]) is not None


def _method(plan: MeasurementPlan, session: Session) -> dict[str, Any]:
    return {
        "warmup_rule": WARMUP_RULE,
        "stop_rule": plan.stop_rule,
        "blocks": session.blocks,
        "order": ORDER,
        "ci": CI,
        "seed": plan.seed,
        "seconds": round(session.seconds, 1),
        "cold_starts": COLD_STARTS,
    }
