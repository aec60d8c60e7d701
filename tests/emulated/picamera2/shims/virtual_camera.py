"""Runs the real picamera2 on libcamera's virtual camera, which lacks what every Pi has: raw modes, DMA memory, frame
status, and a frame rate.

Importing this module adds them; ``python -m virtual_camera MODULE ARGUMENTS...`` then runs a command as ``python -m``.
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
    """Returns the mapping: ordinary memory needs no cache flush."""

    def __init__(self, allocator: MemoryAllocator, buffer: Any, write: bool) -> None:
        self._map = allocator.mapped_buffers[buffer]

    def __enter__(self) -> mmap.mmap:
        return self._map

    def __exit__(self, *_: object) -> None:
        return None


class MemoryAllocator(Allocator):
    """Buffers in anonymous memory instead of a DMA heap; counts outstanding requests."""

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
        """Create one memory file per buffer, with a luma and a chroma plane (NV12)."""
        self.close()
        for config in libcamera_config:
            self._buffers[config.stream] = [self._buffer(config) for _ in range(config.buffer_count)]

    def buffers(self, stream: Any) -> list[Any]:
        """Return the buffers of one stream."""
        return self._buffers[stream]

    def acquire(self, bufs: Any) -> None:
        """Acquire a request at a camera's rate: the virtual camera would deliver as fast as it can copy."""
        time.sleep(FRAME_S)
        MemoryAllocator.out += 1
        MemoryAllocator.taken += 1

    def release(self, bufs: Any) -> None:
        """Release a request."""
        MemoryAllocator.out -= 1

    def close(self) -> None:
        """Close our descriptors; memory still in use is freed with its last reader."""
        for descriptor in self._files:
            os.close(descriptor)
        self._files.clear()
        self.mapped_buffers.clear()
        self._buffers.clear()

    def __del__(self) -> None:
        self.close()  # like picamera2's own allocator: picamera2 drops it without closing

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
    """Return the native image size as the only mode; picamera2 needs one to choose from."""
    return [{"format": "SRGGB8", "size": (640, 480)}]


# The virtual camera of libcamera 0.4 never sets a frame's status, so it is uninitialized memory.
libcamera.FrameMetadata.status = property(lambda _: libcamera.FrameMetadata.Status.Success)
picamera2.picamera2.DmaAllocator = MemoryAllocator
picamera2.picamera2.Picamera2._get_raw_modes = _one_mode

if __name__ == "__main__":
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
