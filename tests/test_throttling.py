"""A Raspberry Pi that is slowed down: what its firmware says, when the loop tells of it, and what the summary keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from edgevision.device.clock import Clock
from edgevision.device.fakes import FakeFirmware
from edgevision.device.items import Event
from edgevision.device.measures import Measures
from edgevision.device.pipeline import run
from edgevision.device.throttling import LOOK_S, NAMES, Firmware, Watch, now, since_start

from edgevision.data import Frame, Prediction

NOWHERE = Path("/nonexistent/vcgencmd")


def test_bits() -> None:
    assert now(0x0) == since_start(0x0) == ()
    assert now(0x50005) == ("under_voltage", "throttled")
    assert since_start(0x50005) == ("under_voltage", "throttled")
    assert now(0xE0008) == ("soft_temperature_limit",)
    assert since_start(0xE0008) == ("frequency_capped", "throttled", "soft_temperature_limit")
    assert now(0xF) == NAMES


def platform(folder: Path, text: str, soc: str = "soc") -> Path:
    """The part of /sys that a Raspberry Pi has."""
    firmware = folder / soc / f"{soc}:firmware"
    firmware.mkdir(parents=True)
    (firmware / "get_throttled").write_text(text)
    return folder


@pytest.mark.parametrize("soc", ["soc", "soc@107c000000"])
@pytest.mark.parametrize(("text", "bits"), [("0\n", 0), ("50005\n", 0x50005), ("", None), ("no such\n", None)])
def test_the_file_of_the_firmware(tmp_path: Path, text: str, bits: int | None, soc: str) -> None:
    assert Firmware(platform(tmp_path, text, soc), NOWHERE)() == bits


def vcgencmd(folder: Path, text: str) -> Path:
    command = folder / "vcgencmd"
    command.write_text(text)
    command.chmod(0o755)
    return command


def test_the_command_where_there_is_no_file(tmp_path: Path) -> None:
    command = vcgencmd(tmp_path, '#!/bin/sh\n[ "$1" = get_throttled ] && echo throttled=0x50000\n')
    assert Firmware(tmp_path, command)() == 0x50000


def test_another_machine_is_asked_once(tmp_path: Path) -> None:
    firmware = Firmware(tmp_path, tmp_path / "vcgencmd")
    assert firmware() is None
    vcgencmd(tmp_path, "#!/bin/sh\necho throttled=0x5\n")
    assert firmware() is None


def test_a_command_that_fails_is_no_answer(tmp_path: Path) -> None:
    assert Firmware(tmp_path, vcgencmd(tmp_path, "not a program"))() is None
    assert Firmware(tmp_path, vcgencmd(tmp_path, "#!/bin/sh\nexit 255\n"))() is None


class Hand:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.now = 50.0
        self.clock = Clock(monotonic=lambda: self.now)


def test_each_trouble_is_told_when_it_begins_even_if_it_was_short() -> None:
    hand = Hand()
    watch = Watch(hand.clock, FakeFirmware(0x0, 0x50005, 0x50005, 0x50000, 0xD0000, 0xD0001))
    assert (watch.holding, watch.seen) == (None, None)
    told = []
    for _ in range(6):
        told.append(watch.look())
        assert watch.look() == ()  # not yet time to look
        hand.now += LOOK_S
    assert told == [
        (),
        ("under_voltage", "throttled"),
        (),
        (),
        ("soft_temperature_limit",),  # over before it was looked at: the firmware remembers
        ("under_voltage",),  # once more
    ]
    assert watch.holding == ["under_voltage"]
    assert watch.seen == ["under_voltage", "throttled", "soft_temperature_limit"]


def test_what_held_before_the_run_is_none_of_it() -> None:
    watch = Watch(Hand().clock, FakeFirmware(0x50000))
    assert watch.look() == ()
    assert watch.seen == []


class Film:
    """Frames with six seconds between them."""

    spec, live, dropped = "film", False, 0

    def __init__(self, hand: Hand, frames: int) -> None:
        self.hand, self.frames = hand, frames

    def __iter__(self):  # type: ignore[no-untyped-def]
        for index in range(self.frames):
            self.hand.now += 6.0
            yield Frame(np.zeros((4, 4, 3), np.uint8), "BGR", index)

    def close(self) -> None:
        pass


class Silent:
    """A model that sees nothing."""

    def predict(self, picture: Frame, top: int = 5, threshold: float | None = None) -> Prediction:
        return Prediction("classification")


class Notes:
    """Remembers events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def write(self, frame: Frame, prediction: Prediction) -> None:
        pass

    def event(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        pass


def test_the_loop_tells_and_the_summary_keeps_it() -> None:
    hand, notes = Hand(), Notes()
    measures = Measures(hand.clock, firmware=FakeFirmware(0x0, 0x0, 0x10001, 0x10000))
    summary = run(Film(hand, 5), Silent(), [notes], clock=hand.clock, measures=measures)
    assert [(event.kind, event.index) for event in notes.events] == [("throttled", 2)]
    assert "under_voltage: the power supply or its cable is too weak" in notes.events[0].detail
    assert summary.throttled == ["under_voltage"]
    assert measures.snapshot().throttled == []  # over by now
    assert "throttled: under_voltage" in "\n".join(summary.describe())


def test_unknown_is_null() -> None:
    hand = Hand()
    measures = Measures(hand.clock, firmware=FakeFirmware(None))
    assert run(Film(hand, 2), Silent(), [], clock=hand.clock, measures=measures).throttled is None
