"""The output that switches a GPIO line, on recorded lines, the fake line and the kernel's answers."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from edgevision.device.outputs.backoff import Backoff
from edgevision.device.outputs.gpio.lines import Line
from edgevision.device.outputs.gpio.output import Gpio
from edgevision.device.outputs.gpio.target import Target
from edgevision.device.outputs.item import Item
from edgevision.device.outputs.parse import parse_spec, to_table
from edgevision.device.outputs.registry import find
from edgevision.device.outputs.shared_frame import FrameCache
from edgevision.device.outputs.worker import OutputWorker
from edgevision.device.system.clock import SYSTEM

from edgevision.errors import BadInput, CannotWrite
from tests.helpers.output_parts import context, event


class RecordedLine(Line):
    """Keeps its levels; fails while ``broken``."""

    def __init__(self) -> None:
        self.levels: list[bool | None] = []
        self.broken = False

    def open(self, on: bool) -> None:
        self.set(on)

    def set(self, on: bool) -> None:
        if self.broken:
            raise CannotWrite("chip is gone")
        self.levels.append(on)

    def close(self) -> None:
        self.levels.append(None)


class Scene:
    """A GPIO output with a clock that a test moves."""

    def __init__(self, hold_s: float = 0.0) -> None:
        self.now = 100.0
        self.line = RecordedLine()
        clock = SYSTEM._replace(monotonic=lambda: self.now)
        self.output = Gpio(self.line, "cat", hold_s, context(clock))
        self.output.start()
        self.line.levels.clear()

    def see(self, kind: str, name: str | None, before: str | None = None) -> None:
        made = event(kind, name or "")
        made = replace(made, label=None) if name is None else made
        self.output.deliver(Item("event", "", event=replace(made, before=before and event("entered", before).label)))


def test_line_is_on_while_the_label_is_present() -> None:
    scene = Scene()
    scene.see("entered", "cat")
    scene.see("entered", "dog")
    scene.see("left", "dog")
    assert scene.line.levels == [True]
    scene.see("left", "cat")
    assert scene.line.levels == [True, False]


def test_label_that_replaces_another_switches_the_line() -> None:
    scene = Scene()
    scene.see("changed", "cat", before="dog")
    scene.see("changed", "dog", before="cat")
    assert scene.line.levels == [True, False]


def test_line_stays_on_for_the_hold_time() -> None:
    scene = Scene(hold_s=0.3)
    scene.see("entered", "cat")
    scene.see("left", "cat")
    assert scene.output.idle_s == pytest.approx(0.3)
    scene.now += 0.2
    scene.output.idle()
    assert scene.line.levels == [True]
    scene.now += 0.11
    scene.output.idle()
    assert scene.line.levels == [True, False]
    assert scene.output.idle_s == 1.0


def test_label_that_comes_back_within_the_hold_time_keeps_the_line_on() -> None:
    scene = Scene(hold_s=2)
    scene.see("entered", "cat")
    scene.see("left", "cat")
    scene.now += 1
    scene.see("entered", "cat")
    scene.now += 5
    scene.output.idle()
    assert scene.line.levels == [True]


def test_lost_camera_switches_off_at_once() -> None:
    scene = Scene(hold_s=60)
    scene.see("entered", "cat")
    scene.see("camera_lost", None)
    scene.see("left", "cat")
    assert scene.line.levels == [True, False]


def test_line_is_freed_at_the_end_and_on_failure() -> None:
    scene = Scene()
    scene.see("entered", "cat")
    scene.line.broken = True
    with pytest.raises(CannotWrite, match="chip is gone"):
        scene.see("left", "cat")
    assert scene.line.levels == [True, None]
    scene.line.broken = False
    scene.see("entered", "cat")
    scene.output.start()  # as the worker does after a failure
    assert scene.line.levels[-1] is True
    scene.output.close()
    assert scene.line.levels[-1] is None


def test_several_fake_lines_follow_their_labels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    sinks = []
    for spec in ("gpio:fake/0=cat,active-low", "gpio:fake/1=dog,hold=0.05"):
        config = parse_spec(spec)
        output = find("gpio").open(config, context())
        sinks.append(OutputWorker(output, config, context(), FrameCache(lambda: 0), Backoff(), 120.0))
    for sink in sinks:
        sink.event(event("entered", "cat"))
        sink.event(event("left", "cat"))
        sink.close()
        assert (sink.written, sink.dropped, sink.problem) == (2, 0, None)
    levels = [record.getMessage() for record in caplog.records if "fake GPIO" in record.getMessage()]
    assert [text for text in levels if "line 0" in text] == [
        "fake GPIO line 0: requested, off (high)",
        "fake GPIO line 0: on (low)",
        "fake GPIO line 0: off (high)",
        "fake GPIO line 0: off (high), released",
    ]
    assert not [text for text in levels if "line 1: on" in text]


@pytest.mark.skipif(Path("/dev/gpiochip250").exists(), reason="this machine has gpiochip250")
def test_missing_chip_is_one_line() -> None:
    config = parse_spec("gpio:gpiochip250/17=cat")
    output = find("gpio").open(config, context())
    with pytest.raises(CannotWrite, match="no GPIO chip /dev/gpiochip250; this machine has"):
        output.start()
    output.close()
    probe = find("gpio").probe
    assert probe is not None
    with pytest.raises(CannotWrite, match="no GPIO chip /dev/gpiochip250"):
        probe(config)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(2, "no such line"), "has no line NOPE; run gpioinfo to see its lines"),
        (OSError(22, "Invalid argument"), "has no line NOPE; run gpioinfo to see its lines"),
        (ValueError("out of range"), "has no line NOPE; run gpioinfo to see its lines"),
        (OSError(16, "Device or resource busy"), "line NOPE of gpiochip0 is used by another program"),
        (PermissionError(13, "Permission denied"), "add the user to the group gpio"),
        (OSError(19, "No such device"), "no GPIO chip"),
    ],
)
def test_answer_of_the_kernel_is_one_line(
    error: Exception, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The errors are those that libgpiod raised on a real chip."""
    monkeypatch.setattr(Target, "device", tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("gpiod.request_lines", refuse)
    output = find("gpio").open(parse_spec("gpio:gpiochip0/NOPE=cat"), context())
    with pytest.raises(CannotWrite) as caught:
        output.start()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "target", ["17=cat", "gpiochip0/17", "gpiochip0/17=", "../sda/1=x", "gpiochip0/a b=x", "gpiochip0/99999=x"]
)
def test_bad_target_is_refused(target: str) -> None:
    with pytest.raises(BadInput, match="gpio: expected"):
        parse_spec(f"gpio:{target}")


@pytest.mark.parametrize(("text", "seconds"), [("2s", 2.0), ("500ms", 0.5), ("3", 3.0)])
def test_hold_time_is_parsed_and_written(text: str, seconds: float) -> None:
    config = parse_spec(f"gpio:gpiochip0/GPIO17=cat=1,hold={text},active-low")
    assert config.settings.hold == seconds
    assert config.settings.active_low
    assert to_table(config)["hold"] == f"{seconds:g}s"


@pytest.mark.parametrize("text", ["x", "-1s", "nan", "1e9s", "inf"])
def test_bad_hold_time_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="hold: expected a time of up to a day"):
        parse_spec(f"gpio:fake/0=cat,hold={text}")


def test_needs_name_the_device_and_its_group() -> None:
    assert find("gpio").needs(parse_spec("gpio:fake/0=cat")).devices == ()
    found = find("gpio").needs(parse_spec("gpio:gpiochip4/17=cat"))
    assert (found.devices, found.groups) == (("/dev/gpiochip4",), ("gpio",))
