"""Run the loop with an output of your own: count how many frames each label led.

    python examples/own_sink.py [CAMERA] [MODEL.tflite]

Without arguments, the moving test pattern and the bundled default model are used.
"""

from __future__ import annotations

import sys
from collections import Counter

from edgevision.device import Event, Sink, open_camera, run

from edgevision import Frame, Prediction, open_model


class CountPerLabel(Sink):
    """Count the frames that each label led. A sink needs ``write``, which must not block; ``Sink`` has the rest."""

    spec = "counts"
    """Its name in the summary of the run."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Take one result."""
        self.counts[prediction.top.name if prediction.top else "unknown"] += 1

    def event(self, event: Event) -> None:
        """Print what came and went; optional."""
        print(event.kind, event.detail, file=sys.stderr)

    def close(self) -> None:
        """Print the counts at the end of the run."""
        for name, count in self.counts.most_common():
            print(f"{count:5d}  {name}")


def main(arguments: list[str]) -> None:
    """Run the loop on 30 frames."""
    camera = arguments[0] if arguments else "test:"
    path = arguments[1] if len(arguments) > 1 else None
    with open_model(path) as model:
        summary = run(open_camera(camera, model=model), model, [CountPerLabel()], limit=30, threshold=0.3)
    print(f"{summary.frames} frames, stopped by: {summary.stopped_by}")


if __name__ == "__main__":
    main(sys.argv[1:])
