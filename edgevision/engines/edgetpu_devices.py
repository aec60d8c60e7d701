"""Which Edge TPUs are plugged in, by what the kernel says in /sys and /dev; nothing is opened."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

USB_IDS = {
    "1a6e:089a": "Global Unichip: as it is plugged in, before its first use",
    "18d1:9302": "Google: once the runtime has loaded its firmware",
}
"""The one USB accelerator shows up under two names."""
PCI_ID = ("0x1ac1", "0x089a")
"""Vendor and device of the M.2, Mini PCIe and built-in ones."""
Bus = Literal["usb", "pci"]


@dataclass(frozen=True, slots=True)
class EdgeTpu:
    """One that is plugged in."""

    bus: Bus
    name: str
    """For people: the USB id, or the node of the PCIe driver."""
    node: Path | None
    """What must be readable and writable to use it; None: a PCIe one whose driver is not loaded."""
    usable: bool
    """Whether this user may open it."""
    mbit: int | None = None
    """How fast its USB port talks to it: 480 is USB 2, 5000 USB 3."""


def plugged_in(
    root: Path = Path("/"), may_use: Callable[[Path], bool] = lambda node: os.access(node, os.R_OK | os.W_OK)
) -> tuple[EdgeTpu, ...]:
    """All of them, USB first. ``root``: where /sys and /dev are."""
    return (*_usb(root, may_use), *_pci(root, may_use))


def _usb(root: Path, may_use: Callable[[Path], bool]) -> list[EdgeTpu]:
    found = []
    for entry in _entries(root / "sys/bus/usb/devices"):
        name = f"{_read(entry / 'idVendor')}:{_read(entry / 'idProduct')}"
        bus, device = _read(entry / "busnum"), _read(entry / "devnum")
        if name in USB_IDS and bus.isdecimal() and device.isdecimal():
            node, speed = root / f"dev/bus/usb/{int(bus):03d}/{int(device):03d}", _read(entry / "speed")
            found.append(EdgeTpu("usb", name, node, may_use(node), int(speed) if speed.isdecimal() else None))
    return found


def _pci(root: Path, may_use: Callable[[Path], bool]) -> list[EdgeTpu]:
    nodes = [node for node in _entries(root / "dev") if node.name.startswith("apex_")]
    if nodes:
        return [EdgeTpu("pci", f"/dev/{node.name}", node, may_use(node)) for node in nodes]
    cards = [
        entry
        for entry in _entries(root / "sys/bus/pci/devices")
        if (_read(entry / "vendor"), _read(entry / "device")) == PCI_ID
    ]
    return [EdgeTpu("pci", f"PCIe card {card.name}", None, False) for card in cards]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
