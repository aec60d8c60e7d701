"""JSON lines: one object for each frame, error and event."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edgevision.reporting.terminal import valid_json

from ..stream.protocols import Sink
from ..system.clock import SYSTEM, Clock, rfc3339
from ..telemetry.run_stats import STAGES, THEN
from .line_writer import LineWriter

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from edgevision.types import Anomaly, Detection, Frame, Label, Pixels, Point, Prediction

    from ..stream.events import Event, Unreadable


OF_SOME_EVENTS = ("track", "line", "direction", "zone", "measure", "value", "expected")
"""Keys that only events of tracks and of drift have."""


class JsonLines(Sink):
    """Writes frames and errors to one output, events to the same or another."""

    spec = "json"

    def __init__(
        self,
        lines: LineWriter,
        event_lines: Callable[[str], None],
        camera_dropped: Callable[[], int],
        clock: Clock = SYSTEM,
        masks: bool = False,
        still: Callable[[], int] | None = None,
        label_events: bool = True,
    ) -> None:
        """``camera_dropped`` and ``still`` return the number of frames dropped, and without motion, so far;
        ``label_events``: whether to write what labels do, besides what happens to camera and outputs."""
        self._lines = lines
        self._label_events = label_events
        self._event_lines = event_lines
        self._camera_dropped = camera_dropped
        self._masks = masks
        self._still = still
        self._clock = clock

    @property
    def dropped(self) -> int:
        """Number of lines dropped because the reader was too slow."""
        return self._lines.dropped

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Write one frame."""
        record = frame_record(frame, prediction, self._camera_dropped(), self._clock, self._masks)
        if self._still is not None:
            record["still"] = self._still()
        self._lines(dump(record))

    def error(self, error: Unreadable) -> None:
        """Write one error in place of its frame."""
        self._lines(dump(error_record(error, rfc3339(self._clock.wall()))))

    def event(self, event: Event) -> None:
        """Write one event."""
        if self._label_events or event.label is None:
            self._event_lines(dump(event_record(event)))

    def close(self) -> None:
        """Wait for queued output."""
        self._lines.close()


def frame_record(
    frame: Frame, prediction: Prediction, dropped: int, clock: Clock = SYSTEM, masks: bool = False
) -> dict[str, Any]:
    """Return the JSON object of one frame, with its masks only if they are wanted.

    ``time``: the capture time (live), else now. ``stages_ms.write``: that of the previous frame, null for the first.
    """
    age_s = None if frame.captured_at is None else clock.monotonic() - frame.captured_at
    record = {
        "type": "frame",
        "index": frame.index,
        "source": frame.source,
        "time": rfc3339(clock.wall() - (age_s or 0.0)),
        "captured_at": _round(frame.captured_at, 6),
        "position_s": _round(frame.position_s, 6),
        "width": frame.width,
        "height": frame.height,
        "dropped": dropped,
        "age_ms": None if age_s is None else round(age_s * 1e3, 3),
        "task": prediction.task,
        "stages_ms": {stage: _round(prediction.stages_ms.get(stage), 3) for stage in _stages(prediction)},
    }
    return record | _answer(prediction, masks) | _counted(prediction)


def _stages(prediction: Prediction) -> tuple[str, ...]:
    """Return the stages of every frame, and that of a second model where there is one."""
    return (*STAGES, THEN) if THEN in prediction.stages_ms else STAGES


def event_record(event: Event) -> dict[str, Any]:
    """Return the JSON object of one event."""
    record: dict[str, Any] = {
        "type": "event",
        "event": event.kind,
        "time": event.time,
        "index": event.index,
        "detail": event.detail,
    }
    if event.label is not None:
        record |= {"label": _label(event.label), "duration_s": event.duration_s, "position_s": event.position_s}
    if event.before is not None:
        record["before"] = _label(event.before)
    if event.of is not None:
        record["of"] = _label(event.of)
    if event.release is not None:
        before, new, state, reason = event.release
        record |= {"from": before, "to": new, "state": state, "reason": reason}
    others = {name: getattr(event, name) for name in OF_SOME_EVENTS}
    return record | {name: value for name, value in others.items() if value is not None}


def error_record(error: Unreadable, time: str) -> dict[str, Any]:
    """Return the JSON object of an image without a prediction; ``time``: RFC 3339."""
    return {"type": "error", "index": error.index, "source": error.source, "time": time, "message": error.message}


def _answer(prediction: Prediction, masks: bool) -> dict[str, Any]:
    labels = [_label(label) for label in prediction.labels]
    if prediction.task == "detection":
        return {"objects": [_object(found, masks) for found in prediction.objects]}
    if prediction.task == "points":
        return {"points": [_point(found) for found in prediction.points]}
    if prediction.task == "segmentation":
        regions = [{"index": r.index, "name": r.name, "area": r.area, "pixels": r.pixels} for r in prediction.regions]
        return {"regions": regions} | _mask(prediction.mask, masks)
    if prediction.anomaly is not None:
        return _anomaly(prediction.anomaly, prediction.heat if masks else None) | {"labels": labels}
    if prediction.task == "embedding":
        return {"embedding": list(prediction.embedding), "labels": labels}
    return {"labels": labels}


def _anomaly(found: Anomaly, heat: npt.NDArray[np.float32] | None) -> dict[str, Any]:
    """Return how unusual a frame is, with its heat map row by row if it is wanted."""
    record: dict[str, Any] = {
        "score": found.score,
        "threshold": found.threshold,
        "is_anomalous": found.is_anomalous,
        "box": None if found.box is None else list(found.box),
    }
    if heat is not None:
        rows, columns = heat.shape
        scores = [round(float(score), 3) for score in heat.reshape(-1)]
        record["heat"] = {"width": columns, "height": rows, "scores": scores}
    return {"anomaly": record}


def _point(found: Point) -> dict[str, Any]:
    record = {"index": found.index, "name": found.name, "score": found.score, "x": found.x, "y": found.y}
    return record if found.track is None else record | {"track": found.track, "age_s": found.age_s}


def _object(found: Detection, masks: bool) -> dict[str, Any]:
    record: dict[str, Any] = {"index": found.index, "name": found.name, "score": found.score, "box": list(found.box)}
    if found.track is not None:
        record |= {"track": found.track, "age_s": found.age_s}
    if found.keypoints:
        record["keypoints"] = [{"name": p.name, "x": p.x, "y": p.y, "score": p.score} for p in found.keypoints]
    if found.labels is not None:
        record["labels"] = [_label(label) for label in found.labels]
    return record | _mask(found.mask, masks)


def _counted(prediction: Prediction) -> dict[str, Any]:
    """Return the counts of lines and zones, if there are any."""
    record: dict[str, Any] = {}
    if prediction.counts:
        record["counts"] = {one.name: {"forward": one.forward, "backward": one.backward} for one in prediction.counts}
    if prediction.zones:
        record["zones"] = {one.name: {"count": one.count, "tracks": list(one.tracks)} for one in prediction.zones}
    return record


def _mask(mask: Pixels | None, wanted: bool) -> dict[str, Any]:
    return {"mask": run_lengths(mask)} if wanted and mask is not None else {}


def run_lengths(mask: Pixels) -> dict[str, Any]:
    """Encode a mask as class, run, class, run ... row by row from the top; 255 is the area the model did not see."""
    import numpy as np

    flat = mask.reshape(-1)
    starts = np.flatnonzero(np.concatenate(([True], flat[1:] != flat[:-1])))
    runs = np.diff(np.append(starts, flat.size))
    counts = np.stack([flat[starts].astype(np.int64), runs], axis=1).reshape(-1).tolist()
    height, width = mask.shape
    return {"width": width, "height": height, "encoding": "rle-row-major", "counts": counts}


def _label(label: Label) -> dict[str, Any]:
    return {"index": label.index, "name": label.name, "score": label.score}


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def dump(record: dict[str, Any]) -> str:
    """Return a record as one line of JSON."""
    return valid_json(json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":")))
