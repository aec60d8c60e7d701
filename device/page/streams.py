"""What viewers receive without end: the image as MJPEG, and results, events and status as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from ..sinks.jsonl import dump
from ..system.clock import SYSTEM, Clock
from .bell import Bell
from .encoder import Encoder
from .live import Live

FRAMES_PER_S = 10.0
"""Results per second and viewer."""
STATUS_S = 2.0
QUIET_S = 1.0
"""Longest wait before a viewer notices the end."""
BOUNDARY = "edgevision-frame"
MJPEG = f"multipart/x-mixed-replace; boundary={BOUNDARY}"


class Places:
    """Counts viewers, up to a limit."""

    def __init__(self, limit: int, refusal: str) -> None:
        """``refusal``: what those beyond the limit read."""
        self.limit, self.refusal = limit, refusal
        self.taken = 0

    def take(self) -> bool:
        """Take a place; return whether there was one."""
        if self.taken >= self.limit:
            return False
        self.taken += 1
        return True

    def free(self) -> None:
        """Give a place back."""
        self.taken -= 1


async def mjpeg(
    live: Live, bell: Bell, encoder: Encoder, fps: float, width: int, annotated: bool, clock: Clock = SYSTEM
) -> AsyncIterator[bytes]:
    """Yield the parts of a stream. A viewer that takes a part slowly gets the newest frame next, and skips others."""
    yield f"--{BOUNDARY}\r\n".encode()
    last = 0
    while not live.ended:
        shot = live.newest
        if shot is None or shot.number == last:
            await bell.wait(QUIET_S)
            continue
        began = clock.monotonic()
        number, data = await encoder.jpeg(shot, annotated, width)
        if number != last:
            head = f"Content-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            yield head.encode() + data + f"\r\n--{BOUNDARY}\r\n".encode()
        last = number
        await asyncio.sleep(max(0.005, 1 / fps - (clock.monotonic() - began)))


async def server_sent_events(
    live: Live, bell: Bell, status: Callable[[], Any], last_event: int, clock: Clock = SYSTEM
) -> AsyncIterator[bytes]:
    """Yield the messages ``frame``, ``event`` and ``status``; ``last_event``: number of the last event already known."""
    yield b"retry: 2000\n\n"
    last_frame, frame_due, status_due = 0, 0.0, 0.0
    while not live.ended:
        now = clock.monotonic()
        for event in live.events_after(last_event):
            last_event = event.id
            yield message("event", event.record, event.id)
        if now >= status_due:
            status_due = now + STATUS_S
            yield message("status", await status())
        shot = live.newest
        if shot is not None and shot.number != last_frame and now >= frame_due:
            frame_due, last_frame = now + 1 / FRAMES_PER_S, shot.number
            yield message("frame", shot.shared.record())
        if now < frame_due:
            await asyncio.sleep(frame_due - now)
        elif live.last_event <= last_event:
            await bell.wait(min(QUIET_S, status_due - now))
    yield message("end", {})


def message(name: str, value: Any, number: int | None = None) -> bytes:
    """Return one message; its JSON has no line breaks."""
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {name}\ndata: {dump(value)}\n\n".encode()
