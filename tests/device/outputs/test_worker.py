"""An output on a thread of its own: order, retries, losses, and an end that comes in time."""

from __future__ import annotations

from threading import Event as Flag

import numpy as np
from edgevision.device.outputs.backoff import Backoff
from edgevision.device.outputs.item import Item
from edgevision.device.outputs.parse import parse_spec
from edgevision.device.outputs.protocol import Rejected
from edgevision.device.outputs.shared_frame import FrameCache
from edgevision.device.outputs.worker import OutputWorker

from edgevision.types import Frame
from tests.helpers.output_parts import Recorder, context, event, frame, prediction

QUICK = {"first_s": 0.001, "longest_s": 0.01}


def worker(output: Recorder, spec: str = "jsonl:x", close_s: float = 120.0) -> OutputWorker:
    return OutputWorker(output, parse_spec(spec), context(), FrameCache(lambda: 0), Backoff(**QUICK), close_s)


def test_items_arrive_in_order_and_are_counted() -> None:
    output = Recorder()
    sink = worker(output)
    for number in range(20):
        sink.write(frame(number), prediction(0.9))
        sink.event(event(index=number, kind="entered"))
    sink.close()
    assert [item.number for item in output.items] == list(range(1, 41))
    assert (sink.written, sink.dropped, sink.problem) == (40, 0, None)
    assert output.closed.is_set()


def test_failed_item_is_delivered_again_before_the_next() -> None:
    failures = iter([True, True, False])

    def fail_twice(item: Item) -> None:
        if item.number == 1 and next(failures):
            raise OSError("broker is down")

    output = Recorder(fail_twice)
    sink = worker(output)
    for number in range(3):
        sink.event(event(index=number))
    sink.close()
    assert [item.number for item in output.items] == [1, 2, 3]
    assert (sink.written, sink.dropped, sink.failures) == (3, 0, 2)
    assert output.starts == 3


def test_rejected_item_is_dropped_and_counted() -> None:
    def refuse_first(item: Item) -> None:
        if item.number == 1:
            raise Rejected("HTTP 400")

    output = Recorder(refuse_first)
    sink = worker(output)
    sink.event(event())
    sink.event(event(index=1))
    sink.close()
    assert (sink.written, sink.dropped) == (1, 1)


def test_output_that_stays_down_never_blocks_and_its_losses_are_counted() -> None:
    def fail(_: Item) -> None:
        raise OSError("no route to host")

    sink = worker(Recorder(fail), close_s=0.05)
    for number in range(1500):
        sink.event(event(index=number))
    sink.close()
    assert sink.written == 0
    assert sink.dropped == 1500
    assert sink.problem == "no route to host"


def test_output_that_hangs_is_interrupted_at_the_end() -> None:
    output = Recorder()
    output.failure = lambda item: bool(output.interrupted.wait(600))
    sink = worker(output, close_s=0.05)
    sink.event(event())
    sink.close()
    assert output.interrupted.is_set()
    assert output.closed.wait(120)


def test_heartbeat_sends_the_status() -> None:
    times = iter([0.0] + [float(n) for n in range(400)])
    from edgevision.device.system.clock import SYSTEM

    output = Recorder()
    clock = SYSTEM._replace(monotonic=lambda: next(times))
    sink = OutputWorker(
        output,
        parse_spec("jsonl:x,only=events,heartbeat-s=2"),
        context(clock),
        FrameCache(lambda: 0, clock),
        close_s=120.0,
    )
    for number in range(6):
        sink.write(frame(number), prediction(0.9))
    sink.close()
    assert output.items
    assert {item.kind for item in output.items} == {"status"}
    assert output.items[0].record()["schema"] == "edgevision.status/1"


def test_event_carries_the_image_it_happened_in() -> None:
    output = Recorder()
    output.images = True
    sink = worker(output, "jsonl:x,only=events")
    sink.write(frame(7), prediction(0.9))
    sink.event(event(index=7))
    sink.event(event(index=3))
    sink.close()
    first, second = output.items
    assert first.frame is not None
    assert first.frame.jpeg()[:2] == b"\xff\xd8"
    assert first.frame.annotated_jpeg() is first.frame.annotated_jpeg()
    assert second.frame is None


def test_unknown_error_does_not_end_the_output() -> None:
    done = Flag()

    def fail_once(item: Item) -> None:
        if not done.is_set():
            done.set()
            raise ZeroDivisionError

    output = Recorder(fail_once)
    sink = worker(output)
    sink.event(event())
    sink.close()
    assert sink.written == 1


def test_backoff_doubles_up_to_its_limit_and_starts_again() -> None:
    backoff = Backoff(1, 5, jitter=lambda: 0.5)
    assert [backoff.failed() for _ in range(4)] == [1, 2, 4, 5]
    backoff.succeeded()
    assert backoff.failed() == 1


def test_frames_that_wait_for_an_output_without_images_keep_no_pixels() -> None:
    go = Flag()
    output = Recorder(lambda item: go.wait(600))
    sink = worker(output)
    large = np.zeros((720, 1280, 3), np.uint8)
    for number in range(500):
        sink.write(Frame(large, "RGB", number), prediction(0.9))
    go.set()
    sink.close()
    assert (sink.offered, sink.delivered, sink.dropped) == (500, 500, 0)
    records = [item.record() for item in output.items]
    assert [record["index"] for record in records] == list(range(500))
    assert (records[0]["width"], records[0]["height"]) == (1280, 720)
    assert sum(item.image_bytes for item in output.items) == 0


def test_item_that_always_causes_an_unknown_error_does_not_block_the_next() -> None:
    def fail_on_first(item: Item) -> None:
        if item.number == 1:
            raise UnicodeError("surrogates not allowed")

    output = Recorder(fail_on_first)
    sink = worker(output)
    sink.event(event())
    sink.event(event(index=1))
    sink.close()
    assert [item.number for item in output.items] == [2]
    assert (sink.written, sink.dropped, sink.failures, sink.problem) == (1, 1, 3, None)
