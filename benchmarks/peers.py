"""Compare ``predict`` with alternatives that a Python programmer might write or install: same model, same images.

    python benchmarks/peers.py MODEL.tflite [MODEL.tflite ...] [--images FOLDER] [--blocks 30]
                               [--float FLOAT.tflite ...]

From a 1280x720 image in memory to the five best labels, on one thread, alternating in short blocks, in random order and
then in reverse:

- edgevision         Model.predict: antialiased, the same bytes on every processor
- OpenCV, the same   the same crop and the same resize written by hand, invoke, sort
- PIL                crop, PIL's antialiased bilinear resize, invoke, sort
- MediaPipe Tasks    ImageClassifier, in its own environment (make env-mediapipe); it stretches and does not crop

For reference, two that do less: a plain bilinear resize without antialiasing, and bare invoke. With --float, also the
networks before quantization, one for each MODEL: in LiteRT, OpenCV DNN and ONNX Runtime (make env-onnx), without
preprocessing. Prints Markdown; ratios are to edgevision, block by block, with 95 % bootstrap intervals. On a busy machine,
long calls are interrupted more often than short ones; then compare the fastest run of each block.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from child import Child, timed
from edgevision.device.bench.bootstrap import paired_ratio
from edgevision.device.bench.machine_info import describe
from edgevision.device.bench.machine_state import MachineMonitor
from edgevision.device.bench.tables import machine_lines, state_line
from edgevision.device.system.host import here
from float_lines import float_visits
from PIL import Image

from edgevision import open_model
from edgevision.files.run_folder import versions
from edgevision.preprocessing import decode
from edgevision.preprocessing.spec import Preprocessing

WIDTH, HEIGHT = 1280, 720
ROOT = Path(__file__).resolve().parent.parent
MEDIAPIPE = ROOT / ".cache/envs/mediapipe/bin/python"
TOP = 5
PER_VISIT = 15
Visit = Callable[[int], list[float]]
"""Runs a peer a number of times; returns the seconds of each run."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Times of one peer, block by block."""

    medians_ms: list[float]
    """Mean of the medians of both visits (ms)."""
    quickest_ms: list[float]
    """Fastest run (ms), the time without interruptions."""


def frames(folder: Path | None, count: int = 8) -> np.ndarray:
    """Return RGB frames, (count, 720, 1280, 3): images of a folder, stretched to the frame, or generated ones."""
    if folder is not None:
        found = decode.find(folder)[:: max(1, len(decode.find(folder)) // count)][:count]
        read = [decode.read(path) for path in found]
        rgb = [one.pixels[..., ::-1] if one.order == "BGR" else one.pixels for one in read]
        return np.stack([cv2.resize(one, (WIDTH, HEIGHT)) for one in rgb])  # noqa: TID251  # for frames, not for input tensors
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    base = np.stack([x // 6, y // 3, (x + y) // 8], -1) % 226
    return np.stack([(base + rng.integers(0, 30, base.shape)).astype(np.uint8) for _ in range(count)])


class HandWritten:
    """Hand-written peers: the bare runtime, and the values needed to preprocess an image for this model."""

    def __init__(self, path: Path, preprocessing: Preprocessing) -> None:
        self.raw = Interpreter(str(path), num_threads=1)
        self.raw.allocate_tensors()
        self.input = self.raw.get_input_details()[0]["index"]
        self.output = self.raw.get_output_details()[0]["index"]
        self.size = (preprocessing.width, preprocessing.height)
        side = HEIGHT * (preprocessing.crop_fraction if preprocessing.resize == "crop" else 1.0)
        self.crop = round(side) if preprocessing.resize == "crop" else None

    def cropped(self, pixels: np.ndarray) -> np.ndarray:
        """Return the center square if the model's preprocessing crops."""
        if self.crop is None:
            return pixels
        top, left = (HEIGHT - self.crop) // 2, (WIDTH - self.crop) // 2
        return pixels[top : top + self.crop, left : left + self.crop]

    def best(self, prepared: np.ndarray) -> np.ndarray:
        """Run the model; return the indices of the five best classes."""
        self.raw.set_tensor(self.input, prepared[None])
        self.raw.invoke()
        return np.argsort(self.raw.get_tensor(self.output)[0])[-TOP:]

    def opencv_same(self, pixels: np.ndarray) -> np.ndarray:
        """Halve by averaging while the image is at least twice as large, then resize exactly bilinear, like ``prepare``."""
        part = self.cropped(pixels)
        while part.shape[1] >= 2 * self.size[0] and part.shape[0] >= 2 * self.size[1]:
            half = (part.shape[1] // 2, part.shape[0] // 2)
            part = cv2.resize(part[: 2 * half[1], : 2 * half[0]], half, interpolation=cv2.INTER_AREA)  # noqa: TID251
        return self.best(cv2.resize(part, self.size, interpolation=cv2.INTER_LINEAR_EXACT))  # noqa: TID251

    def opencv_bilinear(self, pixels: np.ndarray) -> np.ndarray:
        """Resize bilinear without antialiasing: fast, but aliased."""
        return self.best(cv2.resize(self.cropped(pixels), self.size, interpolation=cv2.INTER_LINEAR))  # noqa: TID251

    def pil(self, pixels: np.ndarray) -> np.ndarray:
        """Resize with PIL, like most examples."""
        image = Image.fromarray(self.cropped(pixels)).resize(self.size, Image.Resampling.BILINEAR)
        return self.best(np.asarray(image))


def measure(
    path: Path, floats: Path | None, every: np.ndarray, blocks: int, folder: Path
) -> tuple[dict[str, Blocks], list[str]]:
    """Return the times by peer, and a line for each peer that could not run."""
    with open_model(path, threads=1) as model:
        by_hand = HandWritten(path, model.preprocessing)
        visits: dict[str, Visit] = {
            "edgevision `predict`": timed(lambda pixels: model.predict(pixels), every),
            "OpenCV by hand, the same preprocessing": timed(by_hand.opencv_same, every),
            "PIL by hand": timed(by_hand.pil, every),
            "OpenCV by hand, plain bilinear (aliased)": timed(by_hand.opencv_bilinear, every),
            "bare `invoke`": timed(lambda _: by_hand.raw.invoke(), every),
        }
        theirs, ours = by_hand.opencv_same(every[0]), model.predict(every[0], top=1, threshold=0.0).top
        assert ours is None or ours.index == theirs[-1], "the hand-written loop gives a different result"
        with ExitStack() as stack:
            if MEDIAPIPE.exists():
                saved = folder / "frames.npy"
                np.save(saved, every)
                child = stack.enter_context(Child(MEDIAPIPE, "mediapipe_child.py", path, saved))
                if child.answer != "ready":
                    raise SystemExit(f"MediaPipe cannot open {path}; does it have standard metadata?")
                visits["MediaPipe Tasks ImageClassifier"] = child
            told: list[str] = []
            if floats is not None:
                more, told = float_visits(floats, every, folder, stack)
                visits |= more
            return alternate(visits, blocks), told


def alternate(visits: dict[str, Visit], blocks: int) -> dict[str, Blocks]:
    """Run all peers in order and in reverse in each block, so that drift affects all of them equally."""
    for visit in visits.values():
        visit(2 * PER_VISIT)
    found = {name: Blocks([], []) for name in visits}
    order, rng = list(visits), random.Random(0)
    for _ in range(blocks):
        rng.shuffle(order)
        taken: dict[str, list[list[float]]] = {name: [] for name in visits}
        for name in [*order, *reversed(order)]:
            taken[name].append(visits[name](PER_VISIT))
        for name, both in taken.items():
            found[name].medians_ms.append(1e3 * statistics.mean(map(statistics.median, both)))
            found[name].quickest_ms.append(1e3 * min(map(min, both)))
    return found


def markdown(name: str, found: dict[str, Blocks]) -> str:
    """Return one table as Markdown."""
    first, bare = next(iter(found)), found["bare `invoke`"]
    head = f"| {name} | median, ms | relative to edgevision (95 %) | fastest, ms | relative to edgevision (95 %) |"
    lines = [head, "|---|---:|---:|---:|---:|"]
    for one, blocks in sorted(found.items(), key=lambda item: statistics.median(item[1].quickest_ms)):
        cells = [
            cell
            for values, ours in (
                (blocks.medians_ms, found[first].medians_ms),
                (blocks.quickest_ms, found[first].quickest_ms),
            )
            for cell in (f"{statistics.median(values):.2f}", "1" if one == first else ratio_of(values, ours))
        ]
        lines.append(f"| {one} | {' | '.join(cells)} |")
    over = ratio_of(found[first].medians_ms, bare.medians_ms), ratio_of(found[first].quickest_ms, bare.quickest_ms)
    return "\n".join([*lines, "", f"predict / bare invoke: {over[0]}; of the fastest runs {over[1]}"])


def ratio_of(a: list[float], b: list[float]) -> str:
    """Return a ratio with its interval."""
    ratio = paired_ratio(a, b, seed=0)
    return f"{ratio.value:.2f} ({ratio.low:.2f}..{ratio.high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--images", type=Path, help="folder of images; default: generated images")
    parser.add_argument("--blocks", type=int, default=30)
    parser.add_argument(
        "--float", nargs="+", type=Path, default=[], metavar="FLOAT", help="a float .tflite for each model"
    )
    options = parser.parse_args()
    if options.float and len(options.float) != len(options.models):
        parser.error(
            f"--float has {len(options.float)} files for {len(options.models)} models; give one per model, in order"
        )
    cv2.setNumThreads(1)
    if not MEDIAPIPE.exists():
        print("MediaPipe is skipped, since it is not installed; install it with: make env-mediapipe", file=sys.stderr)
    watcher = MachineMonitor(here())
    states: list[dict[str, Any]] = [watcher.look(0.0).to_json()]
    every = frames(options.images)
    with tempfile.TemporaryDirectory() as folder:
        for path, floats in zip_longest(options.models, options.float):
            found, told = measure(path, floats, every, options.blocks, Path(folder))
            print("\n".join([markdown(path.stem, found), *told]), end="\n\n")
    states.append(watcher.look(0.0).to_json())
    for line in machine_lines(describe(here(), versions(), [])):
        print(line)
    print(f"{options.blocks} blocks; {state_line(states)}")


if __name__ == "__main__":
    main()
