"""Throttling of a Raspberry Pi: firmware bits, events of the loop, and the summary."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from edgevision.device.loop.fakes import FakeFirmware
from edgevision.device.loop.loop import run
from edgevision.device.stream.events import Event
from edgevision.device.stream.protocols import Predictor, Sink, Source
from edgevision.device.system.clock import Clock
from edgevision.device.system.throttling import LOOK_S, NAMES, Firmware, Watch, now, since_start
from edgevision.device.telemetry.run_stats import RunStats

from edgevision.types import Frame, Prediction

NOWHERE = Path("/nonexistent/vcgencmd")


def test_bits_are_decoded() -> None:
    assert now(0x0) == since_start(0x0) == ()
    assert now(0x50005) == ("under_voltage", "throttled")
    assert since_start(0x50005) == ("under_voltage", "throttled")
    assert now(0xE0008) == ("soft_temperature_limit",)
    assert since_start(0xE0008) == ("frequency_capped", "throttled", "soft_temperature_limit")
    assert now(0xF) == NAMES


def platform(folder: Path, text: str, soc: str = "soc") -> Path:
    """Create the part of /sys that a Raspberry Pi has."""
    firmware = folder / soc / f"{soc}:firmware"
    firmware.mkdir(parents=True)
    (firmware / "get_throttled").write_text(text)
    return folder


@pytest.mark.parametrize("soc", ["soc", "soc@107c000000"])
@pytest.mark.parametrize(("text", "bits"), [("0\n", 0), ("50005\n", 0x50005), ("", None), ("no such\n", None)])
def test_firmware_file_is_read(tmp_path: Path, text: str, bits: int | None, soc: str) -> None:
    assert Firmware(platform(tmp_path, text, soc), NOWHERE)() == bits


def vcgencmd(folder: Path, text: str) -> Path:
    command = folder / "vcgencmd"
    command.write_text(text)
    command.chmod(0o755)
    return command


def test_vcgencmd_is_used_without_a_file(tmp_path: Path) -> None:
    command = vcgencmd(tmp_path, '#!/bin/sh\n[ "$1" = get_throttled ] && echo throttled=0x50000\n')
    assert Firmware(tmp_path, command)() == 0x50000


def test_other_machines_are_queried_once(tmp_path: Path) -> None:
    firmware = Firmware(tmp_path, tmp_path / "vcgencmd")
    assert firmware() is None
    vcgencmd(tmp_path, "#!/bin/sh\necho throttled=0x5\n")
    assert firmware() is None


def test_failing_command_gives_none(tmp_path: Path) -> None:
    assert Firmware(tmp_path, vcgencmd(tmp_path, "not a program"))() is None
    assert Firmware(tmp_path, vcgencmd(tmp_path, "#!/bin/sh\nexit 255\n"))() is None


class Hand:
    """A clock moved by the test."""

    def __init__(self) -> None:
        self.now = 50.0
        self.clock = Clock(monotonic=lambda: self.now)


def test_each_condition_is_reported_when_it_begins_even_if_brief() -> None:
    hand = Hand()
    watch = Watch(hand.clock, FakeFirmware(0x0, 0x50005, 0x50005, 0x50000, 0xD0000, 0xD0001))
    assert (watch.holding, watch.seen) == (None, None)
    told = []
    for _ in range(6):
        told.append(watch.look())
        assert watch.look() == ()  # next query not due yet
        hand.now += LOOK_S
    assert told == [
        (),
        ("under_voltage", "throttled"),
        (),
        (),
        ("soft_temperature_limit",),  # over before the query, but recorded by the firmware
        ("under_voltage",),  # again
    ]
    assert watch.holding == ["under_voltage"]
    assert watch.seen == ["under_voltage", "throttled", "soft_temperature_limit"]


def test_conditions_before_the_run_are_not_reported() -> None:
    watch = Watch(Hand().clock, FakeFirmware(0x50000))
    assert watch.look() == ()
    assert watch.seen == []


class Film(Source):
    """A video with six seconds between frames."""

    spec, live = "film", False

    def __init__(self, hand: Hand, frames: int) -> None:
        self.hand, self.frames = hand, frames

    def __iter__(self):  # type: ignore[no-untyped-def]
        for index in range(self.frames):
            self.hand.now += 6.0
            yield Frame(np.zeros((4, 4, 3), np.uint8), "BGR", index)


class Silent(Predictor):
    """A model that recognizes nothing."""

    def predict(self, image: Frame, top: int = 5, threshold: float | None = None) -> Prediction:
        return Prediction("classification")


class Notes(Sink):
    """A sink that records events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def write(self, frame: Frame, prediction: Prediction) -> None:
        pass

    def event(self, event: Event) -> None:
        self.events.append(event)


def test_loop_reports_throttling_and_summary_keeps_it() -> None:
    hand, notes = Hand(), Notes()
    measures = RunStats(hand.clock, firmware=FakeFirmware(0x0, 0x0, 0x10001, 0x10000))
    summary = run(Film(hand, 5), Silent(), [notes], clock=hand.clock, measures=measures)
    assert [(event.kind, event.index) for event in notes.events] == [("throttled", 2)]
    assert "under_voltage: the power supply or its cable is too weak" in notes.events[0].detail
    assert summary.throttled == ["under_voltage"]
    assert measures.snapshot().throttled == []  # over by now
    assert "throttled: under_voltage" in "\n".join(summary.describe())


def test_unknown_throttling_is_none() -> None:
    hand = Hand()
    measures = RunStats(hand.clock, firmware=FakeFirmware(None))
    assert run(Film(hand, 2), Silent(), [], clock=hand.clock, measures=measures).throttled is None
