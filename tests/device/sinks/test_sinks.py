"""Outputs: JSON lines, text lines, the display, and readers that are slow or gone."""

from __future__ import annotations

import io
import json
import os
import threading
from dataclasses import replace

import numpy as np
import pytest
from documents import parse
from edgevision.device.outputs.shared_frame import SharedFrame
from edgevision.device.sinks.jsonl import JsonLines, event_record, frame_record
from edgevision.device.sinks.line_writer import LineWriter
from edgevision.device.sinks.live_display import LiveDisplay
from edgevision.device.sinks.text_lines import PlainLines, describe
from edgevision.device.stream.events import Event, OutputClosed, Unreadable
from edgevision.device.system.clock import Clock
from edgevision.device.telemetry.run_stats import RunStats

from edgevision.types import Detection, Frame, Keypoint, Label, LineCount, Prediction, Region, ZoneOccupancy

CLOCK = Clock(monotonic=lambda: 50.125, wall=lambda: 1_700_000_000.0)
PIXELS = np.zeros((480, 640, 3), np.uint8)
LIVE = Frame(PIXELS, "BGR", 7, 50.0, "/dev/video0")
FILM = Frame(PIXELS, "BGR", 7, None, "film.avi", 0.28)
PHOTO = Frame(PIXELS, "BGR", 7, None, "cat.jpg")
LABELS = (Label(281, "tabby", 0.81), Label(282, "tiger cat", 0.09))
NOISE = Label(0, "background", 0.004)
STAGES = {"read": 1.0, "prepare": 0.5, "infer": 4.0, "decode": 0.25}
CATS = Prediction("classification", LABELS, stages_ms=STAGES)
NOTHING = Prediction("classification", (), stages_ms=STAGES)
COUNTED = Prediction(
    "detection",
    objects=(Detection(17, "cat", 0.7, (1.0, 2.0, 3.0, 4.0), track=7, age_s=1.25),),
    counts=(LineCount("door", (0.5, 0.0), (0.5, 1.0), forward=3, backward=1),),
    zones=(ZoneOccupancy("yard", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)), tracks=(7,)),),
    stages_ms=STAGES,
)
EVENT = Event("camera_lost", "2023-11-14T22:13:20.000Z", 7, "/dev/video0 is gone")
ERROR = Unreadable(3, "bad.jpg", "bad.jpg: the JPEG is truncated")


class Lines(list[str]):
    """Fake LineWriter."""

    dropped = 4

    def __call__(self, line: str) -> None:
        self.append(line)

    def close(self) -> None:
        self.append("closed")


# --- JSON lines


def test_json_record_of_a_camera_frame() -> None:
    assert frame_record(LIVE, CATS, dropped=2, clock=CLOCK) == {
        "type": "frame",
        "index": 7,
        "source": "/dev/video0",
        "time": "2023-11-14T22:13:19.875Z",  # capture time
        "captured_at": 50.0,
        "position_s": None,
        "width": 640,
        "height": 480,
        "dropped": 2,
        "age_ms": 125.0,
        "task": "classification",
        "stages_ms": {"read": 1.0, "prepare": 0.5, "infer": 4.0, "decode": 0.25, "write": None},
        "labels": [{"index": 281, "name": "tabby", "score": 0.81}, {"index": 282, "name": "tiger cat", "score": 0.09}],
    }


def test_json_record_of_a_video_frame() -> None:
    record = frame_record(FILM, NOTHING, dropped=0, clock=CLOCK)
    assert (record["captured_at"], record["age_ms"], record["position_s"]) == (None, None, 0.28)
    assert record["time"] == "2023-11-14T22:13:20.000Z"
    assert record["labels"] == []


def test_other_tasks_have_their_own_fields() -> None:
    found = Detection(17, "cat", 0.7, (1.0, 2.0, 3.0, 4.0))
    record = frame_record(PHOTO, Prediction("detection", objects=(found,)), 0, CLOCK)
    assert record["objects"] == [{"index": 17, "name": "cat", "score": 0.7, "box": [1.0, 2.0, 3.0, 4.0]}]
    assert "labels" not in record
    record = frame_record(PHOTO, Prediction("segmentation", regions=(Region(8, "cat", 0.5, 100),)), 0, CLOCK)
    assert record["regions"] == [{"index": 8, "name": "cat", "area": 0.5, "pixels": 100}]
    record = frame_record(PHOTO, Prediction("embedding", embedding=(0.5, 0.25)), 0, CLOCK)
    assert (record["embedding"], record["labels"]) == ([0.5, 0.25], [])


def test_objects_have_key_points_and_masks_on_request() -> None:
    points = (Keypoint("nose", 5.0, -1.5, 0.9), Keypoint("tail", 6.0, 7.0, None))
    found = Detection(
        17, "cat", 0.7, (1.0, 2.0, 3.0, 4.0), keypoints=points, mask=np.array([[0, 1], [1, 255]], np.uint8)
    )
    out = Lines()
    for masks in (False, True):
        JsonLines(out, out, lambda: 0, CLOCK, masks=masks).write(  # type: ignore[arg-type]
            PHOTO, Prediction("detection", objects=(found,))
        )
    (without,), (with_mask,) = (parse(line, "run_line")["objects"] for line in out)
    assert without["keypoints"] == [
        {"name": "nose", "x": 5.0, "y": -1.5, "score": 0.9},
        {"name": "tail", "x": 6.0, "y": 7.0, "score": None},
    ]
    assert "mask" not in without
    counts = [0, 1, 1, 2, 255, 1]
    assert with_mask.pop("mask") == {"width": 2, "height": 2, "encoding": "rle-row-major", "counts": counts}
    assert with_mask == without


def test_frames_that_wait_keep_no_pixels() -> None:
    found = Detection(17, "cat", 0.7, (1.0, 2.0, 3.0, 4.0), mask=np.ones((3, 5), np.uint8))
    shared = SharedFrame(PHOTO, Prediction("detection", objects=(found, replace(found, mask=None))), 0, CLOCK)
    assert shared.pixel_bytes == PHOTO.pixels.nbytes + 15
    assert [one.mask for one in shared.without_pixels().prediction.objects] == [None, None]
    assert shared.prediction.objects[0].mask is not None


def test_json_lines_are_one_object_each() -> None:
    out, events = Lines(), Lines()
    sink = JsonLines(out, events, lambda: 2, CLOCK)  # type: ignore[arg-type]
    sink.write(LIVE, Prediction("classification", (Label(0, "naïve\n\x1b[31m", 1.0),)))
    sink.error(ERROR)
    sink.event(EVENT)
    sink.close()
    assert out[-1] == "closed"
    frame, error = (parse(line, "run_line") for line in out[:-1])
    assert all("\n" not in line and "\x1b" not in line for line in out)
    assert frame["labels"][0]["name"] == "naïve\n\x1b[31m"
    assert error == {
        "type": "error",
        "index": 3,
        "source": "bad.jpg",
        "time": "2023-11-14T22:13:20.000Z",
        "message": "bad.jpg: the JPEG is truncated",
    }
    (event,) = (parse(line, "run_line") for line in events)
    assert event == {"type": "event", "event": "camera_lost", "time": EVENT.time, "index": 7, "detail": EVENT.detail}
    assert sink.dropped == 4


# --- text lines


def test_text_lines() -> None:
    out, notes, events = Lines(), Lines(), Lines()
    sink = PlainLines(out, notes, events, CLOCK)  # type: ignore[arg-type]
    sink.write(LIVE, CATS)
    sink.write(FILM, CATS)
    sink.write(PHOTO, NOTHING)
    sink.write(PHOTO, Prediction("classification", (*LABELS, NOISE)))
    sink.write(PHOTO, Prediction("classification", (NOISE,)))
    sink.error(ERROR)
    sink.event(EVENT)
    assert out == [
        "2023-11-14T22:13:19.875Z /dev/video0: tabby 0.81; tiger cat 0.09",
        "0.280 s film.avi: tabby 0.81; tiger cat 0.09",
        "cat.jpg: unknown",
        "cat.jpg: tabby 0.81; tiger cat 0.09",
        "cat.jpg: background 0.00",
    ]
    assert notes == ["error: bad.jpg: the JPEG is truncated"]
    assert events == ["2023-11-14T22:13:20.000Z camera_lost: /dev/video0 is gone"]


def test_names_cannot_control_the_terminal() -> None:
    out = Lines()
    sink = PlainLines(out, out, out, CLOCK)  # type: ignore[arg-type]
    sink.write(Frame(PIXELS, source="a\nb.jpg"), Prediction("classification", (Label(0, "\x1b[2Jcat", 0.5),)))
    assert out == [r"a\nb.jpg: \x1b[2Jcat 0.50"]


# --- a descriptor that may block


def test_lines_arrive_whole_and_in_order() -> None:
    reader, writer = os.pipe()
    lines = LineWriter(writer, lossless=True, stopping=lambda: False)
    sent = [f"{number} " + "x" * (number % 9000) for number in range(0, 20_000, 500)]
    received: list[bytes] = []
    thread = threading.Thread(target=lambda: received.append(os.fdopen(reader, "rb").read()))
    thread.start()
    for line in sent:
        lines(line)
    lines.close()
    os.close(writer)
    thread.join()
    assert received[0].decode().splitlines() == sent
    assert lines.dropped == 0


def test_slow_reader_of_a_live_source_loses_lines_without_blocking() -> None:
    reader, writer = os.pipe()
    lines = LineWriter(writer, lossless=False, stopping=lambda: False)
    for number in range(3000):
        lines(f"{number} " + "x" * 100)
    assert 1000 < lines.dropped < 3000
    os.set_blocking(reader, False)
    received = b""
    with pytest.raises(BlockingIOError):
        while True:
            received += os.read(reader, 65536)
    assert all(len(line.split()[1]) == 100 for line in received.decode().splitlines()[:-1])
    dropped = lines.dropped
    lines("after")  # the reader caught up: writing continues
    assert lines.dropped == dropped
    lines.close()
    os.close(writer)
    assert os.fdopen(reader, "rb").read().endswith(b"\nafter\n")


def test_lossless_writer_stops_waiting_when_stopped() -> None:
    reader, writer = os.pipe()
    stop = threading.Event()
    lines = LineWriter(writer, lossless=True, stopping=stop.is_set)
    threading.Timer(0.05, stop.set).start()
    for _ in range(3000):  # nobody reads: without the stop this would block forever
        lines("x" * 100)
    assert lines.dropped > 0
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("lossless", [True, False])
def test_closed_reader_raises_output_closed(lossless: bool) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    lines = LineWriter(writer, lossless=lossless, stopping=lambda: False)
    with pytest.raises(OutputClosed):
        lines("hello")
    lines.close()
    os.close(writer)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_full_disk_is_an_error_for_each_line() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    lines = LineWriter(full, lossless=True, stopping=lambda: False)
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            lines("hello")
    lines.close()
    os.close(full)


# --- the display


def painted(display: LiveDisplay) -> str:
    stream = io.StringIO()
    from rich.console import Console

    Console(file=stream, width=100).print(display.render())
    return stream.getvalue()


def test_display_shows_labels_rates_and_times() -> None:
    now = [10.0]
    stream = io.StringIO()
    measures = RunStats(firmware=lambda: 0x50005)
    measures.dropped = lambda: 5
    clock = Clock(monotonic=lambda: now[0])
    display = LiveDisplay("v2 · /dev/video0", 3, measures.snapshot, stream, clock)
    assert "waiting for the first frame" in painted(display)
    measures.recognized(LIVE, CATS, 1.0, 50.02)
    measures.look()
    display.write(LIVE, CATS)
    now[0] += 0.04
    display.write(LIVE, CATS)
    text = painted(display)
    for part in (
        "v2 · /dev/video0",
        "tabby",
        "0.81",
        "tiger cat",
        "0.09",
        "640x480",
        "25.0 frames/s",
        "5 dropped",
        "throttled: under_voltage, throttled",
    ):
        assert part in text
    head, half, *_ = (line for line in text.splitlines() if line.startswith(("  ms", "  p50")))
    assert dict(zip(head.split()[1:], half.split()[1:], strict=True)) == {
        "read": "1.0", "prepare": "0.5", "infer": "4.0", "decode": "0.2", "age": "20.0",
    }  # fmt: skip
    first, second = (line for line in text.splitlines() if "tabby" in line or "tiger" in line)
    assert first.count("█") == 19  # 0.81 of 24, plus a partial block
    assert second.count("█") == 2
    height = len(text.splitlines())
    display.write(FILM, NOTHING)
    text = painted(display)
    assert "unknown" in text
    assert "at 0.3 s" in text
    assert len(text.splitlines()) == height  # the display does not jump
    display.write(LIVE, CATS)
    display.event(EVENT)
    text = painted(display)
    assert "no new image: camera_lost: /dev/video0 is gone" in text
    assert "tabby" not in text  # it may be gone
    assert len(text.splitlines()) == height
    display.write(LIVE, CATS)
    assert "tabby" in painted(display)
    display.error(ERROR)
    display.close()
    display.close()
    assert "/dev/video0 is gone" in stream.getvalue()
    assert "the JPEG is truncated" in stream.getvalue()


def test_json_has_tracks_counts_and_zones() -> None:
    record = parse(json.dumps(frame_record(FILM, COUNTED, dropped=0, clock=CLOCK)), "run_line")
    assert (record["objects"][0]["track"], record["objects"][0]["age_s"]) == (7, 1.25)
    assert record["counts"] == {"door": {"forward": 3, "backward": 1}}
    assert record["zones"] == {"yard": {"count": 1, "tracks": [7]}}


def test_json_of_a_track_that_crossed_a_line_or_left_a_zone() -> None:
    cat = Label(17, "cat", 0.7)
    crossed = Event("crossed", EVENT.time, 7, "", cat, track=7, line="door", direction="forward")
    record = parse(json.dumps(event_record(crossed)), "run_line")
    assert (record["track"], record["line"], record["direction"]) == (7, "door", "forward")
    left = Event("zone_left", EVENT.time, 7, "", cat, duration_s=2.5, track=7, zone="yard")
    record = parse(json.dumps(event_record(left)), "run_line")
    assert (record["track"], record["zone"], record["duration_s"]) == (7, "yard", 2.5)


def test_display_shows_each_track_and_the_counts() -> None:
    display = LiveDisplay("detector", 3, RunStats().snapshot, io.StringIO())
    display.write(LIVE, COUNTED)
    text = painted(display)
    display.close()
    assert "cat #7" in text
    assert "door: 3 forward, 1 backward · yard: 1" in text


def test_display_survives_hostile_names() -> None:
    display = LiveDisplay("[red]\x1b[2J", 1, RunStats().snapshot, io.StringIO())
    display.write(LIVE, Prediction("classification", (Label(0, "[/bold]\n" + "long" * 50, 1.0),)))
    display.error(Unreadable(0, "x", "[/nothing] \x1b[2J"))
    text = painted(display)
    display.close()
    assert "\x1b[2J" not in text
    assert r"[/bold]\n" in text
    assert "…" in text


@pytest.mark.parametrize(
    ("prediction", "said"),
    [
        (
            Prediction("detection", objects=(Detection(16, "cat", 0.72, (29.4, 39, 377, 347)),)),
            "cat 0.72 at 29,39,377,347",
        ),
        (
            Prediction("segmentation", regions=(Region(0, "sky", 0.75, 75), Region(1, "sea", 0.25, 25))),
            "sky 75%; sea 25%",
        ),
        (Prediction("detection"), "unknown"),
        (COUNTED, "cat #7 0.70 at 1,2,3,4 | door: 3 forward, 1 backward | yard: 1"),
    ],
)
def test_text_of_other_tasks(prediction: Prediction, said: str) -> None:
    assert describe(prediction) == said
