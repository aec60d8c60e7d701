"""Ask libedgetpu for its version and devices, in a separate process: python -m ... LIBRARY"""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Any

BUSES = {0: "pci", 1: "usb"}
"""Values of edgetpu_device_type in the C API (edgetpu_c.h)."""


class _Device(ctypes.Structure):
    """struct edgetpu_device of the C API."""

    _fields_ = (("type", ctypes.c_int), ("path", ctypes.c_char_p))


def listing(name: str) -> dict[str, Any]:
    """Return ``version``, empty if unknown, and ``devices``, the bus of each. Raises OSError."""
    return {"version": version(name), "devices": devices(name)}


def version(name: str) -> str:
    """Return the library's version, empty if it has none. Raises OSError if it cannot be loaded."""
    library = ctypes.CDLL(name)
    try:
        library.edgetpu_version.restype = ctypes.c_char_p
    except AttributeError:
        return ""
    return (library.edgetpu_version() or b"").decode("utf-8", "replace")


def devices(name: str) -> list[str]:
    """Return the bus of each device that the library finds: usb, pci. Raises OSError if it cannot be loaded."""
    library = ctypes.CDLL(name)
    try:
        library.edgetpu_list_devices.restype = ctypes.POINTER(_Device)
        library.edgetpu_free_devices.argtypes = (ctypes.POINTER(_Device),)
    except AttributeError:
        return []
    count = ctypes.c_size_t()
    found = library.edgetpu_list_devices(ctypes.byref(count))
    buses = [BUSES.get(found[number].type, "other") for number in range(count.value)]
    library.edgetpu_free_devices(found)
    return buses


if __name__ == "__main__":
    print(json.dumps(listing(sys.argv[1])))
