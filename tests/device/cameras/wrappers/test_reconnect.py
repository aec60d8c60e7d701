"""Live sources that are lost, freeze, hang and come back: events, waits, and frames that are withheld."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from edgevision.device.cameras.registry import open_camera
from edgevision.device.cameras.wrappers.cancellable_open import Opening
from edgevision.device.cameras.wrappers.reconnect import DELAYS_S, STEADY_S, Reopening
from edgevision.device.loop.fakes import FakeCamera
from edgevision.device.stream.events import SourceEvent, Unreadable
from edgevision.device.stream.protocols import LiveSource
from edgevision.device.system.clock import Clock

from edgevision.errors import CameraError, CameraGone, CameraLost, EdgeVisionError
from edgevision.types import Frame


class HandClock:
    """A clock that advances only during waits, and records them."""

    def __init__(self) -> None:
        self.now, self.waits = 100.0, list[float]()
        self.clock = Clock(lambda: self.now, lambda: self.now, self.sleep, self.wait)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        self.now += seconds
        return event.is_set()


class Played(LiveSource):
    """A live source that plays a list of pixel values, unreadable items and exceptions."""

    live, spec, identity = True, "played", "played"

    def __init__(
        self,
        items: list[int | Unreadable | Exception],
        hand: HandClock,
        freeze_timeout_s: float = 3.0,
        may_repeat: bool = False,
        step_s: float = 1.0,
    ) -> None:
        self.items, self.hand, self.step_s = items, hand, step_s
        self.freeze_timeout_s, self.may_repeat, self.closed = freeze_timeout_s, may_repeat, 0

    def __iter__(self) -> Iterator[Frame | Unreadable]:
        for index, item in enumerate(self.items):
            self.hand.now += self.step_s
            if isinstance(item, Exception):
                raise item
            if isinstance(item, Unreadable):
                yield item
            else:
                yield Frame(np.full((40, 8, 3), item, np.uint8), "BGR", index, self.hand.now, self.spec)

    def close(self) -> None:
        self.closed += 1


def play(hand: HandClock, *lives: list[int | Unreadable | Exception] | Exception, **how: object) -> Reopening:
    """Return a camera that is opened once per life; an exception as a life means that opening fails."""
    sources = iter([life if isinstance(life, Exception) else Played(life, hand, **how) for life in lives])  # type: ignore[arg-type]

    def again() -> Played:
        source = next(sources, CameraGone("no more lives"))
        if isinstance(source, Exception):
            raise source
        return source

    return Reopening(again(), again, hand.clock)


def told(camera: Reopening) -> list[int | str]:
    """Return frames as their first byte and events as their kind, until the end or CameraGone."""
    found: list[int | str] = []
    try:
        for item in camera:
            found.append(
                item.kind
                if isinstance(item, SourceEvent)
                else "bad"
                if isinstance(item, Unreadable)
                else int(item.pixels[0, 0, 0])
            )
    except CameraGone:
        found.append("gone")
    return found


LOST = CameraLost("unplugged")


def test_lost_camera_comes_back_and_continues_counting() -> None:
    hand = HandClock()
    camera = play(
        hand, [1, 2, LOST], CameraError("not there"), CameraError("not there"), [3, Unreadable(1, "p", "no"), 4]
    )
    items = list(camera)
    assert [item.kind for item in items if isinstance(item, SourceEvent)] == ["camera_lost", "camera_back"]
    assert [item.index for item in items if not isinstance(item, SourceEvent)] == [0, 1, 2, 3, 4]
    assert [type(item) for item in items] == [Frame, Frame, SourceEvent, SourceEvent, Frame, Unreadable, Frame]
    assert items[2].detail == "unplugged"
    assert hand.waits == [1, 2, 4]


def test_delays_grow_to_the_maximum_and_stay_there() -> None:
    hand = HandClock()
    camera = play(hand, [1, LOST], *[CameraError("not there")] * 9, [2])
    assert told(camera) == [1, "camera_lost", "camera_back", 2]
    assert tuple(hand.waits) == (*DELAYS_S, 30.0, 30.0, 30.0, 30.0)


def test_camera_that_opens_without_frames_is_not_back() -> None:
    hand = HandClock()
    camera = play(hand, [1, LOST], [LOST], [LOST], [2, 3])
    assert told(camera) == [1, "camera_lost", "camera_back", 2, 3]


def test_unsteady_camera_is_reopened_after_growing_delays() -> None:
    hand = HandClock()
    assert told(play(hand, [1, LOST], [2, LOST], [3, LOST], [4])).count("camera_lost") == 3
    assert hand.waits == [1, 2, 4]


def test_steady_camera_is_reopened_after_the_shortest_delay() -> None:
    hand = HandClock()
    steady: list[int | Unreadable | Exception] = [*range(2, 2 + int(STEADY_S) + 1), LOST]
    told(play(hand, [1, LOST], steady, [1]))
    assert hand.waits == [1, 1]


def test_repeated_frames_of_a_sensor_are_withheld() -> None:
    hand = HandClock()
    camera = play(hand, [1, 2, 2, 3, 3, 4])
    assert told(camera) == [1, 2, 3, 4]
    assert camera.dropped == 2


def test_frozen_sensor_is_reported_and_reopened() -> None:
    hand = HandClock()
    camera = play(hand, [1, 2, 2, 2, 2, 2, 9], [3, 4])
    assert told(camera) == [1, 2, "camera_frozen", "camera_back", 3, 4]


def test_still_scene_is_accepted_after_one_reopening_until_it_changes() -> None:
    hand = HandClock()
    camera = play(hand, [1, 2, 2, 2, 2], [2, 2, 2, 2, 2, 2, 3, 3, 4])
    assert told(camera) == [1, 2, "camera_frozen", "camera_back", 2, 2, 2, 2, 2, 2, 3, 4]


def test_stream_may_repeat_frames_until_the_freeze_timeout() -> None:
    hand = HandClock()
    camera = play(hand, [1, 1, 2, 2, 2, 2], [3], may_repeat=True)
    assert told(camera) == [1, 1, 2, 2, 2, "camera_frozen", "camera_back", 3]


def test_freeze_detection_can_be_disabled() -> None:
    assert told(play(HandClock(), [1, *[2] * 50], freeze_timeout_s=0)) == [1, *[2] * 50]


def test_frames_that_differ_in_one_byte_are_distinct() -> None:
    hand = HandClock()
    one, two = np.zeros((40, 8, 3), np.uint8), np.zeros((40, 8, 3), np.uint8)
    two[37, 5, 1] = 1

    class Two(Played):
        def __iter__(self) -> Iterator[Frame | Unreadable]:
            yield Frame(one, "BGR", 0)
            yield Frame(two, "BGR", 1)
            yield Frame(two.copy(), "BGR", 2)

    camera = Reopening(Two([], hand), lambda: Two([], hand), hand.clock)
    assert [item.index for item in camera if isinstance(item, Frame)] == [0, 1]


def test_camera_gone_for_good_is_not_reopened() -> None:
    hand = HandClock()
    assert told(play(hand, [1, CameraGone("for good")])) == [1, "gone"]
    assert hand.waits == []


@pytest.mark.parametrize("error", [CameraError("busy"), EdgeVisionError("something else"), CameraLost("again")])
def test_any_error_while_reopening_is_retried(error: Exception) -> None:
    assert told(play(HandClock(), [1, LOST], error, [2])) == [1, "camera_lost", "camera_back", 2]


def test_replaced_sources_are_closed() -> None:
    hand = HandClock()
    lives = [Played([1, LOST], hand), Played([2, LOST], hand), Played([3], hand)]
    rest = iter(lives[1:])
    camera = Reopening(lives[0], lambda: next(rest), hand.clock)
    told(camera)
    assert [life.closed for life in lives] == [1, 1, 0]
    camera.close()
    assert lives[2].closed == 1


# --- no wait keeps the loop from ending


def ends(camera: Reopening, when: threading.Event) -> list[object]:
    """Return what arrived until ``close``, which another thread calls once ``when`` is set."""
    found: list[object] = []
    reader = threading.Thread(target=lambda: found.extend(camera), daemon=True)
    reader.start()
    assert when.wait(120)
    camera.close()
    reader.join(120)
    assert not reader.is_alive()
    return found


def test_close_ends_the_wait_between_attempts() -> None:
    waiting = threading.Event()

    def wait(event: threading.Event, _: float) -> bool:
        waiting.set()
        return event.wait(600)

    hand = HandClock()
    camera = Reopening(Played([1, LOST], hand), lambda: Played([2], hand), Clock(wait=wait))
    assert [type(item) for item in ends(camera, waiting)] == [Frame, SourceEvent]


def test_close_ends_a_hanging_attempt_and_a_late_source_is_closed() -> None:
    hand = HandClock()
    trying, go_on, late = threading.Event(), threading.Event(), Played([2], hand)
    closed = threading.Event()
    late.close = closed.set  # type: ignore[method-assign]

    def again() -> Played:
        trying.set()
        go_on.wait(600)
        return late

    camera = Reopening(Played([1, LOST], hand), again, hand.clock)
    assert len(ends(camera, trying)) == 2
    go_on.set()
    assert closed.wait(120)


def test_hanging_open_can_be_abandoned() -> None:
    hang = threading.Event()
    opening: Opening[Played] = Opening(lambda: hang.wait(600) and None, "it")  # type: ignore[arg-type,return-value]
    with pytest.raises(TimeoutError):
        opening.wait(0.01)
    assert opening.wait() is None
    hang.set()


def test_failed_open_raises_its_error() -> None:
    def fail() -> Played:
        raise CameraError("not there")

    with pytest.raises(CameraError, match="not there"):
        Opening(fail, "it").wait()


# --- faults of the fake camera, through the public function


def kinds(spec: str, hand: HandClock) -> list[str]:
    return [
        item.kind if isinstance(item, SourceEvent) else type(item).__name__ for item in open_camera(spec, hand.clock)
    ]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("ok,slow,ok", ["Frame"] * 3),
        ("ok,garbled,wrong_size,ok", ["Frame"] * 4),
        ("ok,unreadable,ok", ["Frame", "Unreadable", "Frame"]),
        ("ok,lost,ok*2", ["Frame", "camera_lost", "camera_back", "Frame", "Frame"]),
        ("ok,lost,lost,ok", ["Frame", "camera_lost", "camera_back", "Frame"]),
        ("ok,frozen*3,ok", ["Frame", "Frame"]),
    ],
)
def test_fake_camera_faults_are_handled(script: str, expected: list[str]) -> None:
    assert kinds(f"fake:{script}", HandClock()) == expected


def test_frozen_fake_camera_is_reopened_and_then_accepted() -> None:
    found = kinds("fake:ok*2,frozen*90,ok", HandClock())
    assert found[:4] == ["Frame", "Frame", "camera_frozen", "camera_back"]
    assert set(found[4:]) == {"Frame"}


def test_lost_as_the_last_step_is_final() -> None:
    with pytest.raises(CameraGone, match="is lost, as scripted"):
        list(open_camera("fake:ok,lost", HandClock().clock))


def test_reopened_fake_camera_continues_its_script() -> None:
    camera = FakeCamera("ok,lost,ok*2")
    with pytest.raises(CameraLost):
        list(camera)
    assert len(list(camera.again())) == 2
