"""Checks of the Edge TPU: whether one is plugged in and may be opened, and whether its library loads."""

from __future__ import annotations

import json
import sys

from edgevision.engines.edgetpu_devices import USB_IDS, EdgeTpu, library, plugged_in
from edgevision.engines.edgetpu_diagnosis import INSTALL, permission

from ..system.host import System, how_it_ended
from .result import Check

TIMEOUT_S = 20.0
SLOW_MBIT = 480
"""Speed of USB 2 in Mbit/s, at which a model larger than the accelerator's memory runs several times slower."""
LISTING = "edgevision.engines.edgetpu_query"


def checks(system: System) -> tuple[Check, ...]:
    """Return one check for each Edge TPU plugged in and one for the library."""
    found = plugged_in(system.root, system.may_use)
    devices = tuple(
        _device(tpu, f"Edge TPU {number}" if len(found) > 1 else "Edge TPU") for number, tpu in enumerate(found)
    ) or (Check("Edge TPU", None, f"none plugged in (USB {' or '.join(USB_IDS)}, PCIe /dev/apex_*)", needed=False),)
    return (*devices, _library(system, found))


def _device(tpu: EdgeTpu, label: str) -> Check:
    where = {"usb": "on USB", "pci": "on PCIe"}[tpu.bus]
    name = f"{tpu.name} {where}" + (f": {USB_IDS[tpu.name]}" if tpu.name in USB_IDS else "")
    if tpu.node is None:
        return Check(label, False, f"{name}: its driver is not loaded", expected="/dev/apex_0", fix=permission(tpu))
    if not tpu.usable:
        return Check(label, False, f"{name}: no permission", expected="readable and writable", fix=permission(tpu))
    if tpu.mbit is not None and tpu.mbit <= SLOW_MBIT:
        slow = f"{name}; connected as USB 2 ({tpu.mbit} Mbit/s)"
        return Check(label, False, slow, expected="USB 3", fix="plug it into a USB 3 port (blue)", needed=False)
    return Check(label, True, name)


def _library(system: System, found: tuple[EdgeTpu, ...]) -> Check:
    name, usable = library(), sum(tpu.usable for tpu in found)
    answer = system.child([sys.executable, "-P", "-m", LISTING, name], TIMEOUT_S)
    try:
        said = json.loads(answer.out)
        version, seen = str(said["version"]), len(said["devices"])
    except (ValueError, KeyError, TypeError):
        return _unusable(name, how_it_ended(answer, "loading it", TIMEOUT_S), bool(found))
    loaded = f"{name} {version}".strip()
    if usable > seen:
        fix = "stop other programs that use it, then unplug it and plug it in again"
        return Check("libedgetpu", False, f"{loaded} sees {seen} of {usable}", expected="all of them", fix=fix)
    return Check("libedgetpu", True, loaded, needed=bool(found))


def _unusable(name: str, why: str, wanted: bool) -> Check:
    """Return the check of a library that is missing or does not load.

    Without an Edge TPU a missing library is fine; one that is installed and does not load still deserves a warning.
    """
    absent = "cannot open shared object file" in why and f"{name}:" in why
    found = f"{name} is not installed" if absent else f"{name}: {why}"
    if absent and not wanted:
        return Check("libedgetpu", None, "not installed", needed=False)
    return Check("libedgetpu", False, found, expected="loads", fix=INSTALL, needed=wanted)
