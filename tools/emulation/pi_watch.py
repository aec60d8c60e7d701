"""Reads along how far the installation on a board's card is, from the card alone."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from .host import say
from .pi_board import Pi


@dataclass(slots=True)
class Watch:
    """What it saw, and when."""

    pi: Pi
    began: float = field(default_factory=time.monotonic)
    steps: list[str] = field(default_factory=list)
    """As in "unpack running", in order."""

    def look(self) -> tuple[str, str]:
        """Step and state now, told once each; empty where the card is just being written."""
        now = self.pi.status()
        step, state = now.get("step", ""), now.get("state", "")
        if step and (not self.steps or self.steps[-1] != f"{step} {state}"):
            self.steps.append(f"{step} {state}")
            self.tell(f"{step}: {now.get('message')}")
        return step, state

    def until(self, *wanted: str) -> None:
        """Until one of these steps is at work, or all is over; restarts on the way are made."""

        def seen() -> bool:
            step, state = self.look()
            return state in ("ok", "failed") or (state == "running" and step in wanted)

        self.pi.wait_for(f"a step of {wanted}" if wanted else "the end", seen)

    def tell(self, text: str) -> None:
        """A line with the time since the beginning."""
        say(f"{time.monotonic() - self.began:4.0f} s, start {len(self.pi.starts)}: {text}")
