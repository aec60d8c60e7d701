"""Progress of the installation on a board, read from its SD card."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from .host import say
from .pi_board import Pi


@dataclass(slots=True)
class Watch:
    """The steps of an installation as they are seen."""

    pi: Pi
    began: float = field(default_factory=time.monotonic)
    steps: list[str] = field(default_factory=list)
    """Step and state, such as "unpack running", in order."""

    def look(self) -> tuple[str, str]:
        """Return the current step and state, printing each once; empty while the status is being written."""
        now = self.pi.status()
        step, state = now.get("step", ""), now.get("state", "")
        if step and (not self.steps or self.steps[-1] != f"{step} {state}"):
            self.steps.append(f"{step} {state}")
            self.tell(f"{step}: {now.get('message')}")
        return step, state

    def until(self, *wanted: str) -> None:
        """Wait until one of these steps is running or the installation has ended, rebooting on request."""

        def seen() -> bool:
            step, state = self.look()
            return state in ("ok", "failed") or (state == "running" and step in wanted)

        self.pi.wait_for(f"one of the steps {wanted}" if wanted else "the end of the installation", seen)

    def tell(self, text: str) -> None:
        """Print a line with the elapsed time."""
        say(f"{time.monotonic() - self.began:4.0f} s, boot {len(self.pi.starts)}: {text}")
