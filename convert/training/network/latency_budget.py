"""``train --fit-budget 30ms@board.json``: the largest network that is fast enough on a benchmarked board."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision.errors import BadInput
from edgevision.evaluation.benchmark_record import Record, read

from .backbones import BACKBONES

_BUDGET = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s)@(?P<path>.+)")
FORM = "use the form 30ms@board.json, where board.json is the bench.json of `edgevision bench sweep`"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposed network and the reason for it."""

    backbone: str
    alpha: float
    image_size: int
    reason: str
    """Explanation for the user."""


def propose(text: str) -> Proposal:
    """Return the slowest network whose p95 latency of ``predict`` is within the budget.

    Invalid measurements are ignored. Raises BadInput, MissingFile.
    """
    match = _BUDGET.fullmatch(text)
    if match is None or float(match["number"]) <= 0:
        raise BadInput(f"{text!r} is not a latency budget; {FORM}")
    budget_ms = float(match["number"]) * (1e3 if match["unit"] == "s" else 1.0)
    record = read(Path(match["path"]))
    every = [result for result in record.results if _network(result) is not None]
    if not every:
        raise BadInput(f"{record.path} contains no network that can be trained; {FORM}")
    sound = [result for result in every if result.get("valid") is True]
    if not sound:
        raise BadInput(
            f"{record.path}: none of its {len(every)} networks has a valid measurement; run the benchmark again"
        )
    fitting = [result for result in sound if result["predict_ms"]["p95"] <= budget_ms]
    if not fitting:
        quickest = min(sound, key=_p95)
        raise BadInput(
            f"no network is within {budget_ms:g} ms on {record.machine_name}: the fastest, {quickest['id']}, has a p95 "
            f"latency of {_short(_p95(quickest))} ms; raise the budget or sweep smaller networks"
        )
    return _proposal(max(fitting, key=_p95), len(sound), budget_ms, record)


def _proposal(best: dict[str, Any], among: int, budget_ms: float, record: Record) -> Proposal:
    found = _network(best)
    assert found is not None
    name, alpha, size = found
    reason = (
        f"{name} {alpha:g}, {size} px: p95 latency {_short(_p95(best))} ms on {record.machine_name} ({best['id']}); of "
        f"{among} networks measured, the largest within {budget_ms:g} ms"
    )
    return Proposal(name, alpha, size, reason)


def _short(ms: float) -> str:
    """Two digits behind the point below 10 ms: a board is slow, a host is not."""
    return f"{ms:.1f}" if ms >= 10 else f"{ms:.2f}"


def _p95(result: dict[str, Any]) -> float:
    return float(result["predict_ms"]["p95"])


def _network(result: dict[str, Any]) -> tuple[str, float, int] | None:
    """Return backbone, alpha and image size, or None if ``train`` does not know the network."""
    found = result["model"].get("network")
    if not isinstance(found, dict) or found.get("name") not in BACKBONES:
        return None
    alpha, size = found.get("alpha"), found.get("image_size")
    if not isinstance(alpha, (int, float)) or not isinstance(size, int):
        return None
    return str(found["name"]), float(alpha), size
