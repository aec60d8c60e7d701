"""Encodes frames for viewers: only while somebody watches, and once for all viewers."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2

from edgevision.postprocessing.scaling import scaled
from edgevision.preprocessing.decode import encode_jpeg

from ..system.clock import SYSTEM, Clock
from .live import Shot

if TYPE_CHECKING:
    from edgevision.types import Frame, Prediction

    from ..outputs.shared_frame import SharedFrame

WIDTHS = (160, 320, 480, 640, 960, 1280, 1920)
"""Widths of the streams: few, so that viewers share encodings."""
MAX_RATE = 15.0
"""Encodings per second of one kind."""
QUALITY = 80


class Encoder:
    """Used on the server's thread; encodes in ``pool``."""

    def __init__(self, pool: Executor, clock: Clock = SYSTEM) -> None:
        self.encoded = 0
        """Number of encodings so far."""
        self._pool, self._clock = pool, clock
        self._newest: dict[tuple[bool, int], tuple[float, int, asyncio.Future[bytes]]] = {}

    async def jpeg(self, shot: Shot, annotated: bool, width: int) -> tuple[int, bytes]:
        """Return the number and the JPEG of this frame, or of a slightly older one that was just encoded."""
        key = (annotated, width)
        made = self._newest.get(key)
        now = self._clock.monotonic()
        if made is None or (made[1] != shot.number and now - made[0] >= 1 / MAX_RATE) or _failed(made[2]):
            self.encoded += 1
            future = asyncio.get_running_loop().run_in_executor(self._pool, encode, shot.shared, annotated, width)
            made = self._newest[key] = (now, shot.number, future)
        return made[1], await asyncio.shield(made[2])


def encode(shared: SharedFrame, annotated: bool, width: int) -> bytes:
    """Return the JPEG of a frame no wider than ``width`` (pixels)."""
    frame, prediction = shared.frame, shared.prediction
    if frame.width > width:
        frame, prediction = _smaller(frame, prediction, width)
    if annotated:
        from edgevision.postprocessing.annotate import annotate

        frame = annotate(frame, prediction)
    return encode_jpeg(frame, QUALITY)


def width_step(width: int) -> int:
    """Return the width of a stream for a requested one."""
    return next((step for step in WIDTHS if step >= width), WIDTHS[-1])


def _smaller(frame: Frame, prediction: Prediction, width: int) -> tuple[Frame, Prediction]:
    factor = width / frame.width
    size = (width, max(1, round(frame.height * factor)))
    pixels = cv2.resize(frame.pixels, size, interpolation=cv2.INTER_AREA)  # noqa: TID251 -- for viewers, not a model
    return replace(frame, pixels=pixels), scaled(prediction, factor, factor)


def _failed(future: asyncio.Future[bytes]) -> bool:
    return future.done() and (future.cancelled() or future.exception() is not None)


def thumbnail(frame: Frame, width: int) -> bytes:
    """Return an image as JPEG no wider than ``width`` (pixels)."""
    if frame.width > width:
        size = (width, max(1, round(frame.height * width / frame.width)))
        frame = replace(frame, pixels=cv2.resize(frame.pixels, size, interpolation=cv2.INTER_AREA))  # noqa: TID251
    return encode_jpeg(frame, QUALITY)
