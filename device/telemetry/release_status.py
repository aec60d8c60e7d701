"""What is known of the release that runs: for the status, the summary, the outputs and the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Stage = Literal["confirmed", "provisional", "reverted", "stopped"]


@dataclass(frozen=True, slots=True)
class ReleaseStatus:
    """The current release of a device that was installed from a bundle."""

    name: str
    state: Stage
    """provisional: on trial; reverted: an update was taken back, and this release runs again; stopped: no release works."""
    since: str | None
    """Time at which it was switched to, RFC 3339 in UTC; None: unknown."""
    previous: str | None
    """Release before, which the device can go back to; None: none."""
    failed: str | None
    """Release that was taken back last, while ``reverted`` or ``stopped``; None: none."""
    reason: str
    """Why it was taken back, one line; empty otherwise."""

    def describe(self) -> str:
        """Return one line for display."""
        since = "" if self.since is None else f" since {self.since}"
        back = "" if self.failed is None else f"; {self.failed} was taken back: {self.reason}"
        return f"release: {self.name}, {self.state}{since}{back}"
