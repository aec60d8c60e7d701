"""How well each layer is kept, before and after the repair, and what the repair tried."""

from __future__ import annotations

from edgevision import chart, html
from edgevision.html import Html

from ..repair import LayerError, RepairResult
from ..report import ConvertReport

WORST = 8
"""Layers that are named."""


def layers(report: ConvertReport) -> Html:
    """A plot over all layers, the worst by name, and the steps."""
    repair = report.repair
    if repair is None:
        return html.section("Layers", note="Not looked at: the repair was turned off (--effort none).")
    if not repair.layers and not repair.steps:
        return html.section("Layers", note=repair.note or "Nothing could be compared layer by layer.")
    parts = [_plot(repair), _worst(repair), _steps(repair)]
    note = (
        "Signal to noise of each layer's output against float, in the order in which they run. "
        "20 dB: the error is a tenth of the signal; 40 dB: a hundredth. Errors add up along the way."
    )
    return html.section("Layers", *parts, note=note if repair.layers else "")


def _plot(repair: RepairResult) -> Html:
    if not repair.layers:
        return html.NOTHING
    series = [
        chart.Series("before the repair", [one.snr_db_before for one in repair.layers], "gray"),
        chart.Series("after it", [one.snr_db_after for one in repair.layers], "blue"),
    ]
    worst = {id(one) for one in repair.worst_layers}
    return chart.lines(series, " dB", [n for n, one in enumerate(repair.layers) if id(one) in worst])


def _worst(repair: RepairResult) -> Html:
    if not repair.layers:
        return html.NOTHING
    ranked = sorted(repair.layers, key=lambda one: one.snr_db_after)[:WORST]
    parts = [html.tag("h3", html.text("The weakest layers")), *map(_layer, ranked)]
    if len(repair.layers) > len(ranked):
        head = ["layer", "before", "after", "<operator", "<what was done"]
        rows = [[one.name, _db(one.snr_db_before), _db(one.snr_db_after), one.op, _done(one)] for one in repair.layers]
        parts.append(html.details(f"All {len(repair.layers)} layers", html.table(head, rows)))
    return html.join(parts)


def _layer(one: LayerError) -> Html:
    return chart.bar(one.name, _db(one.snr_db_after), html.paragraph(_done(one)), f"({one.snr_db_before:.1f} before)")


def _done(one: LayerError) -> str:
    return one.action if one.action != "none" else "nothing was done"


def _db(value: float) -> str:
    return f"{value:.1f} dB"


def _steps(repair: RepairResult) -> Html:
    if not repair.steps:
        return html.NOTHING
    rows = [
        [one.name, f"{one.before:.3g}", f"{one.after:.3g}", "kept" if one.kept else "undone"] for one in repair.steps
    ]
    unit = {"kl": "Kullback-Leibler divergence, nats", "relative_error": "relative error"}.get(
        repair.steps[0].measure, repair.steps[0].measure
    )
    said = (
        f"Effort {repair.effort}. Each step is measured on the choosing pictures, which it did not see "
        f"({unit}; smaller is better), and kept only where it helps."
    )
    table = html.table(["step", "before", "after", "<"], rows)
    return html.join([html.tag("h3", html.text("Repair")), html.paragraph(said), table])
