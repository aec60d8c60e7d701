"""bench.json files for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def result(name: str, base_ms: float, accuracy: float | None = None, drift: float = 0.0) -> dict[str, Any]:
    """Return a result with twenty blocks of two visits."""
    visits = [[base_ms * (1 + drift * n) * f for f in (0.99, 1.0, 1.02)] for n in range(40)]
    times = {"n": 120, "mean": base_ms, "std": 0.1, "min": base_ms * 0.99, "outliers": 0}
    times |= dict.fromkeys(("p50", "p50_low", "p50_high"), base_ms) | dict.fromkeys(
        ("p90", "p95", "p99"), base_ms * 1.02
    )
    scored = None if accuracy is None else {"value": accuracy, "low": accuracy - 0.02, "high": accuracy + 0.02}
    return {
        "id": name, "model": {"bytes": 1_000_000}, "predict_ms": times, "invoke_ms": times, "loop_ms": None, "valid": True,
        "invalid": [], "samples_ms": {"predict": visits}, "accuracy": scored,
    }  # fmt: skip


def file(path: Path, *results: dict[str, Any], **changes: Any) -> Path:
    machine = {"board": "Raspberry Pi 4", "cores": 4, "arch": "aarch64", "python": "3.11.2"}
    whole = {"schema": "edgevision.bench/1", "created": "2026-11-21T00:00:00Z", "machine": machine, "method": {"blocks": 20},
             "results": list(results)}  # fmt: skip
    path.write_text(json.dumps(whole | changes))
    return path
