"""Explain why an Edge TPU could not be used and what to do, from the failed trial and the connected devices."""

from __future__ import annotations

import re

from .edgetpu_devices import LIBRARY, USB_IDS, EdgeTpu, library, plugged_in
from .edgetpu_failure import Failure

INSTALL = "sudo apt install libedgetpu1-std (package source: coral.ai/docs/accelerator/get-started)"
REPLUG = "unplug it and plug it in again, into a USB 3 port that supplies 900 mA"
PLUGDEV = (
    "sudo usermod -aG plugdev $USER, then log in again and plug it in again (libedgetpu1-std installs the udev rule)"
)
APEX = (
    "sudo groupadd -f apex; sudo usermod -aG apex $USER; "
    """echo 'SUBSYSTEM=="apex", MODE="0660", GROUP="apex"' | sudo tee /etc/udev/rules.d/65-apex.rules; then restart"""
)
DRIVER = "sudo apt install gasket-dkms (package source: coral.ai/docs/m2/get-started), then restart"
BUILD = "install a libedgetpu built for that version (source: github.com/google-coral/libedgetpu)"


def explain(failure: Failure, device: str, found: tuple[EdgeTpu, ...] | None = None) -> str:
    """Return one line: what went wrong and what to do. ``found``: the connected devices; None to look them up."""
    if failure.stage == "library":
        return _library(failure.message)
    if failure.stage == "device":
        return _device(failure.message, device, plugged_in() if found is None else found)
    if failure.stage == "hang":
        return f"the Edge TPU gave {failure.message}; {REPLUG}, and close other programs that use it"
    if failure.stage == "crash":
        return f"the Edge TPU's driver crashed ({failure.message}); {_pair(failure)}"
    if failure.stage == "start":
        return f"the trial of the Edge TPU could not start: {failure.message}"
    if "Unsupported data type in custom op handler" in failure.message or "unresolved custom op" in failure.message:
        return f"libedgetpu and the TFLite runtime are incompatible: {failure.message}; {_pair(failure)}"
    if "requires runtime version" in failure.message:
        return (
            f"the model was compiled for a newer libedgetpu: {failure.message}; "
            "update libedgetpu, or compile the model with -m"
        )
    what = "run on" if failure.stage == "run" else "load onto"
    return f"the model does not {what} the Edge TPU: {failure.message}; {REPLUG}"


def permission(tpu: EdgeTpu) -> str:
    """Return what to do so that this user may open a connected Edge TPU."""
    if tpu.node is None:
        return DRIVER
    return PLUGDEV if tpu.bus == "usb" else APEX


def _library(message: str) -> str:
    missing = re.match(r"(?:.*?: )?(\S+): cannot open shared object file", message)
    if missing and missing[1] == LIBRARY == library():
        return f"{LIBRARY} is not installed; {INSTALL}"
    if missing and missing[1].startswith("libusb"):
        return f"{library()} needs {missing[1]}, which is not installed; sudo apt install libusb-1.0-0"
    if "ELFCLASS" in message or "wrong ELF" in message:
        return f"{library()} was built for a different processor architecture than this Python: {message}; {INSTALL}"
    if "GLIBC" in message:
        return f"{library()} was built for a newer system: {message}; install the version for this release"
    return f"{library()} cannot be loaded: {message}"


def _device(message: str, device: str, found: tuple[EdgeTpu, ...]) -> str:
    bus, _, number = device.rpartition(":") if device[-1:].isdecimal() else (device, "", "")
    fitting = [tpu for tpu in found if bus in ("", tpu.bus)]
    if not fitting:
        kind = {"usb": "USB ", "pci": "PCIe "}.get(bus, "")
        looked = f"looked for the USB ids {' and '.join(USB_IDS)} and for /dev/apex_*"
        return f"no {kind}Edge TPU found ({looked}); libedgetpu reports: {message}"
    if number and int(number) >= len(fitting):
        there = ", ".join(tpu.name for tpu in fitting)
        return f"Edge TPU {number} not found: counted from 0, there are {len(fitting)} ({there})"
    tpu = fitting[int(number) if number else 0]
    if tpu.node is None:
        return f"{tpu.name} has no driver; {DRIVER}"
    if not tpu.usable:
        return f"no permission to use the Edge TPU {tpu.name} at {tpu.node}; {permission(tpu)}"
    return f"the Edge TPU {tpu.name} cannot be opened: {message}; close other programs that use it, or {REPLUG}"


def _pair(failure: Failure) -> str:
    """Return the advice to install a libedgetpu that fits the runtime."""
    ours = failure.runtime or "the TFLite runtime"
    theirs = f"{library()} ({failure.library})" if failure.library else library()
    return f"{theirs} must be built for {ours}: {BUILD}"
