"""Measure what decoding a detector costs, as a share of its inference.

    python benchmarks/decode.py DETECTOR.tflite ... --image PHOTO [--threads 1] [--blocks 9] [--threshold 0.25]

Each file needs a model card, or a description that edgevision recognizes. Inference and decoding of the same frame alternate in
short blocks within one process, so that a busy machine slows both; printed are the medians of the blocks and the median
and quartiles of their ratios. Decoding should take at most 10 % of the inference. It includes the removal of overlapping
boxes, the conversion to the frame, key points and masks.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from edgevision import open_model
from edgevision.preprocessing import decode

LIMIT = 0.10
"""Largest share of the inference that decoding should take."""
INFERENCES, DECODINGS = 3, 20
"""Runs of each in a block."""


def mean_ms(run: Callable[[], object], times: int) -> float:
    """Return the mean duration of a call in milliseconds."""
    start = perf_counter()
    for _ in range(times):
        run()
    return (perf_counter() - start) * 1e3 / times


def measure(path: Path, image: Path, threads: int, blocks: int, threshold: float) -> float:
    """Print the figures of one file; return the median ratio."""
    frame = decode.read(image)
    with open_model(path, threads=threads) as model:
        objects = len(model.predict(frame, threshold=threshold).objects)
        tensor = model.prepare(frame)
        outputs = model.engine.infer(tensor)
        size = (frame.width, frame.height)
        decoder = model._decoder
        taken = [
            (
                mean_ms(lambda: model.engine.infer(tensor), INFERENCES),
                mean_ms(lambda: decoder.decode(outputs, size, 5, threshold), DECODINGS),
            )
            for _ in range(blocks)
        ]
    ratios = [spent / needed for needed, spent in taken]
    low, middle, high = statistics.quantiles(ratios, n=4)
    infer, spent = (statistics.median(one) for one in zip(*taken, strict=True))
    shapes = ", ".join(f"{list(spec.shape)} {spec.dtype}" for spec in model.engine.outputs)
    print(f"{path.name}: {shapes}; {objects} objects")
    print(f"  inference {infer:.1f} ms, decoding {spent:.2f} ms: {middle:.1%} ({low:.1%}..{high:.1%})")
    return middle


def main() -> None:
    """Measure all files and say whether each is within the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("detectors", nargs="+", type=Path)
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--blocks", type=int, default=9)
    parser.add_argument("--threshold", type=float, default=0.25)
    args = parser.parse_args()
    worst = max(measure(path, args.image, args.threads, args.blocks, args.threshold) for path in args.detectors)
    print(f"{'within' if worst <= LIMIT else 'above'} the limit of {LIMIT:.0%}: {worst:.1%} at most")


if __name__ == "__main__":
    main()
