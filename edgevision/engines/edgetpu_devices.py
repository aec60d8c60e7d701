"""List the connected Edge TPUs from /sys and /dev, without opening them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

USB_IDS = {
    "1a6e:089a": "Global Unichip: after plugging in, before first use",
    "18d1:9302": "Google: after the runtime has loaded the firmware",
}
"""The two USB ids of the USB Accelerator."""
PCI_ID = ("0x1ac1", "0x089a")
"""PCI vendor and device id of the M.2, Mini PCIe and built-in modules."""
Bus = Literal["usb", "pci"]


class EdgeTpu(NamedTuple):
    """A connected Edge TPU."""

    bus: Bus
    name: str
    """Displayed name: the USB id, or the PCIe driver's device node."""
    node: Path | None
    """Device node that must be readable and writable; None for PCIe without a loaded driver."""
    usable: bool
    """Whether this user may open it."""
    mbit: int | None = None
    """Speed of the USB connection (Mbit/s): 480 for USB 2, 5000 for USB 3."""


def plugged_in(
    root: Path = Path("/"), may_use: Callable[[Path], bool] = lambda node: os.access(node, os.R_OK | os.W_OK)
) -> tuple[EdgeTpu, ...]:
    """Return all connected Edge TPUs, USB first. ``root``: folder that contains sys and dev."""
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
    nodes = _entries(root / "dev", "apex_")
    if nodes:
        return [EdgeTpu("pci", f"/dev/{node.name}", node, may_use(node)) for node in nodes]
    cards = [
        entry
        for entry in _entries(root / "sys/bus/pci/devices")
        if (_read(entry / "vendor"), _read(entry / "device")) == PCI_ID
    ]
    return [EdgeTpu("pci", f"PCIe card {card.name}", None, False) for card in cards]


def _entries(folder: Path, prefix: str = "") -> list[Path]:
    try:
        return [folder / name for name in sorted(os.listdir(folder)) if name.startswith(prefix)]
    except OSError:
        return []


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


LIBRARY = "libedgetpu.so.1"
LIBRARY_VARIABLE = "EDGEVISION_EDGETPU_LIBRARY"
"""Environment variable that names another library, by path or by a name that the loader finds."""


def library() -> str:
    """Return the library to load: libedgetpu, unless the environment names another."""
    return os.environ.get(LIBRARY_VARIABLE) or LIBRARY


def options(device: str) -> dict[str, str]:
    """Return a device as libedgetpu's options: ``:0`` is the first on any bus, ``usb:0`` the first on USB."""
    if not device:
        return {}
    return {"device": f":{device}" if device.isdecimal() else device}
