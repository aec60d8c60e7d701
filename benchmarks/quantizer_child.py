"""Run ai-edge-quantizer in its own environment, started by benchmarks/fidelity.py.

    python quantizer_child.py FLOAT.tflite IMAGES.npy DEFAULT.tflite MINMAX.tflite

IMAGES are float32 (n, height, width, channels), as the model takes them. It writes two models: one with the recipe
static_wi8_ai8 as it is, which calibrates with a moving average, and one with the smallest and largest value of all images
instead.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_quantizer import quantizer, recipe

THREADS = 2


def main() -> None:
    """Write both models."""
    source, pictures, default, minmax = sys.argv[1:]
    samples = [picture[np.newaxis] for picture in np.load(pictures)]
    made = quantizer.Quantizer(source, recipe.static_wi8_ai8())
    signature, name = _signature(source)
    averaged = made.calibrate({signature: [{name: sample} for sample in samples]}, num_threads=THREADS)
    _write(made, averaged, default)
    widest: dict[str, Any] = {}
    for sample in samples:
        seen = made.calibrate({signature: [{name: sample}]}, num_threads=THREADS)
        widest = {tensor: _joined(widest.get(tensor), found) for tensor, found in seen.items()}
    _write(made, widest, minmax)


def _signature(source: str) -> tuple[str, str]:
    from ai_edge_litert.interpreter import Interpreter

    found = Interpreter(source).get_signature_list()
    key = next(iter(found))
    return key, found[key]["inputs"][0]


def _joined(one: dict[str, Any] | None, other: dict[str, Any]) -> dict[str, Any]:
    if not one or not other:
        return one or other
    return {**other, "min": np.minimum(one["min"], other["min"]), "max": np.maximum(one["max"], other["max"])}


def _write(made: quantizer.Quantizer, ranges: dict[str, Any], path: str) -> None:
    Path(path).write_bytes(bytes(made.quantize(ranges, enable_progress_report=False).quantized_model))


if __name__ == "__main__":
    main()
