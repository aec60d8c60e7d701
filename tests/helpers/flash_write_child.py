"""Write an image to a file that stands for an SD card; wait for a line before each step, so that tests can kill it there.

Arguments: the image, the file.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from edgevision.device.flash.disk.fake_host import FakeMedium
from edgevision.device.flash.disk.image_source import ImageSource
from edgevision.device.flash.disk.medium import Medium
from edgevision.device.flash.disk.write import write


class Waiting(FakeMedium):
    """Announce each operation and wait for a line before performing it."""

    def write_at(self, at: int, data: memoryview) -> int:
        self._ask(f"write {at}")
        half = len(data) // 2 // self.sector * self.sector
        if half:
            done = super().write_at(at, data[:half])
            self._ask(f"written half of {at}")
            return done + super().write_at(at + half, data[half:])
        return super().write_at(at, data)

    def read_at(self, at: int, into: memoryview) -> int:
        self._ask(f"read {at}")
        return super().read_at(at, into)

    def flush(self) -> None:
        self._ask("flush")
        super().flush()

    def _ask(self, what: str) -> None:
        print(what, flush=True)
        sys.stdin.readline()


def main() -> None:
    signal.alarm(120)  # time limit, in case nobody kills the process
    image, card = (Path(text) for text in sys.argv[1:])
    medium: Medium = Waiting(card, "8:16")
    with image.open("rb") as stream:
        write(ImageSource(stream, image.stat().st_size), medium, lambda *_: None)
    print("done", flush=True)


main()
