"""Report section with the error of each layer before and after the repair, and the repair steps."""

from __future__ import annotations

from edgevision.reporting import charts, html
from edgevision.reporting.html import Html

from ...modes import MODES
from ...quantization.correction import LayerError, RepairResult, Step
from ..shared_record import ConversionRecord

WORST = 8
"""Number of worst layers to list by name."""
UNITS = {
    "kl": "Kullback-Leibler divergence, nats",
    "relative_error": "relative error",
    "detection": "divergence of the scores in nats, and overlap that the boxes lost, per object",
    "points": "divergence of the scores in nats, per object",
}
"""What the distances of a repair are, by ``Step.measure``."""


def layers(report: ConversionRecord) -> Html:
    """Return the section: a plot of all layers, the worst layers by name, and the repair steps."""
    repair = report.repair
    if repair is None:
        why = "repair was turned off (--effort none)" if MODES[report.mode].int8 else f"{report.mode} is not repaired"
        return html.section("Layers", note=f"Not measured: {why}.")
    if not repair.layers and not repair.steps:
        return html.section("Layers", note=repair.note or "The layers could not be compared.")
    parts = [_plot(repair), _worst(repair), _steps(repair)]
    note = (
        "Signal-to-noise ratio of each layer's output against float, in execution order. "
        "20 dB: the error is 10 % of the signal; 40 dB: 1 %. Errors accumulate from layer to layer."
    )
    return html.section("Layers", *parts, note=note if repair.layers else "")


def _plot(repair: RepairResult) -> Html:
    if not repair.layers:
        return html.NOTHING
    series = [
        charts.Series("before repair", [one.snr_db_before for one in repair.layers], "gray"),
        charts.Series("after repair", [one.snr_db_after for one in repair.layers], "blue"),
    ]
    worst = {id(one) for one in repair.worst_layers}
    return charts.lines(series, " dB", [n for n, one in enumerate(repair.layers) if id(one) in worst])


def _worst(repair: RepairResult) -> Html:
    if not repair.layers:
        return html.NOTHING
    ranked = sorted(repair.layers, key=lambda one: one.snr_db_after)[:WORST]
    parts = [html.tag("h3", html.text("Worst layers")), *map(_layer, ranked)]
    if len(repair.layers) > len(ranked):
        head = ["layer", "before", "after", "<operator", "<repair"]
        rows = [[one.name, _db(one.snr_db_before), _db(one.snr_db_after), one.op, _done(one)] for one in repair.layers]
        parts.append(html.details(f"All {len(repair.layers)} layers", html.table(head, rows)))
    return html.join(parts)


def _layer(one: LayerError) -> Html:
    return charts.bar(one.name, _db(one.snr_db_after), html.paragraph(_done(one)), f"({one.snr_db_before:.1f} before)")


def _done(one: LayerError) -> str:
    return one.action if one.action != "none" else "unchanged"


def _db(value: float) -> str:
    return f"{value:.1f} dB"


def _step_name(one: Step) -> str:
    return f"{one.name} *" if one.roughly_corrected else one.name


def _steps(repair: RepairResult) -> Html:
    if not repair.steps:
        return html.NOTHING
    rows = [
        [_step_name(one), f"{one.before:.3g}", f"{one.after:.3g}", "kept" if one.kept else "undone"]
        for one in repair.steps
    ]
    unit = UNITS.get(repair.steps[0].measure, repair.steps[0].measure)
    said = (
        f"Effort {repair.effort}. Each step is measured on the selection set, which it did not use "
        f"({unit}; smaller is better), and kept only if it helps."
    )
    if any(one.roughly_corrected for one in repair.steps):
        said += (
            " Steps with a * are measured on both sides after a rough correction of the biases, so their numbers cannot be "
            "compared with those of the other rows."
        )
    table = html.table(["step", "before", "after", "<"], rows)
    return html.join([html.tag("h3", html.text("Repair")), html.paragraph(said), table])
