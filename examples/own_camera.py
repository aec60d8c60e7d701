"""Run the loop on a source of your own: noise that grows brighter.

    python examples/own_camera.py [MODEL.tflite]

Without a model, the bundled default model is used.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
from edgevision.device import Sink, Source, run

from edgevision import Frame, Prediction, open_model


class Noise(Source):
    """Deliver 20 frames of noise. A source has ``spec``, ``live`` and an iterator; ``Source`` has the rest."""

    spec = "noise:"
    live = False
    """False: the loop gets every frame. True: a live camera, of which only the newest frame counts."""
    description = "noise that grows brighter"

    def __init__(self, frames: int = 20) -> None:
        self._frames = frames
        self._random = np.random.default_rng(0)

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self._frames):
            top = 55 + 200 * index // self._frames
            pixels = self._random.integers(0, top, (240, 320, 3), np.uint8)
            yield Frame(pixels, "RGB", index, source=self.spec)


class Print(Sink):
    """Print the top label of each frame."""

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Take one result."""
        print(frame.index, prediction.top)


def main(arguments: list[str]) -> None:
    """Run the loop until the source ends."""
    with open_model(arguments[0] if arguments else None) as model:
        run(Noise(), model, [Print()])


if __name__ == "__main__":
    main(sys.argv[1:])
