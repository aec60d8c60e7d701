"""Which shared library drives the Edge TPU, and how it is told which device to take."""

from __future__ import annotations

import os

LIBRARY = "libedgetpu.so.1"
LIBRARY_VARIABLE = "EDGEVISION_EDGETPU_LIBRARY"
"""Names another library, by path or by what the loader finds."""


def library() -> str:
    """What is loaded: libedgetpu, unless the environment names another."""
    return os.environ.get(LIBRARY_VARIABLE) or LIBRARY


def options(device: str) -> dict[str, str]:
    """A device in libedgetpu's words: ``:0`` is the first of either kind, ``usb:0`` the first on USB."""
    if not device:
        return {}
    return {"device": f":{device}" if device.isdecimal() else device}
