"""The output ``gpio``: a line that is on while a label is present."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from edgevision.errors import CannotWrite
from edgevision.records import record
from edgevision.settings import setting

from ..kind import Kind, Needs
from ..protocol import Output
from .lines import FakeLine, KernelLine, Line, describe
from .target import parse

if TYPE_CHECKING:
    from edgevision.types import Label

    from ..config import OutputConfig
    from ..item import Item
    from ..protocol import Context

LONGEST_HOLD_S = 86400.0


def parse_hold(text: str) -> float:
    """Return the seconds of ``2s``, ``500ms`` or ``2``. Raises ValueError."""
    scale = 1.0
    if text.endswith("ms"):
        text, scale = text.removesuffix("ms"), 1e-3
    seconds = float(text.removesuffix("s")) * scale
    if not 0 <= seconds <= LONGEST_HOLD_S:
        raise ValueError(text)
    return seconds


def format_hold(seconds: float) -> str:
    """Return what ``parse_hold`` reads."""
    return f"{seconds:g}s"


@record(kw_only=True)
class GpioSettings:
    """Settings of a GPIO output."""

    hold: float = setting(
        0.0,
        "text",
        "Keep the line on for this time after the label left.",
        metavar="TIME",
        form="a time of up to a day, such as 2s or 500ms",
        parse=parse_hold,
        unparse=format_hold,
        default_text="0s",
    )
    active_low: bool = setting(False, "flag", "The line is low when it is on.")


class Gpio(Output):
    """Switches one line. It is off before the start, after the end, while the output fails and without a camera."""

    takes = "events"

    def __init__(self, line: Line, label: str, hold_s: float, context: Context) -> None:
        self._line, self._label, self._hold_s = line, label, hold_s
        self._monotonic = context.clock.monotonic
        self._present = False
        self._off_at: float | None = None
        self._is_on = False

    @property
    def idle_s(self) -> float:  # type: ignore[override]  # read only
        """Seconds until the line is switched off, or a second."""
        return 1.0 if self._off_at is None else min(1.0, max(0.005, self._off_at - self._monotonic()))

    def start(self) -> None:
        """Request the line. Raises CannotWrite."""
        self.close()
        self._is_on = self._wanted()
        self._line.open(self._is_on)

    def deliver(self, item: Item) -> None:
        """Follow an event. Raises CannotWrite."""
        event = item.event
        if event is not None and event.track is not None:
            event = None  # the label is present as long as any object of it is
        if event is not None and event.kind == "camera_lost":
            self._present, self._off_at = False, None
        elif event is not None and event.kind != "left" and event.label is not None and event.label.name == self._label:
            self._present, self._off_at = True, None
        elif event is not None and self._label in (_name(event.before), _name(event.label)):
            self._left()
        self.idle()

    def idle(self) -> None:
        """Bring the line to what it should be. Raises CannotWrite."""
        wanted = self._wanted()
        if wanted == self._is_on:
            return
        try:
            self._line.set(wanted)
            self._is_on = wanted
        except CannotWrite:
            self._close_quietly()
            raise

    def close(self) -> None:
        """Switch the line off and free it."""
        self._close_quietly()

    def _left(self) -> None:
        if self._present:
            self._present, self._off_at = False, self._monotonic() + self._hold_s

    def _wanted(self) -> bool:
        if self._off_at is not None and self._monotonic() >= self._off_at:
            self._off_at = None
        return self._present or self._off_at is not None

    def _close_quietly(self) -> None:
        with suppress(OSError, CannotWrite):
            self._line.close()


def _name(label: Label | None) -> str | None:
    return None if label is None else label.name


def _open(config: OutputConfig, context: Context) -> Gpio:
    target, chosen = parse(config.target), config.settings
    made = FakeLine if target.fake else KernelLine
    return Gpio(made(target, chosen.active_low), target.label, chosen.hold, context)


def _check(config: OutputConfig) -> OutputConfig:
    parse(config.target)
    return config


def _needs(config: OutputConfig) -> Needs:
    target = parse(config.target)
    return Needs() if target.fake else Needs(devices=(str(target.device),), groups=("gpio",))


KIND = Kind(
    _open,
    settings=GpioSettings,
    check=_check,
    needs=_needs,
    probe=lambda config: describe(parse(config.target)),
    libraries={"gpiod": "gpio"},
)
