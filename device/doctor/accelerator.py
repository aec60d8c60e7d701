"""The Edge TPU: is one plugged in, may it be opened, is its library there and does it load."""

from __future__ import annotations

import sys

from edgevision.engines.edgetpu_devices import USB_IDS, EdgeTpu, plugged_in
from edgevision.engines.edgetpu_reasons import INSTALL, permission
from edgevision.engines.libedgetpu import library

from .check import Check
from .system import System

TIMEOUT_S = 20.0
SLOW_MBIT = 480
"""USB 2; a model that does not fit into the accelerator's memory then runs several times slower."""
_LOAD = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
try:
    library.edgetpu_version.restype = ctypes.c_char_p
    print("loaded", library.edgetpu_version().decode())
except AttributeError:
    print("loaded")
"""


def checks(system: System) -> tuple[Check, ...]:
    """One line for each that is plugged in, one for the library."""
    found = plugged_in(system.root, system.may_use)
    devices = tuple(_device(tpu) for tpu in found) or (
        Check("Edge TPU", None, f"none plugged in (USB {' or '.join(USB_IDS)}, PCIe /dev/apex_*)", needed=False),
    )
    return (*devices, _library(system, bool(found)))


def _device(tpu: EdgeTpu) -> Check:
    where = {"usb": "on USB", "pci": "on PCIe"}[tpu.bus]
    name = f"{tpu.name} {where}" + (f": {USB_IDS[tpu.name]}" if tpu.name in USB_IDS else "")
    if tpu.node is None:
        return Check(
            "Edge TPU", False, f"{name}: its driver is not loaded", expected="/dev/apex_0", fix=permission(tpu)
        )
    if not tpu.usable:
        return Check("Edge TPU", False, f"{name}: no permission", expected="readable and writable", fix=permission(tpu))
    if tpu.mbit is not None and tpu.mbit <= SLOW_MBIT:
        slow = f"{name}; connected as USB 2 ({tpu.mbit} Mbit/s)"
        return Check("Edge TPU", False, slow, expected="USB 3", fix="plug it into a blue USB 3 port", needed=False)
    return Check("Edge TPU", True, name)


def _library(system: System, wanted: bool) -> Check:
    name = library()
    answer = system.child([sys.executable, "-P", "-c", _LOAD, name], TIMEOUT_S)
    if answer.status == 0 and "loaded" in answer.out:
        return Check("libedgetpu", True, f"{name} {answer.out.partition('loaded')[2].strip()}".strip(), needed=wanted)
    last = (answer.err.strip().splitlines() or ["it crashes" if answer.status else "it hangs"])[-1]
    absent = "cannot open shared object file" in last and name in last
    return Check(
        "libedgetpu",
        False if wanted or not absent else None,
        "not installed" if absent else f"{name} cannot be loaded: {last}",
        expected="loads" if wanted else None,
        fix=INSTALL if wanted or not absent else None,
        needed=wanted,
    )
