"""The results of a benchmark, and bench.json (``edgevision.bench/1``)."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from edgevision.evaluation.benchmark_record import SCHEMA
from edgevision.files.url_secrets import masked, masked_arguments

from .bootstrap import Ratio
from .measurement import Measured, Samples
from .quantiles import DIGITS, Distribution, distribution

SETTLING_S = 10.0
"""Seconds at the start that are reported separately: a board is still cool then, and its clock at the maximum."""


@dataclass(frozen=True, slots=True)
class Named:
    """A ratio of two results, or of one to itself."""

    a: str
    b: str
    measure: str
    ratio: Ratio

    def to_json(self) -> dict[str, Any]:
        """Return the ratio as JSON values."""
        value, low, high = (round(x, DIGITS) for x in (self.ratio.value, self.ratio.low, self.ratio.high))
        return {"a": self.a, "b": self.b, "measure": self.measure, "value": value, "low": low, "high": high}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of one combination of model, engine and number of threads."""

    id: str
    model: dict[str, Any]
    """path, name, sha256, bytes, task, mode."""
    engine: dict[str, Any]
    """requested, used, runtime, version, fallback_reason."""
    threads: int
    source: str | None
    cold_start_ms: dict[str, float]
    memory_mb: dict[str, float | None]
    measured: Measured
    stages_ms: dict[str, list[float]]
    """Milliseconds of prepare, infer and decode of every ``predict``."""
    state: list[dict[str, Any]]
    invalid: list[str]
    not_measured: str | None = None
    """What was not measured, and why; None if everything was."""
    accuracy: dict[str, Any] | None = None
    profile: dict[str, Any] | None = None
    distributions: dict[str, Distribution | None] = field(init=False)

    def __post_init__(self) -> None:
        found = {name: _of(samples) for name, samples in self.measured.samples.items()}
        object.__setattr__(self, "distributions", found)

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON values (``docs/reference/formats.md``)."""
        samples = self.measured.samples
        times = {f"{name}_ms": _json(self.distributions.get(name)) for name in ("invoke", "predict", "loop")}
        return {
            "id": self.id,
            "model": self.model,
            "engine": self.engine["used"],
            "runtime": self.engine,
            "threads": self.threads,
            "source": self.source and masked(self.source),
            "cold_start_ms": self.cold_start_ms,
            **times,
            "rate_fps": {name: round(1e3 / d.mean, 3) for name, d in self.distributions.items() if d},
            "first_10s_ms": {name: _json(_part(one, True)) for name, one in samples.items()},
            "steady_ms": {name: _json(_part(one, False)) for name, one in samples.items()},
            "stages_ms": {name: round(statistics.median(values), DIGITS) for name, values in self.stages_ms.items()},
            "memory_mb": self.memory_mb,
            "cpu_percent": self._cpu_percent(),
            "energy_j_per_frame": self._energy(),
            "accuracy": self.accuracy,
            "state": self.state,
            "valid": not self.invalid,
            "invalid": self.invalid,
            "not_measured": self.not_measured,
            "profile": self.profile,
            "samples_ms": {
                name: [[round(value, 4) for value in visit] for visit in one.visits_ms] for name, one in samples.items()
            },
            "samples_at_s": {name: [round(at, 2) for at in one.at_s] for name, one in samples.items()},
            "warmup_runs": self.measured.warmup_runs,
        }

    def _cpu_percent(self) -> float | None:
        """CPU use during ``predict``, in percent of one core."""
        wall_s = self.measured.predict_s
        return round(100 * self.measured.cpu_s / wall_s, 1) if wall_s > 0 else None

    def _energy(self) -> float | None:
        used, runs = self.measured.energy_j, self.measured.energy_runs
        return None if used is None or not runs else round(used / runs, 6)


def document(created: str, argv: Sequence[str], machine: dict[str, Any], method: dict[str, Any],
             results: Sequence[Result], ratios: Sequence[Named]) -> dict[str, Any]:  # fmt: skip
    """Return the bench.json."""
    return {
        "schema": SCHEMA,
        "created": created,
        "argv": masked_arguments(argv),
        "machine": machine,
        "method": method,
        "results": [result.to_json() for result in results],
        "ratios": [ratio.to_json() for ratio in ratios],
    }


def _of(samples: Samples) -> Distribution | None:
    return distribution(samples.all_ms, samples.blocks_ms)


def _part(samples: Samples, first: bool) -> Distribution | None:
    """Return the statistics of the visits in the first ``SETTLING_S`` seconds, or of those after; None if there are none."""
    chosen = [n for n, at in enumerate(samples.at_s) if (at <= SETTLING_S) == first]
    values = [value for n in chosen for value in samples.visits_ms[n]]
    return distribution(values, [samples.medians_ms[n] for n in chosen])


def _json(found: Distribution | None) -> dict[str, Any] | None:
    return None if found is None else found.to_json()
