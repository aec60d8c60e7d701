"""The files of a finished benchmark, and its results as lines of text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgevision.files.atomic import write_text
from edgevision.files.run_folder import dump

from .benchmark import Bench
from .html import write_page
from .tables import ms


def write(found: Bench, folder: Path) -> list[str]:
    """Write bench.json and bench.html and return their names. Raises CannotWrite."""
    write_text(folder / "bench.json", dump(found.document) + "\n")
    write_page(found.document, folder / "bench.html")
    return ["bench.json", "bench.html"]


def result_line(found: Bench, first: Mapping[str, Any]) -> str:
    median, p95 = ms(first["predict_ms"]["p50"]), ms(first["predict_ms"]["p95"])
    verdict = "" if found.valid else ", NOT VALID"
    what = "predict" if first["not_measured"] is None else "inference alone"
    return f"{first['id']}: {what} p50 {median} ms, p95 {p95} ms on {found.machine.name}{verdict}"
