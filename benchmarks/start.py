"""Measure the time to the first prediction and the memory: ``edgevision run``, a bare script and MediaPipe.

    python benchmarks/start.py [MODEL.tflite] [--rounds 15]

Each is a new process that opens the same 1280x720 video and the same model and predicts 50 frames; they take turns. The
time is from the start of the process to its first line of output; the memory is the peak resident size. The bare script
imports numpy, OpenCV and LiteRT and does only what is necessary; edgevision's budget is 1.5 times its time and 30 MB
more. The files are in the page cache, and modules are compiled, as after an installation.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
from edgevision.device.bench.bootstrap import paired_ratio
from edgevision.device.bench.machine_info import describe
from edgevision.device.bench.tables import machine_lines
from edgevision.device.system.host import here

from edgevision import default_model
from edgevision.files.run_folder import versions

FRAMES = 50
ROOT = Path(__file__).resolve().parent.parent
MEDIAPIPE = ROOT / ".cache/envs/mediapipe/bin/python"
BARE = """
import sys
import numpy as np
import cv2
from ai_edge_litert.interpreter import Interpreter
film = cv2.VideoCapture(sys.argv[2])
model = Interpreter(sys.argv[1], num_threads=1)
model.allocate_tensors()
source, target = model.get_input_details()[0], model.get_output_details()[0]
for _ in range(int(sys.argv[3])):
    frame = cv2.resize(film.read()[1], tuple(source["shape"][2:0:-1]))
    model.set_tensor(source["index"], frame[None, ..., ::-1].astype(source["dtype"]))
    model.invoke()
    print(model.get_tensor(target["index"]).argmax(), flush=True)
"""
OTHER = """
import sys
import cv2
import mediapipe as mp
from mediapipe.tasks.python import BaseOptions, vision
film = cv2.VideoCapture(sys.argv[2])
options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=sys.argv[1]), max_results=1)
with vision.ImageClassifier.create_from_options(options) as classifier:
    for _ in range(int(sys.argv[3])):
        frame = cv2.cvtColor(film.read()[1], cv2.COLOR_BGR2RGB)
        found = classifier.classify(mp.Image(image_format=mp.ImageFormat.SRGB, data=frame))
        print(found.classifications[0].categories[:1], flush=True)
"""


def film(folder: Path) -> Path:
    """Write a Motion JPEG video with slightly more frames than are predicted; return its path."""
    path = folder / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (1280, 720))
    rng = np.random.default_rng(0)
    for _ in range(FRAMES + 5):
        writer.write(cv2.GaussianBlur(rng.integers(0, 256, (720, 1280, 3), np.uint8), (0, 0), 3))
    writer.release()
    return path


def start(command: Sequence[str]) -> tuple[float, float]:
    """Run a command; return the seconds to its first line of output, and its peak resident memory (MB)."""
    # With this variable, a checkout would compile all modules at each start; an installation never does.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begun = perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    assert child.stdout is not None
    first = child.stdout.readline()
    taken = perf_counter() - begun
    child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if not first or child.returncode:
        raise SystemExit(f"{command[0]} ... failed with exit status {child.returncode}")
    return taken, usage.ru_maxrss * 1024 / 1e6


def commands(model: Path, source: Path) -> dict[str, list[str]]:
    """Return the commands to compare, as far as they are installed."""
    common = [str(model), str(source), str(FRAMES)]
    run = [str(Path(sys.executable).with_name("edgevision")), "run", str(model), "--source", str(source), "--json"]
    found = {
        "edgevision run --json": [*run, "--threads", "1", "--limit", str(FRAMES)],
        "bare script": [sys.executable, "-P", "-c", BARE, *common],
    }
    if MEDIAPIPE.exists():
        found["MediaPipe Tasks"] = [str(MEDIAPIPE), "-P", "-c", OTHER, *common]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=Path, default=default_model.path())
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        every = commands(options.model, film(Path(folder)))
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in every}
        order, rng = list(every), random.Random(0)
        for _ in range(options.rounds + 1):
            rng.shuffle(order)
            for name in order:
                found[name].append(start(every[name]))
    rows = {
        name: values[1:] for name, values in found.items()
    }  # the first round compiles modules and fills the page cache
    bare_s = [seconds for seconds, _ in rows["bare script"]]
    bare_mb = statistics.median(mb for _, mb in rows["bare script"])
    print(
        f"| {options.model.stem} | first prediction, s | vs. bare script (95 %) | peak MB | difference |\n|---|---:|---:|---:|---:|"
    )
    for name, values in rows.items():
        seconds, mb = [one for one, _ in values], statistics.median(one for _, one in values)
        ratio = paired_ratio(seconds, bare_s, seed=0)
        told = "1" if name == "bare script" else f"{ratio.value:.2f} ({ratio.low:.2f}..{ratio.high:.2f})"
        print(f"| {name} | {statistics.median(seconds):.2f} | {told} | {mb:.0f} | {mb - bare_mb:+.0f} |")
    print()
    for line in machine_lines(describe(here(), versions(), [])):
        print(line)
    print(f"{options.rounds} rounds, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
