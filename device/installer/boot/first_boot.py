"""The first start: takes the card's settings over and arranges that the second one installs what the card brings.

Quick, since the machine can do nothing else meanwhile. The unit comes first: from then on a power cut is mended by the
next start, which makes the same settings again.
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
    """Whether the words of a prepared card started this machine."""
    return TOKENS[0] in kernel_line.read_text(encoding="utf-8", errors="replace").split()


def first_boot(card: Path, root: Path, status: Status) -> None:
    """``card``: the folder edgevision of the boot partition. Raises Refused, OSError."""
    status.step("firstboot", "taking over what the card brings")
    device = read_device(card)
    take_keys(card, device, root)
    setup_unit.place(card, root)
    make_settings(device, root, status)
    status.step("room", "the card's settings are made; the next start installs the bundle", device.release)


def make_settings(device: Device, root: Path, status: Status) -> None:
    """All settings that the system has no file for; what failed is remembered for the next start. Raises OSError."""
    userconf_dialog.cancel(root)
    problems = []
    if device.system is not None:
        status.step("system", "making the card's settings", device.release)
        problems = apply(device.system, root)
    for problem in problems:
        status.note(f"not set: {problem}")
    SetupState.load(root).settings_made(problems).save(root)
