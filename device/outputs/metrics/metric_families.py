"""The metrics of a run, as prometheus-client writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from edgevision import __version__

from ..counts import DIRECTIONS

if TYPE_CHECKING:
    from ...telemetry.drift_status import DriftStatus
    from ...telemetry.run_stats import Percentiles
    from ...telemetry.snapshot import SinkCount, Snapshot
    from ..counts import Counts
    from ..protocol import Context
    from .label_table import LabelTable

BUCKETS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
"""Upper bounds of the histograms, in milliseconds."""


def text(context: Context, labels: LabelTable, events: Mapping[str, int], camera: bool) -> bytes:
    """Return all metrics in the text format of Prometheus. ``camera``: whether the camera delivers."""
    from prometheus_client import CollectorRegistry, generate_latest

    class Collector:
        """Makes the families at the moment of a scrape; the registry wants an object."""

        def collect(self) -> Iterator[Any]:
            yield from _families(context, labels, events, camera)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector())
    return generate_latest(registry)


def _families(context: Context, labels: LabelTable, events: Mapping[str, int], camera: bool) -> Iterator[Any]:
    snapshot = context.snapshot()
    yield from _run(context, snapshot, events, camera)
    yield from _stages(context.stages())
    yield from _labels(labels)
    yield from _counts(context.counts)
    yield from _outputs(snapshot.sinks)
    yield from _machine(snapshot)
    yield from _drift(snapshot.drift)


def _run(context: Context, snapshot: Snapshot, events: Mapping[str, int], camera: bool) -> Iterator[Any]:
    model = {"camera": context.name, "model": context.card.name, "task": context.card.task, "version": __version__}
    yield _gauge("edgevision_info", "The camera, its model and the version of edgevision.", [(model, 1)])
    yield _counter("edgevision_frames", "Frames with a prediction.", snapshot.frames)
    yield _counter("edgevision_frames_dropped", "Frames replaced by a newer one.", snapshot.dropped)
    yield _counter("edgevision_frames_still", "Frames without motion, not passed to the model.", snapshot.still)
    yield _counter("edgevision_frame_errors", "Images that could not be read or processed.", snapshot.errors)
    yield _counter("edgevision_camera_reconnects", "Times that a lost camera came back.", snapshot.reconnects)
    yield _single("edgevision_camera_up", "1 while the camera delivers, 0 while it is lost.", camera)
    yield _single("edgevision_paused", "1 while the loop is paused.", context.control.paused)
    yield _single("edgevision_run_seconds", "Seconds since the start of the loop.", snapshot.seconds)
    kinds = [({"kind": kind}, count) for kind, count in sorted(events.items())]
    yield _counter("edgevision_events", "Events of labels, camera and outputs.", kinds)


def _stages(stages: Mapping[str, Percentiles]) -> Iterator[Any]:
    from prometheus_client.core import HistogramMetricFamily

    family = HistogramMetricFamily("edgevision_stage_ms", "Duration of each stage of a frame.", labels=["stage"])
    for name, stage in sorted(stages.items()):
        counts, total_ms = stage.cumulative(BUCKETS_MS)
        bounds = [*(f"{bound}.0" for bound in BUCKETS_MS), "+Inf"]
        family.add_metric([name], list(zip(bounds, map(float, counts), strict=True)), sum_value=total_ms)
    yield family


def _labels(labels: LabelTable) -> Iterator[Any]:
    known = list(labels)
    scores = [({"label": name}, one.score) for name, one in known]
    yield _gauge("edgevision_label_score", "Score of a label in the newest frame; 0 if it is not shown.", scores)
    present = [({"label": name}, one.present) for name, one in known]
    yield _gauge("edgevision_label_present", "1 while a label is present.", present)
    entered = [({"label": name}, one.entered) for name, one in known]
    yield _counter("edgevision_label_entered", "Times that a label entered.", entered)
    yield _counter("edgevision_labels_evicted", "Labels whose series made room for another label.", labels.evicted)


def _counts(counts: Counts | None) -> Iterator[Any]:
    if counts is None:
        return
    totals = counts.totals.items()
    crossed = [
        ({"line": name, "direction": way}, getattr(passed, way)) for name, passed in totals for way in DIRECTIONS
    ]
    yield _counter("edgevision_line_crossings", "Objects that crossed a counting line, in all runs.", crossed)
    inside = [({"zone": name}, count) for name, count in counts.occupancy.items()]
    yield _gauge("edgevision_zone_objects", "Objects in a zone.", inside)


def _outputs(sinks: Iterable[SinkCount]) -> Iterator[Any]:
    rows = _by_spec(sinks)
    yield _counter("edgevision_output_written", "Items that an output delivered.", [(r, s.written) for r, s in rows])
    yield _counter("edgevision_output_dropped", "Items that an output lost.", [(r, s.dropped) for r, s in rows])
    yield _counter("edgevision_output_failures", "Failures of an output.", [(r, s.errors) for r, s in rows])
    yield _gauge("edgevision_output_waiting", "Items that wait for an output.", [(r, s.waiting) for r, s in rows])
    yield _gauge("edgevision_output_up", "1 while an output works.", [(r, not s.down) for r, s in rows])


def _by_spec(sinks: Iterable[SinkCount]) -> list[tuple[dict[str, str], SinkCount]]:
    """Return each output with its label; a number tells equal specs apart, which a scrape would refuse."""
    seen: dict[str, int] = {}
    rows = []
    for sink in sinks:
        seen[sink.spec] = number = seen.get(sink.spec, 0) + 1
        rows.append(({"output": sink.spec if number == 1 else f"{sink.spec} ({number})"}, sink))
    return rows


def _machine(snapshot: Snapshot) -> Iterator[Any]:
    if snapshot.temperature_c is not None:
        yield _single("edgevision_temperature_celsius", "Temperature of the processor.", snapshot.temperature_c)
    if snapshot.throttled is not None:
        yield _single("edgevision_throttled", "1 while the machine is slowed down.", bool(snapshot.throttled))
        reasons = [({"reason": reason}, 1) for reason in snapshot.throttled]
        yield _gauge("edgevision_throttled_reason", "What slows the machine down now.", reasons)
    used, peak = snapshot.memory_mb["end"], snapshot.memory_mb["peak"]
    if used is not None:
        yield _single("edgevision_memory_bytes", "Memory of the process.", used * 1e6)
    if peak is not None:
        yield _single("edgevision_memory_peak_bytes", "Largest memory of the process so far.", peak * 1e6)


def _drift(drift: DriftStatus | None) -> Iterator[Any]:
    if drift is None:
        return
    yield _single("edgevision_drift", "1 while what the camera sees has moved.", drift.state == "drifted")
    yield _single("edgevision_drift_hours", "Hours watched for drift, in all runs.", drift.hours)
    named = [({"measure": name, "reference": str(drift.reference)}, one) for name, one in drift.measures.items()]
    about = "Distance of the last hour from the reference; 1: that of two unrelated images."
    yield _gauge("edgevision_drift_distance", about, [(labels, one.value) for labels, one in named])
    usual = "The largest distance that counts as usual."
    yield _gauge("edgevision_drift_expected", usual, [(labels, one.expected) for labels, one in named])


def _single(name: str, about: str, value: float) -> Any:
    return _gauge(name, about, [({}, value)])


Rows = Iterable[tuple[dict[str, str], float]]


def _gauge(name: str, about: str, rows: Rows) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    return _filled(GaugeMetricFamily, name, about, list(rows))


def _counter(name: str, about: str, rows: Rows | float) -> Any:
    from prometheus_client.core import CounterMetricFamily

    return _filled(CounterMetricFamily, name, about, [({}, rows)] if isinstance(rows, int | float) else list(rows))


def _filled(family: Any, name: str, about: str, rows: list[tuple[dict[str, str], float]]) -> Any:
    keys = list(rows[0][0]) if rows else []
    made = family(name, about, labels=keys)
    for labels, value in rows:
        made.add_metric([labels[key] for key in keys], float(value))
    return made
