"""Raspberry Pi OS Bookworm: it has no configuration file for device settings, so the installer applies all of them."""

from __future__ import annotations

from ..config.records import DeviceConfig
from . import cmdline as kernel_line
from . import device_json
from .protocol import Seed


class Bookworm:
    """The OS's own first boot (kernel argument ``init=``) grows the root partition and reboots; ours follows.

    RPi-Distro/raspberrypi-sys-mods, branch bookworm: usr/lib/raspberrypi-sys-mods/firstboot.
    """

    name = "bookworm"

    def seed(self, config: DeviceConfig, cmdline: str, instance: str) -> Seed:
        """See ``Backend.seed``; ``instance`` is not used."""
        return Seed(kernel_line.arm(cmdline, config.country), device=device_json.system(config))
