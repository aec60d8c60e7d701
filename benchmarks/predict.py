"""Measure the overhead of ``predict`` over the bare runtime, alternating in one process on one thread.

    python benchmarks/predict.py MODEL.tflite [MODEL.tflite ...] [--image P] [--blocks 20]

For each model, on the same 1280x720 frame: ``invoke`` of the bare runtime on the same file with a prepared tensor,
``invoke`` of edgevision's engine, ``prepare`` alone, and ``predict``. They alternate in short blocks, so that a busy
machine slows all of them equally; each ratio is taken within a block, and the median and the quartiles of the blocks are
printed. Budgets: predict / bare invoke at most 1.15 for MobileNetV2 1.0 224 and 1.50 for MobileNetV1 0.25 224;
predict / (its own prepare + invoke) at most 1.05.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edgevision import open_model
from edgevision.preprocessing.decode import read
from edgevision.types import Frame


def frame_720p(path: Path | None) -> Frame:
    """Return a 1280x720 frame: the given image, or a color gradient with noise (the content does not affect the time)."""
    if path is not None:
        return read(path)
    y, x = np.mgrid[0:720, 0:1280]
    noise = np.random.default_rng(0).integers(0, 30, (720, 1280, 3))
    pixels = (np.stack([x // 6, y // 3, (x + y) // 8], -1) % 226 + noise).astype(np.uint8)
    return Frame(pixels, "BGR")


def seconds(call: Callable[[], object], times: int) -> float:
    """Return the median duration of several calls (s)."""
    taken = []
    for _ in range(times):
        start = perf_counter()
        call()
        taken.append(perf_counter() - start)
    return statistics.median(taken)


def measure(path: Path, frame: Frame, blocks: int, per_block: int) -> None:
    """Print one line for one model."""
    with open_model(path, threads=1) as model:
        tensor = model.prepare(frame)
        raw = Interpreter(str(path), num_threads=1)  # the bare runtime on the same file, as in a script
        raw.allocate_tensors()
        raw.set_tensor(raw.get_input_details()[0]["index"], tensor)
        calls: dict[str, Callable[[], object]] = {
            "invoke": raw.invoke,
            "own invoke": model.engine.invoke,  # type: ignore[attr-defined]  # only for benchmarks, so not in the protocol
            "prepare": lambda: model.prepare(frame),
            "predict": lambda: model.predict(frame),
        }
        for call in calls.values():
            seconds(call, 20)
        rows = [{name: seconds(call, per_block) for name, call in calls.items()} for _ in range(blocks)]
    over_invoke = [row["predict"] / row["invoke"] for row in rows]
    over_own = [row["predict"] / (row["prepare"] + row["own invoke"]) for row in rows]
    ms = {name: statistics.median(row[name] for row in rows) * 1e3 for name in calls}
    print(
        f"{path.name}: {', '.join(f'{name} {took:.3f} ms' for name, took in ms.items())}; "
        f"predict/invoke {_spread(over_invoke)}; predict/(prepare + own invoke) {_spread(over_own)}"
    )
    print(f"{blocks} blocks; load {os.getloadavg()[0]:.1f}")


def _spread(values: list[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.3f} (quartiles {low:.3f}..{high:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--image", type=Path, help="a 1280x720 image")
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--per-block", type=int, default=20)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    for path in options.models:
        measure(path, frame_720p(options.image), options.blocks, options.per_block)


if __name__ == "__main__":
    main()
