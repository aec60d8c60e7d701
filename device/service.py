"""What systemd is told (sd_notify(3)): ready, alive, what is seen, stopping. Nothing where no systemd listens."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from .clock import SYSTEM, Clock

if TYPE_CHECKING:
    import socket

STATUS_S = 5.0
FEEDS = 8
"""The motion gate looks four times in an interval: each of those looks feeds."""


class Service:
    """READY=1 after the first real prediction; WATCHDOG=1 only after a frame was really inferred."""

    def __init__(self, address: str, watchdog_s: float | None, clock: Clock = SYSTEM) -> None:
        """``address``: a path, or ``@name`` for an abstract socket. ``watchdog_s``: silence that systemd bears."""
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_s = watchdog_s
        self._clock = clock
        self._socket: socket.socket | None = None
        self._ready = False
        self._feed_at = self._status_at = float("-inf")

    @property
    def ready(self) -> bool:
        """Whether systemd was told that the first answer is there."""
        return self._ready

    def recognised(self, status: Callable[[], str]) -> None:
        """A frame was inferred: feeds the watchdog, at most FEEDS times in its interval, and shows how it goes."""
        now = self._clock.monotonic()
        lines = [] if self._ready else ["READY=1"]
        self._ready = True
        if self.watchdog_s is not None and now >= self._feed_at:
            lines.append("WATCHDOG=1")
            self._feed_at = now + self.watchdog_s / FEEDS
        if now >= self._status_at:
            lines.append(f"STATUS={_one_line(status())}")
            self._status_at = now + STATUS_S
        if lines:
            self._send("\n".join(lines))

    def say(self, status: str) -> None:
        """Shows one line in ``systemctl status``, now."""
        self._send(f"STATUS={_one_line(status)}")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        """One datagram; a systemd that does not take it must not hold up the loop."""
        import socket

        with suppress(OSError):
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
                self._socket.setblocking(False)
            self._socket.sendto(text.encode(), self._address)


def from_environment(environment: Mapping[str, str] = os.environ, clock: Clock = SYSTEM) -> Service | None:
    """The service manager that started this process; None when nobody listens."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")) or len(address) < 2:
        return None
    ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    text = environment.get("WATCHDOG_USEC", "")
    watchdog_s = int(text) / 1e6 if ours and text.isdecimal() and int(text) > 0 else None
    return Service(address, watchdog_s, clock)


def _one_line(text: str) -> str:
    return " ".join(text.split())
