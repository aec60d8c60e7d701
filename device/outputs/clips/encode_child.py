"""Child process that encodes JPEGs of its standard input as VP8: ``encode_child FILE.ivf WIDTH FPS``.

A process of its own can have the lowest priority, and a fault of the encoder does not reach the loop.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator
from typing import IO

from edgevision.children import die_with_parent

LENGTH = struct.Struct(">I")
"""Stands before each JPEG."""
NICENESS = 19


def size_for(width: int, height: int, max_width: int) -> tuple[int, int]:
    """Return an even width and height within ``max_width`` that keep the aspect ratio."""
    scale = min(1.0, max_width / width)
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def encode(images: Iterator[bytes], path: str, max_width: int, fps: float) -> int:
    """Write the images into an IVF file and return their number. Raises ValueError, RuntimeError."""
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    writer, size, count = None, (0, 0), 0
    for data in images:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)  # noqa: TID251  # our own JPEG
        if pixels is None:
            raise ValueError("a frame cannot be decoded")
        if writer is None:
            size = size_for(pixels.shape[1], pixels.shape[0], max_width)
            writer = cv2.VideoWriter(path, cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"VP80"), fps, size)
            if not writer.isOpened():
                raise RuntimeError("this OpenCV cannot encode VP8")
        if (pixels.shape[1], pixels.shape[0]) != size:
            pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)  # noqa: TID251  # not for a model
        writer.write(pixels)
        count += 1
    if writer is not None:
        writer.release()
    return count


def images_of(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the JPEGs of a stream. Raises ValueError if it is cut off."""
    while head := stream.read(LENGTH.size):
        size = LENGTH.unpack(head)[0] if len(head) == LENGTH.size else -1
        data = stream.read(size) if size > 0 else b""
        if len(data) != size:
            raise ValueError("the frames are cut off")
        yield data


def main(path: str, max_width: str, fps: str) -> int:
    """Encode and return the exit status; a problem is one line on standard error."""
    die_with_parent()
    os.nice(NICENESS)
    try:
        return 0 if encode(images_of(sys.stdin.buffer), path, int(max_width), float(fps)) else 1
    except (ValueError, RuntimeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
