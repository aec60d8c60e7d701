"""First boot: apply the SD card's settings and set up the installation of the bundle at the second boot.

It is short, since nothing else runs meanwhile. The unit is installed first: after a power cut, the next boot applies
the same settings again.
"""

from __future__ import annotations

from pathlib import Path

from ..base.status import Status
from ..system import apply, userconf_dialog
from . import setup_unit
from .boot_partition import Device, read_device, take_keys
from .firstrun_script import FIRSTRUN as FIRSTRUN
from .firstrun_script import TOKENS
from .setup_state import SetupState

KERNEL_LINE = Path("/proc/cmdline")


def started_by_card(kernel_line: Path = KERNEL_LINE) -> bool:
    """Return whether this machine was booted with the kernel arguments of a prepared SD card."""
    return TOKENS[0] in kernel_line.read_text(encoding="utf-8", errors="replace").split()


def first_boot(card: Path, root: Path, status: Status) -> None:
    """Run the first boot; ``card``: the edgevision folder of the boot partition. Raises Refused, OSError."""
    status.step("firstboot", "reading the settings on the SD card")
    device = read_device(card)
    take_keys(card, device, root)
    setup_unit.place(card, root)
    make_settings(device, root, status)
    status.step("room", "settings applied; the next boot installs the bundle", device.release)


def make_settings(device: Device, root: Path, status: Status) -> None:
    """Apply the settings that the OS does not apply itself; failures are saved for the next boot. Raises OSError."""
    userconf_dialog.cancel(root)
    problems = []
    if device.system is not None:
        status.step("system", "applying the settings on the SD card", device.release)
        problems = apply(device.system, root)
    for problem in problems:
        status.note(f"not set: {problem}")
    SetupState.load(root).settings_made(problems).save(root)
