"""Measure what comparing with the core set costs a model for anomalies, as a share of its network's inference.

    edgevision train good/ --task anomaly -o parts
    OPENBLAS_NUM_THREADS=1 python benchmarks/anomaly.py parts/good.tflite --image PHOTO [--threads 1] [--blocks 15]

Inference and comparison of the same image alternate in short blocks within one process, so that a busy machine slows both;
printed are medians of the processor time, and the median and quartiles of their ratios. Core sets of other sizes are made of
the model's own by repeating it: the time depends on the size alone. NumPy's library computes the distances with the threads
that its variables allow, whatever --threads says, so set them for a figure of one core.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np

from edgevision import open_model
from edgevision.model import Model
from edgevision.model_file import model_file
from edgevision.model_file.card import AnomalyReference
from edgevision.postprocessing.anomaly import CORE_SET, AnomalyDecoder
from edgevision.postprocessing.core_set import BLOCK
from edgevision.preprocessing import decode
from edgevision.tflite.outputs import OutputFacts
from edgevision.types import Frame

CALLS = 2
"""Calls of each in a block."""
SIZES = (128, 256, 512, 1024, 2048, 4096, 20_000)
"""Sizes of the core set; 512 is the default and 20,000 the largest that ``train`` takes."""


def mean_ms(run: Callable[[], object], times: int) -> float:
    """Return the mean processor time of a call in milliseconds."""
    start = process_time()
    for _ in range(times):
        run()
    return (process_time() - start) * 1e3 / times


def decoder_of(model: Model, core: bytes, patches: int) -> AnomalyDecoder:
    """Return a decoder with a core set of this size."""
    known = model.card.anomaly
    assert known is not None
    row = len(core) // known.patches
    repeated = (core * (-(-patches // known.patches)))[: patches * row]
    sized = AnomalyReference(patches, known.limit, known.held_out, known.false_alarm_rate)
    return AnomalyDecoder(
        model.card.with_(anomaly=sized), model.engine.outputs, OutputFacts(None, {CORE_SET: repeated})
    )


def measure(model: Model, frame: Frame, core: bytes, patches: int, blocks: int) -> None:
    """Print the line of one size."""
    tensor, decoder = model.prepare(frame), decoder_of(model, core, patches)
    outputs, size = model.engine.infer(tensor), (frame.width, frame.height)
    taken = [
        (
            mean_ms(lambda: model.engine.infer(tensor), CALLS),
            mean_ms(lambda: decoder.decode(outputs, size, 5, None), CALLS),
        )
        for _ in range(blocks)
    ]
    low, middle, high = statistics.quantiles([spent / needed for needed, spent in taken], n=4)
    infer, spent = (statistics.median(one) for one in zip(*taken, strict=True))
    spec = model.engine.outputs[0]
    features, places = spec.shape[3], int(np.prod(spec.shape[1:3]))
    memory = 4 * (patches * (features + 1) + places * min(patches, BLOCK)) / 1e6
    stored = patches * features * np.dtype(spec.dtype).itemsize / 1e3
    shares = f"{middle:.0%} ({low:.0%} to {high:.0%})"
    print(f"{patches:8d} {stored:9.0f} {memory:10.1f} {infer:13.2f} {spent:14.2f}  {shares}", flush=True)


def main() -> None:
    """Measure one model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--blocks", type=int, default=15)
    given = parser.parse_args()
    core = model_file.read(given.model).files[CORE_SET]
    with open_model(given.model, threads=given.threads) as model:
        print(f"{given.model.name}: patches {list(model.engine.outputs[0].shape)}")
        print("core set   file kB  memory MB  inference ms  comparison ms  share of the inference (quartiles)")
        for patches in SIZES:
            measure(model, decode.read(given.image), core, patches, given.blocks)


if __name__ == "__main__":
    main()
