"""A CSI camera as libcamera lists it."""

from __future__ import annotations

from dataclasses import dataclass

PICAMERA_HINT = (
    "CSI cameras need python3-picamera2 (sudo apt install python3-picamera2, in a virtual environment created with "
    "--system-site-packages) or rpicam-vid (sudo apt install rpicam-apps-lite)"
)
NOT_DETECTED = (
    "no CSI camera detected: check the ribbon cable, and that /boot/firmware/config.txt has camera_auto_detect=1"
)


@dataclass(frozen=True, slots=True)
class LibcameraCamera:
    """A camera known to libcamera."""

    number: int
    """Index in picamera2 or rpicam-vid."""
    name: str
    """Sensor name, such as imx219."""
    identity: str
    """Permanent libcamera ID."""
    through: str
    """picamera or rpicam: the back end that opens it, and the prefix of its spec."""
    modes: tuple[str, ...] = ()
    """Sensor modes for display, such as ``640x480 at 206.65 frames/s``."""
    size: tuple[int, int] | None = None
    """Full sensor size in pixels."""

    @property
    def spec(self) -> str:
        """The camera spec that a user types."""
        return f"{self.through}:{self.number}"
