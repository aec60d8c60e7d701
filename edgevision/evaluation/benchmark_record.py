"""Reader of bench.json, for the parts that use benchmark results. The file may come from anywhere, so it is checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..files import strict_json
from ..input_file import read_file

SCHEMA = "edgevision.bench/1"
NAME, VERSION = SCHEMA.rsplit("/", 1)
PERCENTILES = ("p50", "p90", "p95", "p99", "p50_low", "p50_high")
MAX_BYTES = 200 * 10**6


@dataclass(frozen=True, slots=True)
class Record:
    """The content of a bench.json."""

    path: Path
    machine: dict[str, Any]
    results: list[dict[str, Any]]
    created: str
    method: dict[str, Any]

    @property
    def machine_name(self) -> str:
        """Human-readable name of the measured machine."""
        machine = self.machine
        name = str(machine.get("board") or machine.get("cpu") or machine.get("arch") or "unknown machine")
        return f"{name}, emulated" if machine.get("emulated") else name


def read(path: Path) -> Record:
    """Read a bench.json. Raises MissingFile, BadInput."""
    found = _document(path)
    name, _, version = str(found.get("schema", "")).rpartition("/")
    if name != NAME:
        raise BadInput(
            f"{path} is not an edgevision benchmark: expected schema {SCHEMA!r}, got {found.get('schema')!r}"
        )
    if version.partition(".")[0] != VERSION:
        raise BadInput(
            f"{path} has schema {found['schema']!r}, but this edgevision reads {SCHEMA!r}; "
            "measure again, or use the version of edgevision that wrote it"
        )
    machine, results = found.get("machine"), found.get("results")
    if not isinstance(machine, dict) or not isinstance(results, list) or not all(map(_sound, results)):
        raise BadInput(f"{path} is damaged: the machine or its results are missing or invalid; measure again")
    method = found.get("method")
    return Record(path, machine, results, str(found.get("created")), method if isinstance(method, dict) else {})


def blocks_ms(result: dict[str, Any], measure: str) -> list[float]:
    """Return the median of each block, computed from the samples; empty if the measure is missing."""
    from statistics import median

    visits = (result.get("samples_ms") or {}).get(measure) or []
    medians = [median(visit) for visit in visits if visit]
    return [(first + second) / 2 for first, second in zip(medians[::2], medians[1::2], strict=False)]


def _document(path: Path) -> dict[str, Any]:
    found = strict_json.loads(read_file(path, "benchmark", MAX_BYTES), str(path), MAX_BYTES)
    if not isinstance(found, dict):
        raise BadInput(f"{path} is not a benchmark: expected a JSON object, got {type(found).__name__}")
    return found


def _sound(result: object) -> bool:
    """Return whether a result has all fields, of the right types, that the readers rely on."""
    if not isinstance(result, dict) or not isinstance(result.get("id"), str):
        return False
    if not isinstance(result.get("model"), dict) or not isinstance(result.get("predict_ms"), dict):
        return False
    samples, invalid = result.get("samples_ms"), result.get("invalid", [])
    if not isinstance(samples, dict) or not all(map(_visits, samples.values())):
        return False
    if not isinstance(invalid, list) or not all(isinstance(reason, str) for reason in invalid):
        return False
    times = [result.get(f"{name}_ms") for name in ("invoke", "predict", "loop")]
    if not all(one is None or _numbers(one, PERCENTILES) for one in times):
        return False
    tables = [result.get(name) for name in ("rate_fps", "memory_mb", "cold_start_ms")]
    known = [one for one in tables if one is not None]
    if not all(isinstance(one, dict) and all(v is None or _duration(v) for v in one.values()) for one in known):
        return False
    return result.get("accuracy") is None or _numbers(result["accuracy"], ("value", "low", "high"), least=0.0)


def _visits(found: object) -> bool:
    return isinstance(found, list) and all(
        isinstance(visit, list) and all(_duration(value) for value in visit) for visit in found
    )


def _numbers(found: object, needed: tuple[str, ...], least: float = 1e-9) -> bool:
    return isinstance(found, dict) and all(_duration(found.get(name), least) for name in needed)


def _duration(value: object, least: float = 1e-9) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value < 1e15
