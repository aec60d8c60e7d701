"""The public functions of edgevision.device: open a source, run the loop with the user's sinks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from documents import valid
from edgevision.device import Event, Sink, Source, Unreadable, open_camera, open_source, run
from small_detector import colors_detector, red_at

import edgevision
from edgevision import Frame, Prediction
from edgevision.preprocessing.decode import decode


class Stills(Source):
    """Delivers the same gray image a few times."""

    spec = "stills:"
    live = False
    closed = 0

    def __init__(self, frames: int) -> None:
        self._frames = frames

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self._frames):
            yield Frame(np.full((48, 64, 3), 128, np.uint8), index=index, position_s=index / 10)

    def close(self) -> None:
        self.closed += 1


class Kept(Sink):
    """Keeps everything that the loop says."""

    def __init__(self) -> None:
        self.frames: list[tuple[Frame, Prediction]] = []
        self.events: list[Event] = []
        self.errors: list[Unreadable] = []
        self.closed = 0

    def write(self, frame: Frame, prediction: Prediction) -> None:
        self.frames.append((frame, prediction))

    def event(self, event: Event) -> None:
        self.events.append(event)

    def error(self, error: Unreadable) -> None:
        self.errors.append(error)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture(scope="module")
def model() -> Iterator[edgevision.Model]:
    with edgevision.open_model(threads=1) as opened:
        yield opened


def test_run_passes_each_result_to_each_sink_and_closes_them(model: edgevision.Model) -> None:
    source, sinks = Stills(5), (Kept(), Kept())
    summary = run(source, model, sinks, threshold=0.0, top=2)
    assert summary.frames == 5 and summary.stopped_by == "end" and summary.to_json()["schema"] == "edgevision.run/1"
    for sink in sinks:
        assert [frame.index for frame, _ in sink.frames] == [0, 1, 2, 3, 4] and sink.closed == 1
        assert all(len(prediction.labels) == 2 for _, prediction in sink.frames)
    assert source.closed and model.predict(np.zeros((9, 9, 3), np.uint8)) is not None, "the model stays open"


def test_run_stops_at_the_limit_and_needs_no_sink(model: edgevision.Model) -> None:
    summary = run(open_camera("test:@fast"), model, limit=3)
    assert summary.frames == 3 and summary.stopped_by == "limit"


def test_run_reports_labels_that_enter_and_leave(model: edgevision.Model) -> None:
    kept = Kept()
    run(Stills(4), model, [kept], threshold=0.01)
    assert {event.kind for event in kept.events} == {"entered", "left"}


def test_run_skips_frames_without_motion(model: edgevision.Model) -> None:
    kept = Kept()
    summary = run(Stills(4), model, [kept], on_motion=True)
    assert (summary.frames, summary.still, len(kept.frames)) == (1, 3, 1)


@pytest.mark.parametrize("options", [{"limit": 0}, {"top": 0}, {"smooth": 0}, {"threshold": 1.5}])
def test_run_refuses_bad_arguments_and_closes_everything(options: dict[str, Any], model: edgevision.Model) -> None:
    source, kept = Stills(1), Kept()
    with pytest.raises(edgevision.BadInput, match=f"invalid {next(iter(options))}"):
        run(source, model, [kept], **options)
    assert source.closed == kept.closed == 1


def test_open_source_delivers_every_image_and_the_unreadable_ones(model: edgevision.Model, tmp_path: Path) -> None:
    import cv2

    for name in ("a.png", "c.png"):
        cv2.imwrite(str(tmp_path / name), np.full((30, 40, 3), 200, np.uint8))
    (tmp_path / "b.png").write_bytes(b"no image")
    kept = Kept()
    summary = run(open_source(tmp_path), model, [kept])
    assert summary.frames == 2 and summary.errors == 1
    assert [error.index for error in kept.errors] == [1] and not kept.events


def test_open_camera_applies_the_arguments(model: edgevision.Model) -> None:
    camera = open_camera("test:", size=(320, 240), rotate=90, roi=(0.0, 0.0, 0.5, 0.5), model=model)
    try:
        frame = next(item for item in camera if isinstance(item, Frame))
    finally:
        camera.close()
    assert (frame.width, frame.height) == (120, 160)


def test_open_camera_takes_a_number_and_says_what_is_wrong() -> None:
    with pytest.raises(edgevision.CameraError, match="camera 99 not found"):
        open_camera(99)
    with pytest.raises(edgevision.UnknownName, match="did you mean 'test'"):
        open_camera("tset:")
    with pytest.raises(edgevision.BadInput, match="invalid rotation 45"):
        open_camera("test:", rotate=45)  # type: ignore[arg-type]
    with pytest.raises(edgevision.MissingFile, match="no such file"):
        open_source("absent.mp4")


class Walk(Source):
    """A red square that crosses the image from left to right."""

    spec = "walk.avi"
    live = False

    def __iter__(self) -> Iterator[Frame]:
        for index, column in enumerate((0, 1, 2, 3, 4, 5, 6, 7)):
            yield replace(decode(red_at(column), "walk"), index=index, position_s=index / 3)


def test_objects_are_tracked_and_counted(tmp_path: Path) -> None:
    kept = Kept()
    with edgevision.open_model(colors_detector(tmp_path), threads=1) as detector:
        summary = run(Walk(), detector, [kept], count_lines=["0.5,1,0.5,0,door"], zones=["0.5,0,1,0,1,1,0.5,1,right"])
    assert [found.track for _, prediction in kept.frames for found in prediction.objects][-1] == 1
    last = kept.frames[-1][1]
    assert (last.counts[0].forward, last.counts[0].backward, last.zones[0].tracks) == (1, 0, (1,))
    kinds = [event.kind for event in kept.events if event.track == 1]
    assert kinds == ["crossed", "zone_entered", "zone_left"]
    assert summary.counts == {"door": {"forward": 1, "backward": 0}}
    valid(json.loads(json.dumps(summary.to_json())), "run")
    assert "door: 1 forward, 0 backward" in summary.describe()


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"track": True}, "its task is classification; use a detector"),
        ({"zones": ["0,0,1,1"]}, "its task is classification"),
    ],
)
def test_tracking_needs_a_detector(model: edgevision.Model, wanted: dict[str, Any], message: str) -> None:
    source = Stills(1)
    with pytest.raises(edgevision.EdgeVisionError, match=message):
        run(source, model, **wanted)
    assert source.closed == 1
