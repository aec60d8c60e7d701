"""What a system finds on its boot partition at its first start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..config.records import DeviceConfig


@dataclass(frozen=True, slots=True)
class Seed:
    """What makes a system set itself up at its first start."""

    cmdline: str
    """The one line of cmdline.txt, with our first start in it and no newline at its end."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Path on the boot partition -> content; it replaces what is there."""
    device: Mapping[str, Any] = field(default_factory=dict)
    """What our own first start does itself, because the system has no file for it (device.json)."""


class Backend(Protocol):
    """One system's way of being set up."""

    name: str

    def seed(self, config: DeviceConfig, cmdline: str, instance: str) -> Seed:
        """``cmdline``: all of the image's cmdline.txt; ``instance``: ``edgevision-`` and what no other card has.

        Raises BadInput.
        """
