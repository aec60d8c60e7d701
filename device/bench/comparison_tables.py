"""A comparison as terminal table, Markdown and HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgevision.files.atomic import write_text
from edgevision.reporting import charts, html
from edgevision.reporting.html import Html
from edgevision.reporting.terminal import printable, table

from .compare import BenchComparison, Row
from .pareto import pareto_section
from .tables import UNKNOWN, accuracy, ms, told

if TYPE_CHECKING:
    from rich.table import Table

HEAD = ("model, engine, threads", "machine", ">predict ms", ">95 % CI", ">p95", ">ratio to first", ">loop/s", ">start ms",
        ">peak MB", ">top-1", "valid")  # fmt: skip


def comparison_table(comparison: BenchComparison) -> Table:
    """Return the comparison as a terminal table."""
    return table(*_table(comparison))


def markdown(comparison: BenchComparison) -> str:
    """Return a Markdown table and the description of each machine."""
    heads, rows = _table(comparison)
    head = [name.removeprefix(">") for name in heads]
    rule = ["---:" if name.startswith(">") else "---" for name in heads]
    cells = [[_escaped(cell) for cell in row] for row in rows]
    lines = ["| " + " | ".join(row) + " |" for row in (head, rule, *cells)]
    return "\n".join([*lines, "", *(_escaped(line) for line in _machines(comparison))])


def write_page(comparison: BenchComparison, path: Path) -> None:
    """Write the comparison as an HTML page. Raises CannotWrite."""
    first, rows = comparison.rows[0], comparison.rows
    machines = ", ".join(dict.fromkeys(row.record.machine_name for row in rows))
    below = html.paragraph(f"Ratios are relative to {first.name} on {first.record.machine_name}", "sub")
    parts = [
        html.header(machines, "Benchmark comparison", below),
        _doubts(comparison),
        html.section("Latency", _bars(comparison), note="Median of predict in ms with its 95 % confidence interval."),
        html.section("All results", _figures(comparison)),
        pareto_section([row.result for row in rows]),
        html.section("Machines", *(html.paragraph(line) for line in _machines(comparison))),
    ]
    write_text(path, html.page("Benchmark comparison", parts))


def _table(comparison: BenchComparison) -> tuple[list[str], list[list[str]]]:
    """Return headings and cells, without unknown columns and without the machine if there is only one."""
    kept = [n for n, name in enumerate(HEAD) if name != "machine" or not comparison.one_machine]
    rows = [_cells(row) for row in comparison.rows]
    return told([HEAD[n] for n in kept], [[row[n] for n in kept] for row in rows])


def _figures(comparison: BenchComparison) -> Html:
    heads, rows = _table(comparison)
    return html.table([name.removeprefix(">") for name in heads], rows)


def _doubts(comparison: BenchComparison) -> Html:
    """List each reason for an invalid result once, with the results it applies to."""
    about: dict[str, list[str]] = {}
    for row in comparison.rows:
        where = "" if comparison.one_machine else f" on {row.record.machine_name}"
        for why in row.result.get("invalid") or ():
            about.setdefault(why, []).append(row.name + where)
    lines = [("warn", f"{', '.join(names)}: not valid: {why}") for why, names in about.items()]
    return html.section("Validity", html.findings(lines)) if lines else html.NOTHING


def _cells(row: Row) -> list[str]:
    d, cold, memory = row.result["predict_ms"], row.result.get("cold_start_ms") or {}, row.result.get("memory_mb") or {}
    rate, peak = (row.result.get("rate_fps") or {}).get("loop"), memory.get("peak")
    ratio = f"{row.ratio.value:.2f} ({row.ratio.low:.2f}..{row.ratio.high:.2f})" if row.ratio else UNKNOWN
    return [
        row.name,
        row.record.machine_name,
        ms(d["p50"]),
        f"{ms(d['p50_low'])}..{ms(d['p50_high'])}",
        ms(d["p95"]),
        ratio,
        f"{rate:.1f}" if rate else UNKNOWN,
        ms(cold.get("total")),
        f"{peak:.0f}" if peak else UNKNOWN,
        accuracy(row.result),
        "yes" if row.valid else "NO",
    ]


def _bars(comparison: BenchComparison) -> Html:
    rows = comparison.rows
    longest = max(row.result["predict_ms"]["p50_high"] for row in rows)
    bars = []
    for row in rows:
        d = row.result["predict_ms"]
        places = html.interval(*(d[name] / longest for name in ("p50", "p50_low", "p50_high")))
        small = f"({ms(d['p50_low'])} to {ms(d['p50_high'])})" + (
            "" if comparison.one_machine else f", {row.record.machine_name}"
        )
        bars.append(charts.bar(row.name, f"{ms(d['p50'])} ms", places, small))
    return html.join([*bars, html.scale("0 ms", f"{ms(longest)} ms")])


def _machines(comparison: BenchComparison) -> list[str]:
    lines = []
    for row in comparison.rows:
        machine = row.record.machine
        runtimes = machine.get("runtimes") if isinstance(machine.get("runtimes"), dict) else {}
        facts = [row.record.machine_name, machine.get("cpu"), f"{machine.get('cores')} cores", machine.get("arch"),
                 machine.get("os"), f"Python {machine.get('python')}", *(f"{k} {v}" for k, v in (runtimes or {}).items()),
                 f"{row.record.method.get('blocks')} blocks", row.record.created[:10]]  # fmt: skip
        lines.append(printable(", ".join(dict.fromkeys(str(fact) for fact in facts if fact))))
    return list(dict.fromkeys(lines))


def _escaped(text: str) -> str:
    """Escape characters that would end a Markdown cell or start HTML."""
    return printable(text).replace("|", "\\|").replace("<", "&lt;")
