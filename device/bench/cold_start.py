"""Cold start: time and memory that a new process needs to import, open the model and make its first prediction."""

from __future__ import annotations

import json
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision.errors import EngineError

from ..system.host import System, how_it_ended

TIMEOUT_S = 300.0
"""Seconds for one cold start, enough for a large model on a Pi Zero 2 under load."""
AFTER_FIRST = 10
"""Further predictions, until memory use has reached its peak."""
CHILD = """
import json, sys, time
start = time.perf_counter()
path, engine, threads, more, bare = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5] == "bare"
import numpy
from edgevision import open_model
from edgevision.device.system.process_stats import memory_mb, peak_memory_mb
import edgevision.engines.interpreter, edgevision.preprocessing.transform
edgevision.engines.interpreter._runtime()
imported = time.perf_counter()
before = memory_mb()
if bare:
    from pathlib import Path
    from edgevision.device.bench.bare_model import BareModel
    model = BareModel(Path(path), engine, threads)
else:
    model = open_model(path, engine=engine, threads=threads)
opened = time.perf_counter()
after = memory_mb()
frame = numpy.zeros((720, 1280, 3), numpy.uint8)
begun = time.perf_counter()
model.predict(frame)
answered = time.perf_counter()
for _ in range(more):
    model.predict(frame)
ms = {"import": imported - start, "open": opened - imported, "first": answered - begun}
memory = {"before_load": before, "after_load": after, "peak": peak_memory_mb()}
print(json.dumps({"ms": {name: 1e3 * value for name, value in ms.items()}, "memory_mb": memory}))
"""


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Medians over several new processes. The files are in the page cache; only the process is cold."""

    ms: dict[str, float]
    """Milliseconds of import, open, first prediction, and their total, without the start of Python itself."""
    memory_mb: dict[str, float | None]
    """Resident memory in MB: before_load, after_load, peak."""


def cold_start(system: System, path: Path, engine: str, threads: int, bare: bool = False) -> ColdStart:
    """Measure one cold start in a new process. ``bare``: only inference, for a model without a card. Raises EngineError."""
    settings = (str(path.resolve()), engine, str(threads), str(AFTER_FIRST), "bare" if bare else "whole")
    answer = system.child((sys.executable, "-P", "-c", CHILD, *settings), TIMEOUT_S)
    if answer.status != 0:
        raise EngineError(f"{path}: {how_it_ended(answer, 'opening it in a new process', TIMEOUT_S)}")
    found: dict[str, Any] = json.loads(answer.out.strip().splitlines()[-1])
    ms = {name: float(value) for name, value in found["ms"].items()}
    return ColdStart(ms | {"total": sum(ms.values())}, found["memory_mb"])


def middle(starts: list[ColdStart]) -> ColdStart:
    """Return the median of each figure."""
    ms = {name: round(statistics.median(start.ms[name] for start in starts), 3) for name in starts[0].ms}
    memory: dict[str, float | None] = {}
    for name in starts[0].memory_mb:
        known = [value for start in starts if (value := start.memory_mb[name]) is not None]
        memory[name] = statistics.median(known) if known else None
    return ColdStart(ms, memory)
