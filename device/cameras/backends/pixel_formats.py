"""Converts uncompressed frames from cameras and pipes to pixels: byte orders, planes and row padding.

Names are libcamera's; some give the order in a little-endian word: its RGB888 is B, G, R in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgevision.errors import BadInput, nearest

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.types import Order, Pixels

PACKED: dict[str, tuple[int, Order, int | None]] = {
    # name: bytes per pixel, channel order of the result, OpenCV conversion to three bytes per pixel if needed
    "RGB888": (3, "BGR", None),
    "BGR888": (3, "RGB", None),
    "XRGB8888": (4, "BGR", cv2.COLOR_BGRA2BGR),
    "ARGB8888": (4, "BGR", cv2.COLOR_BGRA2BGR),
    "XBGR8888": (4, "RGB", cv2.COLOR_RGBA2RGB),
    "ABGR8888": (4, "RGB", cv2.COLOR_RGBA2RGB),
    "YUYV": (2, "BGR", cv2.COLOR_YUV2BGR_YUYV),
    "UYVY": (2, "BGR", cv2.COLOR_YUV2BGR_UYVY),
    "YVYU": (2, "BGR", cv2.COLOR_YUV2BGR_YVYU),
    "R8": (1, "GRAY", None),
}
THREE_PLANES = {"YUV420": cv2.COLOR_YUV2BGR_I420, "YVU420": cv2.COLOR_YUV2BGR_YV12}
TWO_PLANES = {"NV12": cv2.COLOR_YUV2BGR_NV12, "NV21": cv2.COLOR_YUV2BGR_NV21}
ALIASES = {
    # names used by FFmpeg, GStreamer and V4L2
    "rgb24": "BGR888", "rgb": "BGR888", "bgr24": "RGB888", "bgr": "RGB888", "rgba": "ABGR8888", "bgra": "ARGB8888",
    "rgb0": "XBGR8888", "bgr0": "XRGB8888", "gray": "R8", "gray8": "R8", "grey": "R8", "yuv420p": "YUV420", "i420": "YUV420",
    "yv12": "YVU420", "nv12": "NV12", "nv21": "NV21", "yuyv422": "YUYV", "yuy2": "YUYV", "yuyv": "YUYV", "uyvy422": "UYVY",
    "uyvy": "UYVY",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layout:
    """Memory layout of one frame."""

    name: str
    """Format name, such as RGB888, YUV420 or NV12."""
    width: int
    """Width in pixels."""
    height: int
    stride: int
    """Bytes from one row to the next in the first plane; chroma rows of three-plane formats take half."""

    @property
    def bytes(self) -> int:
        """Size of one frame in bytes, padding included."""
        if self.name in PACKED:
            return self.stride * self.height
        return self.stride * self.height * 3 // 2


def layout(name: str, width: int, height: int, stride: int = 0) -> Layout:
    """Return the layout of a format; ``stride`` 0 means rows without padding. Raises BadInput if unsupported."""
    known = ALIASES.get(name.lower(), name)
    if known not in PACKED and known not in THREE_PLANES and known not in TWO_PLANES:
        names = sorted({*ALIASES, *PACKED, *THREE_PLANES, *TWO_PLANES})
        raise BadInput(f"unknown raw format {name!r}{nearest(name, names)}; supported formats: {', '.join(names)}")
    if width < 1 or height < 1 or (known not in PACKED and (width % 2 or height % 2)):
        raise BadInput(
            f"invalid size {width}x{height} for raw {name} frames"
            + (": both sides must be even" if width * height else "")
        )
    least = width * (PACKED[known][0] if known in PACKED else 1)
    return Layout(known, width, height, max(stride, least))


def pixels(data: npt.NDArray[np.uint8], where: Layout) -> tuple[Pixels, Order]:
    """Return the image in one frame's bytes, uint8 (n,), and its channel order. Raises BadInput if bytes are missing."""
    if data.size < where.bytes:
        raise BadInput(
            f"expected {where.bytes} bytes for a {where.name} frame of {where.width}x{where.height}, got {data.size}"
        )
    if where.name in PACKED:
        return _packed(data, where)
    luma = data[: where.stride * where.height].reshape(where.height, where.stride)
    if where.name in TWO_PLANES:
        return _two_planes(data, luma, where), "BGR"
    return _three_planes(data, luma, where), "BGR"


def _packed(data: npt.NDArray[np.uint8], where: Layout) -> tuple[Pixels, Order]:
    depth, order, code = PACKED[where.name]
    rows = data[: where.stride * where.height].reshape(where.height, where.stride)[:, : where.width * depth]
    if depth == 1:
        return rows, order
    picture = rows.reshape(where.height, where.width, depth)
    return (picture if code is None else cv2.cvtColor(picture, code)), order


def _two_planes(data: npt.NDArray[np.uint8], luma: Pixels, where: Layout) -> Pixels:
    start, rows = where.stride * where.height, where.height // 2
    chroma = data[start : start + where.stride * rows].reshape(rows, where.stride)[:, : where.width]
    pairs = np.ascontiguousarray(chroma).reshape(rows, where.width // 2, 2)
    picture: Pixels = cv2.cvtColorTwoPlane(np.ascontiguousarray(luma[:, : where.width]), pairs, TWO_PLANES[where.name])
    return picture


def _three_planes(data: npt.NDArray[np.uint8], luma: Pixels, where: Layout) -> Pixels:
    width, height, code = where.width, where.height, THREE_PLANES[where.name]
    tight = data[: where.bytes]
    if where.stride != width:
        start, half = where.stride * height, where.stride // 2
        chroma = data[start : start + half * height].reshape(height, half)[:, : width // 2]
        tight = np.concatenate([luma[:, :width].reshape(-1), chroma.reshape(-1)])
    picture: Pixels = cv2.cvtColor(tight.reshape(height * 3 // 2, width), code)
    return picture
