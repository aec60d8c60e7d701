"""Raspberry Pi OS Bookworm: it has no file for what a device is to be, so our first start does all of it."""

from __future__ import annotations

from ..config.records import DeviceConfig
from . import cmdline as kernel_line
from . import device_json
from .protocol import Seed


class Bookworm:
    """Its own first start (``init=`` on the kernel's line) grows the card and reboots; ours comes after that.

    RPi-Distro/raspberrypi-sys-mods, branch bookworm: usr/lib/raspberrypi-sys-mods/firstboot.
    """

    name = "bookworm"

    def seed(self, config: DeviceConfig, cmdline: str, instance: str) -> Seed:
        """See ``Backend.seed``; ``instance`` is not needed."""
        return Seed(kernel_line.arm(cmdline, config.country), device=device_json.system(config))
