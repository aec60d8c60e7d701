"""bench.html: the report of a benchmark as an HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgevision.files.atomic import write_text
from edgevision.reporting import html
from edgevision.reporting.charts import BarSegment, Curve, plot, stacked
from edgevision.reporting.html import Html

from .pareto import pareto_section
from .profile_tables import profile_sections
from .tables import accuracy, ms, page_table, state_line

STEPS = np.concatenate([np.linspace(0, 0.9, 37), np.linspace(0.9, 0.99, 37)])


def write_page(document: Mapping[str, Any], path: Path) -> None:
    """Write the page of a bench.json. Raises CannotWrite."""
    write_text(path, build(document))


def build(document: Mapping[str, Any]) -> str:
    """Return the page of a bench.json as HTML."""
    results = document["results"]
    parts = [_header(document), _findings(results), _times(results), _distribution(results), _over_time(results)]
    parts += [
        _stages(results),
        pareto_section(results),
        *profile_sections(results),
        _machine(document),
        _method(document),
    ]
    return html.page("Benchmark", parts)


def _header(document: Mapping[str, Any]) -> Html:
    machine = document["machine"]
    where = machine.get("board") or machine.get("cpu") or machine.get("arch")
    first = document["results"][0]
    unit = "ms per image"
    what = "predict, from a 1280x720 frame to the prediction"
    if first.get("not_measured") is not None:
        what = "inference alone, without preparing an image and decoding the result"
    below = html.paragraph(f"{first['id']}: median of {what}", "sub")
    return html.header(str(where), "Latency on this machine", html.score(ms(first["predict_ms"]["p50"]), unit), below)


def _findings(results: Sequence[Mapping[str, Any]]) -> Html:
    lines = list(dict.fromkeys(("warn", f"not valid: {reason}") for one in results for reason in one["invalid"]))
    bare = [one for one in results if one.get("not_measured") is not None]
    lines += [("warn", f"{one['id']}: not measured: {one['not_measured']}") for one in bare]
    return html.section("Validity", html.findings(lines)) if lines else html.NOTHING


def _times(results: Sequence[Mapping[str, Any]]) -> Html:
    head = ("", "p50", "95 % CI", "p90", "p95", "p99", "invoke", "loop/s", "first 10 s", "later", "peak MB", "<top-1")
    rows = []
    for one in results:
        d, invoke = one["predict_ms"], one.get("invoke_ms")
        early, late = ((one.get(name) or {}).get("predict") for name in ("first_10s_ms", "steady_ms"))
        rate = (one.get("rate_fps") or {}).get("loop")
        rows.append([
            one["id"], ms(d["p50"]), f"{ms(d['p50_low'])}–{ms(d['p50_high'])}", ms(d["p90"]), ms(d["p95"]), ms(d["p99"]),
            ms(invoke["p50"] if invoke else None), f"{rate:.1f}" if rate else "-", ms(early["p50"] if early else None),
            ms(late["p50"] if late else None), str((one.get("memory_mb") or {}).get("peak") or "-"), accuracy(one),
        ])  # fmt: skip
    note = "Milliseconds of predict. invoke: the runtime alone; loop/s: frames per second of the whole loop with its source."
    return html.section("Latency", page_table(head, rows), note=note)


def _distribution(results: Sequence[Mapping[str, Any]]) -> Html:
    curves, outliers = [], 0
    for number, one in enumerate(results):
        values = [value for visit in one["samples_ms"]["predict"] for value in visit]
        outliers += one["predict_ms"].get("outliers", 0)
        points = [(float(x), 100 * float(q)) for x, q in zip(np.quantile(values, STEPS), STEPS, strict=True)]
        curves.append(Curve(one["id"], points, number))
    note = (
        "Share of runs that took at most this long; the steeper the curve, the more uniform the runs. The next plot shows the "
        f"extremes of the slowest 1 %. {outliers} runs are outliers; they are included in all figures."
    )
    return html.section("Distribution", plot(curves, "ms", "% of runs"), note=note)


def _over_time(results: Sequence[Mapping[str, Any]]) -> Html:
    curves = []
    for number, one in enumerate(results):
        visits, times = one["samples_ms"]["predict"], one["samples_at_s"]["predict"]
        middle = [(at, float(np.median(visit))) for at, visit in zip(times, visits, strict=True)]
        slowest = [(at, max(visit)) for at, visit in zip(times, visits, strict=True)]
        curves += [Curve(one["id"], middle, number), Curve("", slowest, number, dots=True, listed=False)]
    below = [_state(results[0]["state"], name, unit) for name, unit in STATES]
    note = "Lines: median of each visit. Dots: its slowest run. " + state_line(results[0]["state"])
    return html.section("Over time", plot(curves, "s", "ms"), *below, note=note)


STATES = (("temperature_c", "°C"), ("frequency_mhz", "MHz"), ("load", "load"))


def _state(state: Sequence[Mapping[str, Any]], name: str, unit: str) -> Html:
    """Plot one value of the machine's state; nothing if the machine does not report it."""
    points = [(max(0.0, one["at_s"]), one[name]) for one in state if one.get(name) is not None]
    return plot([Curve(name.partition("_")[0], points)], "s", unit) if points else html.NOTHING


def _stages(results: Sequence[Mapping[str, Any]]) -> Html:
    rows = []
    for one in results:
        stages = one.get("stages_ms") or {}
        parts = [BarSegment(name, value) for name, value in stages.items()]
        rest = one["predict_ms"]["p50"] - sum(part.value for part in parts)
        rows.append((one["id"], [*parts, BarSegment("rest", max(0.0, rest))] if parts else []))
    kept = [row for row in rows if row[1]]
    return html.section("Time per stage", stacked(kept, "ms")) if kept else html.NOTHING


def _machine(document: Mapping[str, Any]) -> Html:
    rows = [(name, _told(value)) for name, value in document["machine"].items()]
    return html.section("Machine", html.table(("", ""), rows, plain=True))


def _method(document: Mapping[str, Any]) -> Html:
    rows = [(name.replace("_", " "), _told(value)) for name, value in document["method"].items()]
    command = " ".join(document["argv"])
    return html.section("Method", html.table(("", ""), [*rows, ("command", command)], plain=True))


def _told(value: object) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, dict):
        return ", ".join(f"{key} {one}" for key, one in value.items() if one is not None)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
