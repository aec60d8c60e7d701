"""Start the service and wait for the first prediction of the loop, which is in the journal."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from ..base.loop import UNNAMED, Loop
from .service_state import Ask, ask_system, journal, last_words

READY_S = 300
"""Timeout in seconds for READY=1, across any restarts by systemd; a camera may appear late."""
ANSWER_S = 20
"""Timeout in seconds for the journal entry, which is written after systemd gets READY=1."""
POLL_S = 2.0
EVENT = "first_answer"
_LINE = re.compile(rf"\S+ {EVENT}: (?P<seen>.+)")


class NotRunning(Exception):
    """The service did not start in time; the next boot may succeed. The message is one line."""


class Starter:
    """Start the service and read its journal with systemctl and journalctl."""

    def __init__(
        self,
        ask: Ask | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        loop: Loop = UNNAMED,
    ) -> None:
        """Prepare the commands; ``now``: monotonic clock in seconds."""
        self._loop = loop
        self._ask = ask or ask_system
        self._now, self._sleep = now, sleep

    def start(self) -> None:
        """Start or restart the service and wait for READY=1. Raises NotRunning, Refused, OSError."""
        self._ask(("systemctl", "daemon-reload"))
        self._ask(("systemctl", "--no-block", "restart", self._loop.unit))
        end = self._now() + READY_S
        self._sleep(POLL_S)
        while (state := self._shown("ActiveState")) != "active":
            if state == "failed":  # while systemd still retries, the state is activating
                raise NotRunning(f"the service failed and will not be restarted{self._last_words()}")
            if self._now() >= end:
                raise NotRunning(f"the service is not ready after {READY_S} s{self._last_words()}")
            self._sleep(POLL_S)

    def answer(self) -> str | None:
        """Return the first prediction since the service start; None if not in the journal. Raises Refused, OSError."""
        end = self._now() + ANSWER_S
        while True:
            for line in journal(self._ask, f"_SYSTEMD_INVOCATION_ID={self._shown('InvocationID')}", loop=self._loop):
                found = _LINE.fullmatch(line)
                if found:
                    return found["seen"]
            if self._now() >= end:
                return None
            self._sleep(POLL_S)

    def _shown(self, name: str) -> str:
        return self._ask(("systemctl", "show", "--value", f"--property={name}", self._loop.unit)).strip()

    def _last_words(self) -> str:
        words = last_words(self._ask, self._loop)
        return f": {words}" if words else ""
