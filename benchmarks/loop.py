"""Measure how well the loop uses the machine, and the age of the frames it predicts.

    python benchmarks/loop.py [MODEL.tflite] [--threads 1] [--blocks 6] [--frames 300] [--video FILE ...]

Throughput: a 1280x720 video is decoded, predicted and written as JSON lines to /dev/null. For comparison, the two halves
run side by side in the same process, unconnected: one thread decodes the video repeatedly, the other predicts one frame
repeatedly. The loop cannot be faster than the slower half; its rate should be at least 0.85 of that. Loop and halves
alternate in short blocks, so that a busy machine slows both equally; the median and the quartiles of the blocks are
printed. Without --video, a Motion JPEG video is made with OpenCV, and an H.264 video with PyAV (dev extra).

Age: a camera with 30 frames per second and an engine that takes three frame periods per frame. The p95 age from capture
to prediction should be at most two frame periods plus one inference.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Barrier, Event, Thread
from time import perf_counter, sleep

import cv2
import numpy as np
from edgevision.device.cameras.backends.pattern import open_pattern
from edgevision.device.cameras.backends.video_file import VideoReader, open_video
from edgevision.device.loop.loop import run
from edgevision.device.sinks.jsonl import JsonLines
from edgevision.device.sinks.line_writer import LineWriter
from edgevision.device.stream.protocols import Predictor

from edgevision import default_model, open_model
from edgevision.engines.interpreter import available_cpus
from edgevision.model import Model
from edgevision.types import Frame, Prediction

WIDTH, HEIGHT, FPS = 1280, 720, 30


def pictures(frames: int) -> Iterator[np.ndarray]:
    """Yield a drifting scene with fine structure and a moving disc, about as hard to decode as a camera's images."""
    rng = np.random.default_rng(0)
    coarse = cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, WIDTH + frames, 3), np.uint8), (0, 0), 12)
    coarse = cv2.normalize(coarse, None, 20, 235, cv2.NORM_MINMAX)
    fine = rng.integers(-12, 13, (HEIGHT, WIDTH + frames, 1))
    wide = np.clip(coarse + fine, 0, 255).astype(np.uint8)
    for n in range(frames):
        picture = wide[:, n : n + WIDTH].copy()
        cv2.circle(picture, (n * 7 % WIDTH, HEIGHT // 2), 90, (40, 120, 230), -1)
        yield picture


def make_mjpeg(path: Path, frames: int) -> Path:
    """Write a Motion JPEG video with OpenCV; return its path."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (WIDTH, HEIGHT))
    for picture in pictures(frames):
        writer.write(picture)
    writer.release()
    return path


def make_h264(path: Path, frames: int) -> Path | None:
    """Write an H.264 video with PyAV; return its path, None if PyAV is not installed."""
    try:
        import av
    except ImportError:
        return None
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for picture in pictures(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
    return path


def loop_rate(film: Path, model: Model) -> float:
    """Return the frames per second of the whole loop, as in ``edgevision run --json``."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        lines = LineWriter(nowhere, lossless=True, stopping=lambda: False)
        summary = run(open_video(film), model, [JsonLines(lines, lines, lambda: 0)])
    finally:
        os.close(nowhere)
    assert summary.rate_fps is not None
    return summary.rate_fps


def rates_side_by_side(film: Path, model: Model, frame: Frame, seconds: float) -> tuple[float, float]:
    """Return the frames per second of decoding and of prediction, running at the same time but independently."""
    over, begin = Event(), Barrier(2)
    decoded = 0
    decoding_s = 0.0

    def decode() -> None:
        nonlocal decoded, decoding_s
        reader = VideoReader(film)
        begin.wait()
        begun = perf_counter()
        while not over.is_set():
            if reader.read() is None:
                reader.close()
                reader = VideoReader(film)
            else:
                decoded += 1
        decoding_s = perf_counter() - begun
        reader.close()

    thread = Thread(target=decode)
    thread.start()
    begin.wait()
    predicted = 0
    begun = perf_counter()
    while perf_counter() - begun < seconds:
        model.predict(frame)
        predicted += 1
    predicting_s = perf_counter() - begun
    over.set()
    thread.join()
    return decoded / decoding_s, predicted / predicting_s


def throughput(name: str, film: Path, model: Model, blocks: int) -> None:
    """Print one line for one video."""
    reader = VideoReader(film)
    frame = reader.read()
    reader.close()
    assert isinstance(frame, Frame)
    loop_rate(film, model)  # warms caches
    rows = []
    for _ in range(blocks):
        decode, predict = rates_side_by_side(film, model, frame, 1.5)
        rows.append((loop_rate(film, model), decode, predict))
    shares = [loop / min(decode, predict) for loop, decode, predict in rows]
    loop, decode, predict = (statistics.median(column) for column in zip(*rows, strict=True))
    low, middle, high = statistics.quantiles(shares, n=4)
    print(
        f"{name}: loop {loop:.0f} frames/s; side by side decode {decode:.0f}, predict {predict:.0f}; "
        f"loop/slower {middle:.2f} (quartiles {low:.2f}..{high:.2f})"
    )


class SlowModel(Predictor):
    """Stands in for an accelerator: takes a fixed time per frame without using the processor."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def predict(self, image: Frame, top: int = 5, threshold: float | None = None) -> Prediction:
        sleep(self.seconds)
        return Prediction("classification", stages_ms={"infer": self.seconds * 1e3})


def age(frames: int) -> None:
    """Print one line about the age of frames from a camera that is faster than the engine."""
    infer_s = 3 / FPS
    summary = run(open_pattern(f"test:{WIDTH}x{HEIGHT}@{FPS}"), SlowModel(infer_s), [], limit=frames)
    limit_ms = (2 / FPS + infer_s) * 1e3
    print(
        f"age at {FPS} frames/s, {infer_s * 1e3:.0f} ms per inference: p50 {summary.age_ms['p50']:.0f} ms, "
        f"p95 {summary.age_ms['p95']:.0f} ms (limit {limit_ms:.0f}), {summary.dropped} frames dropped, "
        f"{summary.frames} predicted"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, default=default_model.path())
    parser.add_argument(
        "--threads", type=int, nargs="+", default=[1], help="threads of the model; several values are tried in turn"
    )
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--frames", type=int, default=300, help="number of frames in generated videos")
    parser.add_argument("--video", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    print(f"{options.model.name}, {available_cpus()} processors, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        makers: dict[str, Callable[[Path, int], Path | None]] = {"mjpeg.avi": make_mjpeg, "h264.mp4": make_h264}
        made = {name: make(Path(folder) / name, options.frames) for name, make in makers.items() if not options.video}
        films = {path.name: path for path in options.video} | {name: path for name, path in made.items() if path}
        for threads in options.threads:
            with open_model(options.model, engine="cpu", threads=threads) as model:
                for name, film in films.items():
                    throughput(f"{threads} threads, {name}", film, model, options.blocks)
    age(150)


if __name__ == "__main__":
    main()
