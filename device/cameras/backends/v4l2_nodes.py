"""Finds which /dev/video* nodes are cameras by querying the kernel, without opening a stream."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SYSFS = Path("/sys/class/video4linux")
_QUERYCAP = 0x80685600
"""VIDIOC_QUERYCAP of linux/videodev2.h: _IOR('V', 0, 104 bytes)."""
_CAPABILITY = struct.Struct("16s32s32sIII12x")
"""struct v4l2_capability: driver, card, bus_info, version, capabilities, device_caps."""
_CAPTURE = 0x0000_0001
"""V4L2_CAP_VIDEO_CAPTURE: single-planar, as on every USB camera."""
_CAPTURE_MPLANE = 0x0000_1000
"""V4L2_CAP_VIDEO_CAPTURE_MPLANE."""
_MEM2MEM = 0x0000_8000 | 0x0000_4000
"""V4L2_CAP_VIDEO_M2M, V4L2_CAP_VIDEO_M2M_MPLANE: a codec, not a camera."""
RAW_DRIVERS = {
    # driver: what its capture nodes deliver; on a Raspberry Pi the images come from libcamera instead
    "unicam": "raw data of a CSI camera",
    "rp1-cfe": "raw data of a CSI camera",
    "bcm2835-isp": "input of the image processor",
    "pispbe": "input of the image processor",
}
SENSOR_DRIVERS = frozenset({"unicam", "rp1-cfe"})
"""The drivers that exist only while a CSI camera is connected."""
_DEVICE_CAPS = 0x8000_0000
"""Set if device_caps describes this node rather than the whole device."""


@dataclass(frozen=True, slots=True)
class Node:
    """A /dev/videoN node."""

    path: Path
    name: str
    """Name given by the driver."""
    bus: str
    """Bus location."""
    refusal: str | None
    """Why it is not a camera; None: it may be one."""
    driver: str = ""
    identity: str = ""
    """Path that still means this camera after replugging: in /dev/v4l/by-id, else by-path."""

    @property
    def spec(self) -> str:
        """Spec that opens this camera wherever it is plugged in."""
        folder, _, name = self.identity.rpartition("/")
        return f"usb:{name}" if folder.endswith("by-id") else self.identity or str(self.path)


def nodes(sysfs: Path = SYSFS, dev: Path = Path("/dev"), query: Callable[[Path], bytes] | None = None) -> list[Node]:
    """List all video nodes of this machine by number."""
    found = [entry for entry in sysfs.glob("video*") if entry.name[5:].isdecimal()] if sysfs.is_dir() else []
    found.sort(key=lambda entry: int(entry.name[5:]))
    names = _identities(dev)
    return [_node(entry, dev / entry.name, query or _query, names) for entry in found]


def _identities(dev: Path) -> dict[str, str]:
    """Map /dev/videoN to its permanent link; by-id before by-path."""
    links = [link for kind in ("by-path", "by-id") for link in sorted((dev / "v4l" / kind).glob("*"))]
    return {str(link.resolve()): str(link) for link in links}


def _node(entry: Path, path: Path, query: Callable[[Path], bytes], identities: dict[str, str]) -> Node:
    name = _read(entry / "name") or path.name
    try:
        driver, card, bus, _version, whole, own = _CAPABILITY.unpack(query(path))
    except PermissionError:
        return Node(path, name, "", "no permission; run sudo usermod -aG video $USER, then log in again")
    except OSError as error:
        return Node(path, name, "", (error.strerror or str(error)).lower())
    caps = own if whole & _DEVICE_CAPS else whole
    identity = identities.get(str(path.resolve()), "")
    return Node(path, _text(card) or name, _text(bus), _refusal(caps, _text(driver)), _text(driver), identity)


def _refusal(caps: int, driver: str) -> str | None:
    if driver in RAW_DRIVERS:
        return f"{RAW_DRIVERS[driver]}, not images"
    if caps & _MEM2MEM:
        return "a codec, not a camera"
    if caps & _CAPTURE_MPLANE and not caps & _CAPTURE:
        return "raw data in several planes, not images"
    if not caps & _CAPTURE:
        return "does not capture images"
    return None


def _query(path: Path) -> bytes:
    """Return the driver's capability structure of a node. Raises OSError."""
    handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        answer = bytearray(_CAPABILITY.size)
        fcntl.ioctl(handle, _QUERYCAP, answer)
        return bytes(answer)
    finally:
        os.close(handle)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", errors="replace").strip()
