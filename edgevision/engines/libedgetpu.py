"""The shared library of the Edge TPU and its device option."""

from __future__ import annotations

import os

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
