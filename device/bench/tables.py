"""The tables and lines of a benchmark for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgevision.evaluation.intervals import FEW_IMAGES
from edgevision.reporting import html
from edgevision.reporting.html import Html
from edgevision.reporting.terminal import table

if TYPE_CHECKING:
    from rich.table import Table

    from .machine_info import Machine

UNKNOWN = "-"


def times_table(results: Sequence[Mapping[str, Any]]) -> Table:
    """Return the table of latencies in milliseconds."""
    heads = ("model, engine, threads", ">predict p50", ">95 % CI", ">p90", ">p95", ">p99", ">min", ">mean ± std", ">invoke",
             ">loop/s", "")  # fmt: skip
    return table(*told(heads, [_times_row(result) for result in results]), title="Latency (ms)")


def costs_table(results: Sequence[Mapping[str, Any]]) -> Table:
    """Return the table of cold start, memory and energy."""
    heads = ("model, engine, threads", ">import", ">open", ">first", ">loaded MB", ">peak MB", ">file MB", ">CPU",
             ">J/frame")  # fmt: skip
    return table(*told(heads, [_costs_row(result) for result in results]), title="Cold start (ms), memory, energy")


def machine_lines(machine: Machine) -> list[str]:
    """Return lines that describe the machine."""
    frequency = machine.frequency_mhz.get("max") or machine.frequency_mhz.get("now")
    facts = [
        machine.name,
        machine.cpu if machine.cpu != machine.name else None,
        f"{machine.cores} cores" if machine.cores else None,
        f"{frequency:.0f} MHz" if frequency else None,
        f"governor {machine.governor}" if machine.governor else None,
        f"{machine.memory_mb} MB" if machine.memory_mb else None,
    ]
    software = [machine.os, f"kernel {machine.kernel} {machine.arch}", f"Python {machine.python}",
                *(f"{name} {version}" for name, version in machine.runtimes.items() if name != "tensorflow")]  # fmt: skip
    lines = [", ".join(fact for fact in facts if fact), ", ".join(fact for fact in software if fact)]
    if machine.emulated:
        lines.append(f"emulated: {machine.emulated}; the results say nothing about a real board")
    return lines


def state_line(state: Sequence[Mapping[str, Any]]) -> str:
    """Return temperature, frequency and load before, during and after the measurement."""
    parts = []
    for name, unit in (("temperature_c", " °C"), ("frequency_mhz", " MHz"), ("load", "")):
        known = [one[name] for one in state if one.get(name) is not None]
        if known:
            label = name.partition("_")[0]
            parts.append(f"{label} {known[0]:g} before, {max(known):g} max, {known[-1]:g}{unit} after")
    return "; ".join(parts)


def ratio_lines(ratios: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return one sentence for each ratio of two results, and one line for all ratios of a result to itself."""
    lines = [
        f"{one['measure'].removesuffix('_ms')}: {one['a']} takes {one['value']:.2f} times as long as {one['b']} "
        f"(95 % CI {one['low']:.2f} to {one['high']:.2f})"
        for one in ratios
        if one["a"] != one["b"]
    ]
    same = [f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})" for one in ratios if one["a"] == one["b"]]
    return [*lines, f"repeatability (ratio of each model to itself, about 1.0): {', '.join(same)}"]


def _times_row(result: Mapping[str, Any]) -> list[str]:
    d = result["predict_ms"]
    invoke = result.get("invoke_ms")
    rate = (result.get("rate_fps") or {}).get("loop")
    return [
        result["id"],
        ms(d["p50"]),
        f"{ms(d['p50_low'])}..{ms(d['p50_high'])}",
        *(ms(d[name]) for name in ("p90", "p95", "p99", "min")),
        f"{ms(d['mean'])} ± {ms(d['std'])}",
        ms(invoke["p50"]) if invoke else UNKNOWN,
        f"{rate:.1f}" if rate else UNKNOWN,
        "" if result.get("valid", True) else "invalid",
    ]


def _costs_row(result: Mapping[str, Any]) -> list[str]:
    cold, memory = result.get("cold_start_ms") or {}, result.get("memory_mb") or {}
    return [
        result["id"],
        *(ms(cold.get(name)) for name in ("import", "open", "first")),
        *(_plain(memory.get(name), 1) for name in ("after_load", "peak")),
        _plain((result["model"].get("bytes") or 0) / 1e6 or None, 2),
        UNKNOWN if result.get("cpu_percent") is None else f"{result['cpu_percent']:.0f} %",
        _plain(result.get("energy_j_per_frame"), 4),
    ]


def accuracy(result: Mapping[str, Any]) -> str:
    """Return the top-1 accuracy with its confidence interval."""
    found = result.get("accuracy")
    if not found:
        return UNKNOWN
    note = " of the images it was trained on" if is_of_training_images(found) else ""
    total, correct = found.get("total"), found.get("correct")
    if isinstance(total, int) and isinstance(correct, int) and (total < FEW_IMAGES or note):
        return f"{correct} of {total}{note}"
    return f"{100 * found['value']:.1f} % ({100 * found['low']:.1f}..{100 * found['high']:.1f})"


def is_of_training_images(accuracy: Mapping[str, Any]) -> bool:
    """Return whether an accuracy is only of images that the model was trained on, so that it says little about others."""
    trained = accuracy.get("trained_on")
    return isinstance(trained, Mapping) and trained.get("counted_apart") is False


def page_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Html:
    """Return an HTML table without unknown columns."""
    return html.table(*told(head, rows))


def told(head: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """Drop columns in which every cell is unknown or empty."""
    kept = [n for n in range(len(head)) if any(row[n] not in (UNKNOWN, "") for row in rows)]
    return [head[n] for n in kept], [[row[n] for n in kept] for row in rows]


def ms(value: float | None) -> str:
    """Format milliseconds with three significant digits, or as a whole number from 100 on."""
    if value is None:
        return UNKNOWN
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}" if value >= 10 else f"{value:.2f}"


def _plain(value: float | None, digits: int) -> str:
    return UNKNOWN if value is None else f"{value:.{digits}f}"
