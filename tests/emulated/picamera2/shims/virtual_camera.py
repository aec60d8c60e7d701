"""Lets the real picamera2 run on libcamera's virtual camera, which lacks what every Pi has: raw modes, DMA
memory, the status of a frame, a pace.

Importing this module puts that right; ``python -m virtual_camera MODULE ARGUMENTS...`` then runs a command as ``python -m``.
"""

from __future__ import annotations

import mmap
import os
import runpy
import sys
import time
from typing import Any

import libcamera
import picamera2.picamera2
from picamera2.allocators.allocator import Allocator, Sync

FRAME_S = 1 / 60


class MappedSync(Sync):
    """Ordinary memory needs no cache flushed: hands out the mapping."""

    def __init__(self, allocator: MemoryAllocator, buffer: Any, write: bool) -> None:
        self._map = allocator.mapped_buffers[buffer]

    def __enter__(self) -> mmap.mmap:
        return self._map

    def __exit__(self, *_: object) -> None:
        return None


class MemoryAllocator(Allocator):
    """Buffers in anonymous memory instead of a DMA heap; counts the requests that are out."""

    out = 0
    """Requests acquired and not released, in all cameras of the process."""
    taken = 0
    """Requests acquired so far."""

    def __init__(self) -> None:
        super().__init__()
        self.sync = MappedSync
        self.mapped_buffers: dict[Any, mmap.mmap] = {}
        self._buffers: dict[Any, list[Any]] = {}
        self._files: list[int] = []

    def allocate(self, libcamera_config: Any, use_case: Any) -> None:
        """One memory file per buffer, with a plane for the brightness and one for the colours (NV12)."""
        self.close()
        for config in libcamera_config:
            self._buffers[config.stream] = [self._buffer(config) for _ in range(config.buffer_count)]

    def buffers(self, stream: Any) -> list[Any]:
        """Of one stream."""
        return self._buffers[stream]

    def acquire(self, bufs: Any) -> None:
        """A request comes out, at the pace of a camera: the virtual one would come as fast as it can copy."""
        time.sleep(FRAME_S)
        MemoryAllocator.out += 1
        MemoryAllocator.taken += 1

    def release(self, bufs: Any) -> None:
        """A request went back."""
        MemoryAllocator.out -= 1

    def close(self) -> None:
        """Our handles go; memory that somebody still looks at goes with its last reader."""
        for descriptor in self._files:
            os.close(descriptor)
        self._files.clear()
        self.mapped_buffers.clear()
        self._buffers.clear()

    def __del__(self) -> None:
        self.close()  # as picamera2's own does: it forgets an allocator without closing it

    def _buffer(self, config: Any) -> Any:
        descriptor = os.memfd_create("frame")
        self._files.append(descriptor)
        os.ftruncate(descriptor, config.frame_size)
        bright = config.stride * config.size.height
        planes = [_plane(descriptor, 0, bright), _plane(descriptor, bright, config.frame_size - bright)]
        buffer = libcamera.FrameBuffer(planes)
        self.mapped_buffers[buffer] = mmap.mmap(descriptor, config.frame_size)
        return buffer


def _plane(descriptor: int, offset: int, length: int) -> Any:
    plane = libcamera.FrameBuffer.Plane()
    plane.fd, plane.offset, plane.length = descriptor, offset, length
    return plane


def _one_mode(camera: Any) -> list[dict[str, Any]]:
    """The size in which the picture comes; picamera2 wants a mode to choose from."""
    return [{"format": "SRGGB8", "size": (640, 480)}]


# The virtual camera of libcamera 0.4 never fills in a frame's status, so that it is whatever the memory held.
libcamera.FrameMetadata.status = property(lambda _: libcamera.FrameMetadata.Status.Success)
picamera2.picamera2.DmaAllocator = MemoryAllocator
picamera2.picamera2.Picamera2._get_raw_modes = _one_mode

if __name__ == "__main__":
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
