"""Notifications to systemd (sd_notify(3)): ready, alive, status, stopping; in a container, health.json alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..system.clock import SYSTEM, Clock

if TYPE_CHECKING:
    import socket

    from .health_file import HealthFile

STATUS_S = 5.0
FEEDS = 8
"""Watchdog notifications per interval at most; the motion gate runs the model four times per interval, and each counts."""


class Service:
    """Sends READY=1 after the first real prediction, and WATCHDOG=1 only after real inference."""

    def __init__(
        self, address: str | None, watchdog_s: float | None, clock: Clock = SYSTEM, health: HealthFile | None = None
    ) -> None:
        """``watchdog_s``: the watchdog timeout of systemd.

        ``address``: a path, or ``@name`` for an abstract socket; None: nobody listens.
        """
        self._address = "\0" + address[1:] if address is not None and address.startswith("@") else address
        self.watchdog_s = watchdog_s
        self._clock = clock
        self._health = health
        self._socket: socket.socket | None = None
        self._ready = False
        self._feed_at = self._status_at = float("-inf")

    @property
    def ready(self) -> bool:
        """Whether READY was sent, which the first prediction does."""
        return self._ready

    def waiting_for(self, what: str | None) -> None:
        """Say what the start waits for, such as the camera; None: it goes on."""
        if self._health is not None:
            self._health.waiting_for(what)

    def recognized(
        self, status: Callable[[], str], frames: int, health: Callable[[], dict[str, Any]] | None = None
    ) -> None:
        """Record an inference: feed the watchdog, at most FEEDS times per interval, and update the status line.

        ``frames``: frames since the start. ``health``: what else goes into health.json.
        """
        now = self._clock.monotonic()
        lines = [] if self._ready else ["READY=1"]
        self._ready = True
        if self.watchdog_s is not None and now >= self._feed_at:
            lines.append("WATCHDOG=1")
            self._feed_at = now + self.watchdog_s / FEEDS
        if now >= self._status_at:
            lines.append(f"STATUS={_one_line(status())}")
            self._status_at = now + STATUS_S
            if self._health is not None:
                self._health.running(frames, now, health() if health is not None else {})
        if lines:
            self._send("\n".join(lines))

    def say(self, status: str) -> None:
        """Show one line in ``systemctl status`` now."""
        self._send(f"STATUS={_one_line(status)}")

    def stopping(self) -> None:
        """Report that the end has begun."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        """Send one datagram; if systemd does not take it, the loop must not wait."""
        if self._address is None:
            return
        import socket

        with suppress(OSError):
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
                self._socket.setblocking(False)
            self._socket.sendto(text.encode(), self._address)


def health_of(environment: Mapping[str, str]) -> HealthFile | None:
    """Return the file of this service's health; None if systemd made no folder for it."""
    if "RUNTIME_DIRECTORY" not in environment:
        return None
    from .health_file import from_environment

    return from_environment(environment)


def from_environment(environment: Mapping[str, str] = os.environ, clock: Clock = SYSTEM) -> Service | None:
    """Return the service manager that started this process; None if there is none, and no folder for health.json either."""
    address: str | None = environment.get("NOTIFY_SOCKET", "")
    if not address or not address.startswith(("/", "@")) or len(address) < 2:
        address = None
    health = health_of(environment)
    if address is None and health is None:
        return None
    ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    text = environment.get("WATCHDOG_USEC", "")
    watchdog_s = int(text) / 1e6 if ours and text.isdecimal() and int(text) > 0 else None
    return Service(address, watchdog_s, clock, health)


def _one_line(text: str) -> str:
    return " ".join(text.split())
