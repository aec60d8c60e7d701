"""The status of the run as the page shows it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..system.clock import rfc3339
from ..tracking.shapes import format_line, format_zone
from .parts import Parts

SCHEMA = "edgevision.page_status/1"


def short_status(parts: Parts) -> dict[str, Any]:
    """Return what changes while the loop runs."""
    snapshot = parts.snapshot()
    time = rfc3339(parts.clock.wall())
    parts.history.add(snapshot, time)
    return {
        "type": "status",
        "schema": SCHEMA,
        "time": time,
        "status": asdict(snapshot),
        "settings": settings(parts),
        "paused": parts.control.paused,
        "camera_connected": parts.live.camera_connected,
        "outputs": [asdict(sink) for sink in snapshot.sinks],
        "collect": parts.collected.counts(),
        "newest_clip": parts.clips.newest,
        "counts": _counts(parts),
        "zones": {} if parts.counts is None else parts.counts.occupancy,
    }


def full_status(parts: Parts, role: str) -> dict[str, Any]:
    """Return everything that a page needs when it is opened."""
    return {
        **short_status(parts),
        "name": parts.name,
        "source": parts.source,
        "role": role,
        "settings_file": parts.settings_file,
        "model": model_summary(parts),
        "history": parts.history.to_json(),
    }


def settings(parts: Parts) -> dict[str, Any]:
    """Return the settings that can be changed live."""
    control = parts.control
    return {
        "threshold": control.threshold,
        "smooth": control.smooth,
        "roi": None if control.roi is None else list(control.roi),
        "paused": control.paused,
        "count_lines": [format_line(line) for line in control.shapes.lines],
        "zones": [format_zone(zone) for zone in control.shapes.zones],
    }


def _counts(parts: Parts) -> dict[str, Any]:
    """Return what crossed each line, in all runs."""
    return {} if parts.counts is None else {name: one._asdict() for name, one in parts.counts.totals.items()}


def model_summary(parts: Parts) -> dict[str, Any]:
    """Return the summary of the model card."""
    card = parts.model.card
    return {
        "name": card.name,
        "task": card.task,
        "labels": list(card.labels),
        "threshold": card.threshold,
        "sha256": parts.model.sha256,
        "self_test": parts.model.self_test,
    }
