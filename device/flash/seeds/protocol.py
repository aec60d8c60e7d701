"""Protocol of the back ends that write the first-boot configuration of an OS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..config.records import DeviceConfig


@dataclass(frozen=True, slots=True)
class Seed:
    """First-boot configuration of an OS."""

    cmdline: str
    """Line of cmdline.txt with the arguments of our first boot, without a newline."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Path on the boot partition -> content; existing files are replaced."""
    device: Mapping[str, Any] = field(default_factory=dict)
    """Settings for device.json, which our first boot applies because the OS has no file for them."""


class Backend(Protocol):
    """First-boot configuration of one OS."""

    name: str

    def seed(self, config: DeviceConfig, cmdline: str, instance: str) -> Seed:
        """Return the first-boot configuration.

        ``cmdline``: content of the image's cmdline.txt; ``instance``: unique name that starts with ``edgevision-``.
        Raises BadInput.
        """
