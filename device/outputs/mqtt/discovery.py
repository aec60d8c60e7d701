"""The device that Home Assistant makes of a camera: the payload of MQTT discovery, for a whole device at once.

Format: https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from edgevision import __version__

from ..counts import DIRECTIONS

if TYPE_CHECKING:
    from .topics import Topics

MAX_NAME = 80
"""Longest name of an entity; Home Assistant shows names in one line."""
EVENT_TYPES = (
    "entered",
    "left",
    "changed",
    "crossed",
    "zone_entered",
    "zone_left",
    "recognized",
    "camera_lost",
    "camera_back",
    "camera_frozen",
    "throttled",
    "drift",
    "anomaly",
    "release",
    "first_answer",
    "output_down",
    "output_up",
)
_EVENT = (
    "{{ {'event_type': value_json.event, 'detail': value_json.detail[:200], "
    "'label': (value_json.label | default({'name': ''})).name[:200], "
    "'score': (value_json.label | default({'score': none})).score} | to_json }}"
)
_SEEN = (
    "{% set all = value_json.labels | default([], true) + value_json.objects | default([], true)"
    " + value_json.points | default([], true) + value_json.regions | default([], true) %}"
    "{{ all[0].name[:250] if all else 'nothing' }}"
)
_RELEASE = (
    "{% set found = value_json.release or {} %}{% set name = found.name | default('', true) %}"
    "{% set trial = found.state == 'provisional' %}"
    "{% set back = '; ' ~ found.failed ~ ' was taken back: ' ~ found.reason if found.failed else '' %}"
    "{{ {'installed_version': ((found.previous or name) if trial else name)[:255], 'latest_version': name[:255], "
    "'in_progress': trial, 'release_summary': "
    "((found.state | default('', true)) ~ ' since ' ~ (found.since | default('unknown', true)) ~ back)[:255]} "
    "| to_json if name else '' }}"
)
"""An empty text is ignored by Home Assistant, as before the first status of a service."""
_DIAGNOSTIC = {"entity_category": "diagnostic"}


def discovery_payload(
    topics: Topics,
    model: str,
    area: str,
    labels: Mapping[str, str],
    *,
    frames: bool,
    events: bool,
    seen: bool = True,
    tracking: bool = False,
    lines: Mapping[str, str] = MappingProxyType({}),
    zones: Mapping[str, str] = MappingProxyType({}),
    drift: bool = False,
    release: bool = False,
) -> dict[str, Any]:
    """Return the payload of the discovery topic.

    Args:
        topics: Topics of the camera.
        model: Name of the model.
        area: Suggested area; empty for none.
        labels: Slug -> label of those that get entities.
        frames: Whether frames are delivered.
        events: Whether events are delivered.
        seen: Whether frames with nothing to see are delivered as well.
        tracking: Whether the whole frame of an event has a topic of its own.
        lines: Slug -> name of the counting lines.
        zones: Slug -> name of the zones.
        drift: Whether the loop watches for drift.
        release: Whether this is the service of an installed bundle.
    """
    device = {
        "identifiers": [topics.device_id],
        "name": topics.name,
        "manufacturer": "edgevision",
        "model": shown_name(model),
        "sw_version": __version__,
    }
    if area:
        device["suggested_area"] = shown_name(area)
    components = _diagnostics(topics) | _controls(topics)
    if drift:
        components["drift"] = _of_drift(topics)
    if release:
        components["release"] = _of_release(topics)
    if frames:
        components |= _of_frames(topics, seen)
    if events:
        components |= _of_events(topics)
    if tracking:
        components["frame"] = _image(topics, "Last frame", "frame")
    for slug, label in labels.items():
        components |= _of_label(topics, slug, label, frames, events)
    for slug, name in lines.items():
        components |= _of_line(topics, slug, name)
    for slug, name in zones.items():
        components |= _of_zone(topics, slug, name)
    for key, component in components.items():
        component["unique_id"] = f"{topics.device_id}_{key}"
    return {
        "device": device,
        "origin": {"name": "edgevision", "sw_version": __version__},
        "availability_topic": topics.availability,
        "components": components,
    }


def with_removals(payload: dict[str, Any], former: Any) -> dict[str, Any] | None:
    """Return the payload that removes entities of a former one, to be published before; None if there is none to remove.

    ``former``: what was found on the discovery topic, which anybody may have written.
    """
    before = former.get("components") if isinstance(former, dict) else None
    if not isinstance(before, dict):
        return None
    gone = {
        key: {"platform": one["platform"]}
        for key, one in before.items()
        if key not in payload["components"] and isinstance(one, dict) and isinstance(one.get("platform"), str)
    }
    return {**payload, "components": payload["components"] | gone} if gone else None


def shown_name(text: str) -> str:
    """Return a label or name as one short printable line."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * MAX_NAME])
    line = " ".join(printable.split())
    return (line if len(line) <= MAX_NAME else line[: MAX_NAME - 1] + "…") or "unnamed"


def _diagnostics(topics: Topics) -> dict[str, dict[str, Any]]:
    status = {"state_topic": topics.of("status"), **_DIAGNOSTIC}
    measured = status | {"platform": "sensor", "state_class": "measurement"}
    return {
        "rate": measured
        | {"name": "Rate", "unit_of_measurement": "frames/s", "value_template": "{{ value_json.rate_fps }}"}
        | {"icon": "mdi:speedometer"},
        "temperature": measured
        | {"name": "Processor temperature", "device_class": "temperature", "unit_of_measurement": "°C"}
        | {"value_template": "{{ value_json.temperature_c }}"},
        "dropped": status
        | {"platform": "sensor", "name": "Dropped frames", "state_class": "total_increasing"}
        | {"value_template": "{{ value_json.dropped }}", "icon": "mdi:image-off"},
        "throttled": status
        | {"platform": "binary_sensor", "name": "Throttled", "device_class": "problem"}
        | {"value_template": "{{ 'ON' if value_json.throttled else 'OFF' }}"},
        "camera": status
        | {"platform": "binary_sensor", "name": "Camera", "device_class": "connectivity"}
        | {"value_template": "{{ 'ON' if value_json.camera_connected else 'OFF' }}"},
    }


def _of_drift(topics: Topics) -> dict[str, Any]:
    return {
        "platform": "binary_sensor",
        "name": "Drift",
        "device_class": "problem",
        "state_topic": topics.of("status"),
        "value_template": "{{ 'ON' if (value_json.drift or {}).state == 'drifted' else 'OFF' }}",
        "json_attributes_topic": topics.of("status"),
        "json_attributes_template": "{{ (value_json.drift or {}) | to_json }}",
        **_DIAGNOSTIC,
    }


def _of_release(topics: Topics) -> dict[str, Any]:
    """Return the entity of the release. It has no command: the service must not be able to change what runs."""
    return {
        "platform": "update",
        "name": "Release",
        "title": "edgevision",
        "device_class": "firmware",
        "state_topic": topics.of("status"),
        "value_template": _RELEASE,
        **_DIAGNOSTIC,
    }


def _controls(topics: Topics) -> dict[str, dict[str, Any]]:
    return {
        "pause": {
            "platform": "switch",
            "name": "Pause",
            "icon": "mdi:pause",
            "state_topic": topics.of("status"),
            "value_template": "{{ 'ON' if value_json.paused else 'OFF' }}",
            "command_topic": topics.of("set", "pause"),
        },
        "threshold": {
            "platform": "number",
            "name": "Threshold",
            "icon": "mdi:tune",
            "entity_category": "config",
            "state_topic": topics.of("status"),
            "value_template": "{{ value_json.threshold }}",
            "command_topic": topics.of("set", "threshold"),
            "min": 0,
            "max": 1,
            "step": 0.01,
            "mode": "box",
        },
    }


def _of_frames(topics: Topics, seen: bool) -> dict[str, dict[str, Any]]:
    snapshot = {"platform": "button", "name": "Snapshot", "icon": "mdi:camera"}
    made = {"image": _image(topics), "snapshot": {**snapshot, "command_topic": topics.of("set", "snapshot")}}
    if seen:
        sensor = {"platform": "sensor", "name": "Seen", "icon": "mdi:eye", "value_template": _SEEN}
        made["seen"] = {**sensor, "state_topic": topics.of("state")}
    return made


def _of_events(topics: Topics) -> dict[str, dict[str, Any]]:
    event = {"platform": "event", "name": "Event", "state_topic": topics.of("event"), "value_template": _EVENT}
    return {"image": _image(topics), "event": {**event, "event_types": list(EVENT_TYPES)}}


def _image(topics: Topics, name: str = "Last image", level: str = "image") -> dict[str, Any]:
    return {"platform": "image", "name": name, "image_topic": topics.of(level), "content_type": "image/jpeg"}


def _of_line(topics: Topics, slug: str, name: str) -> dict[str, dict[str, Any]]:
    return {
        f"line_{slug}_{way}": {
            "platform": "sensor",
            "name": f"{shown_name(name)} {way}",
            "state_topic": topics.of("count", slug, way),
            "state_class": "total_increasing",
            "icon": "mdi:counter",
        }
        for way in DIRECTIONS
    }


def _of_zone(topics: Topics, slug: str, name: str) -> dict[str, dict[str, Any]]:
    sensor = {"platform": "sensor", "name": shown_name(name), "state_class": "measurement", "icon": "mdi:account-group"}
    return {f"zone_{slug}": {**sensor, "state_topic": topics.of("zone", slug, "count")}}


def _of_label(topics: Topics, slug: str, label: str, frames: bool, events: bool) -> dict[str, dict[str, Any]]:
    """Return the entities of one label. Their keys cannot be those of the entities above, which have no ``label_``."""
    made: dict[str, dict[str, Any]] = {}
    if events:
        made[f"label_{slug}_present"] = {
            "platform": "binary_sensor",
            "name": shown_name(label),
            "state_topic": topics.of("label", slug, "present"),
        }
    if frames:
        made[f"label_{slug}_score"] = {
            "platform": "sensor",
            "name": f"{shown_name(label)} score",
            "state_topic": topics.of("label", slug, "score"),
            "value_template": "{{ (value | float(0) * 100) | round(1) }}",
            "unit_of_measurement": "%",
            "state_class": "measurement",
            "icon": "mdi:percent",
        }
    return made
