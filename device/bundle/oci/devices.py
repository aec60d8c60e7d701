"""Device files that a container needs for the camera of a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def camera_devices(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the device files of the camera; none for a stream, a file or drawn images.

    A camera given by its number may be any of them on the host: /dev/video0 is the first guess, to be corrected there.
    """
    camera = str(options.get("camera") or ("" if options.get("source") else "0"))
    if camera.isdecimal():
        return (f"/dev/video{camera}",)
    return (camera,) if camera.startswith("/dev/") else ()
