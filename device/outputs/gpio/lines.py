"""Lines of GPIO chips: one of the kernel, and a fake one."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from edgevision.errors import CannotWrite
from edgevision.log import Log

if TYPE_CHECKING:
    from .target import Target

log = Log("edgevision.outputs")
CONSUMER = "edgevision"
"""Name of the program as ``gpioinfo`` shows it."""


class Line(Protocol):
    """A line that is an output while it is open."""

    def open(self, on: bool) -> None:
        """Make the line an output. Raises CannotWrite."""
        ...

    def set(self, on: bool) -> None:
        """Switch the line. Raises CannotWrite."""
        ...

    def close(self) -> None:
        """Switch the line off and free it. Safe to call twice."""
        ...


class KernelLine(Line):
    """A line of the kernel's GPIO character device, by libgpiod."""

    def __init__(self, target: Target, active_low: bool) -> None:
        self._target, self._active_low = target, active_low
        self._request: Any = None

    def open(self, on: bool) -> None:
        """Request the line from the kernel. Raises CannotWrite, as for a line that another program holds."""
        import gpiod
        from gpiod.line import Direction

        settings = gpiod.LineSettings(direction=Direction.OUTPUT, active_low=self._active_low, output_value=_value(on))
        try:
            self._request = gpiod.request_lines(
                str(self._target.device), consumer=CONSUMER, config={self._target.line: settings}
            )
        except (OSError, ValueError) as error:
            raise CannotWrite(_reason(self._target, error)) from None

    def set(self, on: bool) -> None:
        """Switch the line. Raises CannotWrite."""
        try:
            self._request.set_value(self._target.line, _value(on))
        except (OSError, ValueError) as error:
            raise CannotWrite(_reason(self._target, error)) from None

    def close(self) -> None:
        """Switch the line off and give it back to the kernel, which may leave it at that level."""
        request, self._request = self._request, None
        if request is None:
            return
        try:
            request.set_value(self._target.line, _value(False))
        finally:
            request.release()


class FakeLine(Line):
    """Stands in for a line on a machine without GPIO: writes to the log what it would do."""

    def __init__(self, target: Target, active_low: bool) -> None:
        self._name = f"fake GPIO line {target.line}"
        self._active_low = active_low
        self._open = False

    def open(self, on: bool) -> None:
        """Log the request."""
        self._open = True
        log.info("%s: requested, %s", self._name, self._level(on))

    def set(self, on: bool) -> None:
        """Log the new level."""
        log.info("%s: %s", self._name, self._level(on))

    def close(self) -> None:
        """Log the release."""
        if self._open:
            self._open = False
            log.info("%s: %s, released", self._name, self._level(False))

    def _level(self, on: bool) -> str:
        return f"{'on' if on else 'off'} ({'high' if on != self._active_low else 'low'})"


def describe(target: Target) -> str:
    """Return that a line exists and is free. Raises CannotWrite."""
    if target.fake:
        return "a fake line, which only writes to the log"
    import gpiod

    try:
        with gpiod.Chip(str(target.device)) as chip:
            info = chip.get_line_info(target.line)
            label = chip.get_info().label
    except (OSError, ValueError) as error:
        raise CannotWrite(_reason(target, error)) from None
    if info.used:
        raise CannotWrite(f"{target} is used by {info.consumer or 'the kernel'}; choose another line")
    return f"line {info.offset} ({info.name or 'unnamed'}) of {label} is free"


def _value(on: bool) -> Any:
    from gpiod.line import Value

    return Value.ACTIVE if on else Value.INACTIVE


def _reason(target: Target, error: Exception) -> str:
    code = error.errno if isinstance(error, OSError) else None
    if code == errno.EBUSY:
        return f"{target} is used by another program; run gpioinfo to see which"
    if code == errno.EACCES or code == errno.EPERM:
        return f"no permission for {target.device}; add the user to the group gpio"
    named = code == errno.ENOENT and target.device.exists()  # libgpiod's error for a name that no line has
    if code in (errno.ENOENT, errno.ENODEV) and not named:
        chips = sorted(path.name for path in Path("/dev").glob("gpiochip*"))
        return f"no GPIO chip {target.device}; this machine has {', '.join(chips) or 'none'}"
    if named or isinstance(error, ValueError) or code == errno.EINVAL:
        return f"{target.device} has no line {target.line}; run gpioinfo to see its lines"
    return f"cannot use {target}: {error}"
