"""What an output receives, and what waits for it."""

from __future__ import annotations

from dataclasses import replace

from edgevision.device.outputs.delivery import Delivery
from edgevision.device.outputs.delivery_filter import DeliveryFilter
from edgevision.device.outputs.item import Item
from edgevision.device.outputs.output_queue import OutputQueue
from edgevision.device.stream.events import Event

from edgevision.types import Label
from tests.helpers.output_parts import crossing, event, event_item, frame, frame_item, in_zone, prediction


def test_only_chosen_labels_pass() -> None:
    chosen = DeliveryFilter(Delivery(labels=("cat",), threshold=0.5), "all")
    assert chosen.takes_frame(prediction(0.9, 0.1), 0)
    assert not chosen.takes_frame(prediction(0.4, 0.6), 0)
    assert chosen.takes_event(event("entered", "cat", 0.9), 0)
    assert not chosen.takes_event(event("entered", "dog", 0.9), 0)
    assert not chosen.takes_event(event("entered", "cat", 0.3), 0)


def test_label_leaves_exactly_if_it_was_reported() -> None:
    chosen = DeliveryFilter(Delivery(labels=("cat",)), "events")
    assert not chosen.takes_event(event("left", "cat", 0.0), 0)
    assert chosen.takes_event(event("entered", "cat"), 1)
    assert chosen.takes_event(event("left", "cat", 0.0), 2)
    assert not chosen.takes_event(event("left", "cat", 0.0), 3)


def test_track_leaves_a_zone_exactly_if_it_was_reported_to_enter() -> None:
    chosen = DeliveryFilter(Delivery(labels=("cat",)), "all")
    assert chosen.takes_event(in_zone("zone_entered"), 0)
    assert not chosen.takes_event(in_zone("zone_entered", track=2, name="dog"), 0)
    assert not chosen.takes_event(in_zone("zone_left", track=2, name="dog"), 0)
    assert chosen.takes_event(in_zone("zone_left"), 0)
    assert not chosen.takes_event(event("left", "cat"), 0)  # entering a zone is not entering the image


def test_recognized_passes_by_its_label_or_that_of_the_detector() -> None:
    robin = replace(event("recognized", "robin", 0.6), track=1, of=Label(0, "bird", 0.9))
    assert DeliveryFilter(Delivery(labels=("robin",)), "events").takes_event(robin, 0)
    assert DeliveryFilter(Delivery(labels=("bird",)), "events").takes_event(robin, 0)
    assert not DeliveryFilter(Delivery(labels=("cat",)), "events").takes_event(robin, 0)
    assert not DeliveryFilter(Delivery(threshold=0.7), "events").takes_event(robin, 0)


def test_interval_limits_crossings_for_each_line_direction_and_label() -> None:
    chosen = DeliveryFilter(Delivery(min_interval_s=10), "all")
    assert chosen.takes_event(crossing(direction="forward"), 0)
    assert not chosen.takes_event(crossing(direction="forward"), 9)
    assert chosen.takes_event(crossing(direction="backward"), 9)
    assert chosen.takes_event(crossing(direction="forward"), 10)


def test_interval_limits_events_per_label_and_frames() -> None:
    chosen = DeliveryFilter(Delivery(min_interval_s=10), "all")
    assert chosen.takes_event(event("entered", "cat"), 0)
    assert chosen.takes_event(event("entered", "dog"), 1)
    assert not chosen.takes_event(event("entered", "cat"), 9)
    assert chosen.takes_event(event("entered", "cat"), 10)
    assert chosen.takes_frame(prediction(0.9), 0)
    assert not chosen.takes_frame(prediction(0.9), 9.9)


def test_events_of_the_camera_always_pass() -> None:
    chosen = DeliveryFilter(Delivery(labels=("cat",)), "events")
    assert chosen.takes_event(Event("camera_lost", "", 1, "unplugged"), 0)


def test_only_decides_against_the_default_of_the_output() -> None:
    assert not DeliveryFilter(Delivery(only="events"), "all").takes_frame(prediction(0.9), 0)
    assert not DeliveryFilter(Delivery(only="frames"), "events").takes_event(event(), 0)


def test_full_queue_drops_frames_before_events_and_counts() -> None:
    queue = OutputQueue(newest_frame=False, max_items=3)
    for item in (event_item(index=0), frame_item(1), event_item(index=2), event_item(index=3), event_item(index=4)):
        queue.put(item)
    left = [queue.take(0) for _ in range(3)]
    assert [item.event.index for item in left if item and item.event] == [2, 3, 4]
    assert queue.dropped == 2


def test_newest_frame_replaces_a_waiting_one_without_a_loss() -> None:
    queue = OutputQueue(newest_frame=True)
    for number in range(5):
        queue.put(frame_item(number))
    item = queue.take(0)
    assert item is not None
    assert item.frame is not None
    assert item.frame.frame.index == 4
    assert (queue.dropped, len(queue)) == (0, 0)


def test_waiting_images_are_bounded_and_events_survive_without_them() -> None:
    one = event_item().image_bytes
    queue = OutputQueue(newest_frame=False, max_image_bytes=2 * one)
    for number in range(5):
        queue.put(event_item(index=number))
    items = [queue.take(0) for _ in range(5)]
    assert [item is not None and item.frame is not None for item in items] == [False, False, False, True, True]
    assert (queue.dropped, queue.images_dropped) == (0, 3)


def test_crops_count_as_memory_and_are_freed_with_it() -> None:
    queue = OutputQueue(newest_frame=False, max_image_bytes=5000)
    for number in range(4):
        queue.put(Item("event", "", event=crossing(track=number + 1), crop=frame()))  # 2304 bytes each
    taken = [queue.take(0) for _ in range(4)]
    assert [one is not None and one.crop is not None for one in taken] == [False, False, True, True]
    assert queue.images_dropped == 2
    assert queue.dropped == 0


def test_what_waits_at_the_end_counts_as_lost() -> None:
    queue = OutputQueue(newest_frame=False)
    queue.put(event_item())
    queue.abandon()
    assert (queue.dropped, queue.take(0)) == (1, None)


def test_image_larger_than_the_memory_drops_no_event() -> None:
    one = event_item().image_bytes
    queue = OutputQueue(newest_frame=False, max_image_bytes=one // 2)
    for number in range(5):
        queue.put(event_item(index=number))
    items = [queue.take(0) for _ in range(5)]
    assert [item is not None and item.frame is not None for item in items] == [False] * 4 + [True]
    assert queue.dropped == 0


def test_every_item_put_is_taken_dropped_or_replaced() -> None:
    for newest in (False, True):
        queue = OutputQueue(newest_frame=newest, max_items=7, max_image_bytes=3 * event_item().image_bytes)
        taken = 0
        for number in range(200):
            queue.put(frame_item(number) if number % 3 else event_item(index=number))
            taken += number % 5 == 0 and queue.take(0) is not None
        queue.abandon()
        queue.put(event_item())
        assert queue.offered == 201
        assert taken + queue.dropped + queue.replaced == queue.offered
