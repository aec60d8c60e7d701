"""Measure the time saved by decoding a camera's JPEGs only as large as needed, and whether the results stay the same.

    python benchmarks/mjpeg_decode.py [--model MODEL.tflite] [--photos FOLDER] [--size 1280x720] [--rounds N]

Each photo is scaled to the camera's size and saved as a JPEG of quality 85, like a webcam's. One thread; medians of
alternating rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
from edgevision.device.cameras.wrappers.jpeg_scale import reduction
from edgevision.device.stream.request import CaptureRequest

from edgevision import default_model, open_model
from edgevision.evaluation.intervals import wilson
from edgevision.model import Model
from edgevision.preprocessing import decode as pictures
from edgevision.types import Frame

if TYPE_CHECKING:
    from edgevision.types import Pixels


def main() -> None:
    """Print one line for each way of decoding, then the agreement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=None, help="[default: the bundled model]")
    parser.add_argument("--photos", type=Path, default=None, help="[default: a generated pattern]")
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    width, height = (int(side) for side in options.size.split("x"))
    model = open_model(options.model or default_model.path(), threads=1)
    factor = reduction(width, height, CaptureRequest(preprocessing=model.preprocessing))
    jpegs = _jpegs(options.photos, width, height)
    sizes = f"{width}x{height}, decoded at full size and at 1/{factor}"
    print(f"{model.path.name} ({model.preprocessing.describe()}): {len(jpegs)} JPEGs of {sizes}")
    times: dict[int, list[float]] = {1: [], factor: []}
    prepared: dict[int, list[float]] = {1: [], factor: []}
    for _ in range(options.rounds):
        for data in jpegs:
            for reduced in times:
                start = time.perf_counter()
                frame = pictures.decode(data, "JPEG", reduced)
                decoded = time.perf_counter()
                model.prepare(frame)
                times[reduced].append(decoded - start)
                prepared[reduced].append(time.perf_counter() - decoded)
    for reduced in times:
        decode, prepare = (statistics.median(values[reduced]) * 1e3 for values in (times, prepared))
        print(
            f"  at 1/{reduced}: decode {decode:5.2f} ms, prepare {prepare:5.2f} ms, together {decode + prepare:5.2f} ms"
        )
    _agreement(model, jpegs, factor)


def _agreement(model: Model, jpegs: list[bytes], factor: int) -> None:
    answers = [
        [model.predict(pictures.decode(data, "JPEG", reduced), threshold=0.0) for data in jpegs]
        for reduced in (1, factor)
    ]
    pairs = [(one.top, other.top) for one, other in zip(*answers, strict=True) if one.top and other.top]
    if not pairs:
        return
    same = sum(one.index == other.index for one, other in pairs)
    low, high = wilson(same, len(pairs))
    print(f"  same top class: {same} of {len(pairs)} ({same / len(pairs):.1%}; 95 %: {low:.1%} to {high:.1%})")


def _jpegs(photos: Path | None, width: int, height: int) -> list[bytes]:
    if photos is None:
        from edgevision.device.cameras.backends.pattern import PatternReader

        reader = PatternReader("test:", width, height, None)
        return [pictures.encode_jpeg(reader.read(), 85) for _ in range(20)]
    found = [pictures.read(path) for path in pictures.find(photos)]
    return [pictures.encode_jpeg(Frame(_filled(frame.pixels, width, height), "BGR"), 85) for frame in found]


def _filled(pixels: Pixels, width: int, height: int) -> Pixels:
    """Scale and crop a photo so that it fills the camera's image."""
    rows, columns = pixels.shape[:2]
    scale = max(width / columns, height / rows)
    size = (max(width, round(columns * scale)), max(height, round(rows * scale)))
    large: Pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC)  # noqa: TID251
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    part: Pixels = large[top : top + height, left : left + width]
    return part


if __name__ == "__main__":
    main()
