"""Child process that encodes JPEGs of its standard input as VP8: ``encode_child FOLDER WIDTH FPS NICENESS``.

A length of 0 ends a part. The part's IVF file is complete when its name stands on standard output, one line each.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from edgevision.children import die_with_parent

from ..clips.encode_child import LENGTH, encode


def part_of(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the JPEGs of one part. Raises ValueError if it is cut off."""
    while head := stream.read(LENGTH.size):
        size = LENGTH.unpack(head)[0] if len(head) == LENGTH.size else -1
        if not size:
            return
        data = stream.read(size) if size > 0 else b""
        if len(data) != size:
            raise ValueError("the frames are cut off")
        yield data


def main(folder: str, max_width: str, fps: str, niceness: str) -> int:
    """Encode until the end and return the exit status; a problem is one line on standard error."""
    die_with_parent()
    os.nice(int(niceness))
    number = 0
    try:
        while True:
            path = Path(folder) / f"{number % 2}.ivf"
            if not encode(part_of(sys.stdin.buffer), str(path), int(max_width), float(fps)):
                return 0
            sys.stdout.write(f"{path.name}\n")
            sys.stdout.flush()
            number += 1
    except (ValueError, RuntimeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
