"""Measure how well int8 models agree with the float model: TFLite, ai-edge-quantizer and ours, on the same images.

    python benchmarks/fidelity.py MODEL.h5 [MODEL ...] --photos FOLDER [--draws 5] [--count 100] [--class-offset 1]
                                  [--quantizer .cache/envs/quantizer/bin/python] [--only plain,normal,high]

Cross-fitting: each draw uses --count random images to make the int8 model (ours uses a fifth of them as selection set)
and evaluates it on all other images of the folder. With --class-offset, an image's class is the number at the start of
its file name plus the offset. ai-edge-quantizer is included if its environment exists: make env-quantizer.

Intervals are 95 %. An image that several draws evaluate counts once, by its mean, since more draws are not more images.
Prints Markdown; Ctrl-C stops and reports the finished draws.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from math import nan, sqrt
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
from edgevision.convert import backend
from edgevision.convert.keras_files.scan import scan
from edgevision.convert.quantization.correction import repair
from edgevision.convert.quantization.correction.distance import answers
from edgevision.convert.quantization.correction.kernel_runner import tap
from edgevision.convert.quantization.ptq import to_float, to_int8
from edgevision.convert.source_model.float_model import FloatModel
from edgevision.convert.source_model.preprocessing_options import PreprocessingOptions
from edgevision.convert.source_model.source_model import open_network

from edgevision.evaluation.intervals import Z_95
from edgevision.files.run_folder import versions
from edgevision.preprocessing import decode
from edgevision.preprocessing.transform import pixels
from edgevision.tflite.editable_model import FlatModel
from edgevision.tflite.object_api import pack, unpack

Array = npt.NDArray[Any]
CHILD = Path(__file__).with_name("quantizer_child.py")
CHOOSING = 0.2
NAMES = {
    "plain": "TensorFlow Lite",
    "aeq": "ai-edge-quantizer, default",
    "aeq-minmax": "ai-edge-quantizer, min/max",
    "low": "ours, --effort low",
    "normal": "ours, --effort normal",
    "high": "ours, --effort high",
}


@dataclass(frozen=True)
class Case:
    """A model, all images in its input format, and the float model's results for them."""

    name: str
    model: FloatModel
    reference: bytes
    """The float .tflite."""
    signed: bytes
    """The float .tflite with a signature, which ai-edge-quantizer requires."""
    pictures: Array
    """Images, uint8 (n, height, width, channels)."""
    classes: Array | None
    """True classes, (n,), if known."""
    tops: Array = field(init=False)
    logits: Array = field(init=False)

    def __post_init__(self) -> None:
        tops, logits = look(self.reference, self, np.arange(len(self.pictures)))
        object.__setattr__(self, "tops", tops)
        object.__setattr__(self, "logits", logits)


@dataclass
class Tally:
    """Results of one method, (draws, images); NaN for the images that the model was made from."""

    same: list[Array] = field(default_factory=list)
    gained: list[Array] = field(default_factory=list)
    """Correct (1 or 0) minus the float model's correct: -1, 0, 1."""
    kl: list[Array] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def look(flatbuffer: bytes, case: Case, numbers: Array) -> tuple[Array, Array]:
    """Return the top class, (n,), and the values before the softmax, (n, classes), of some images."""
    model = FlatModel(flatbuffer)
    (before,) = answers(model)[1]
    run = tap(model, [model.outputs[0], before])
    tops, logits = [], []
    for picture in case.pictures[numbers]:
        output, values = run(_fed(model, case, picture)[np.newaxis])
        tops.append(int(output.argmax()))
        logits.append(model.real(before, values).ravel())
    return np.array(tops), np.stack(logits)


def _fed(model: FlatModel, case: Case, picture: Array) -> Array:
    dtype = model.dtype(model.inputs[0])
    if dtype == "uint8":
        return picture
    real: Array = case.model.normalize(picture)
    if dtype == "float32":
        return real
    scale, zero_point = model.scale(model.inputs[0])
    return np.clip(np.round(real / scale) + zero_point, -128, 127).astype(np.int8)


def open_case(path: Path, photos: Path, offset: int | None) -> Case:
    """Load a model, convert it to float and preprocess all images. Raises EdgeVisionError."""
    found = open_network(scan(path), path.stem, PreprocessingOptions(), None)
    model, files = found.model, decode.find(photos)
    assert isinstance(model, FloatModel)
    stack = np.stack([pixels(decode.read(file), found.card.preprocessing) for file in files])
    classes = None
    if offset is not None:
        classes = np.array([int(re.match(r"\d+", file.name)[0]) + offset for file in files])  # type: ignore[index]
    return Case(path.stem, model, to_float(model), _with_signature(model), stack, classes)


def _with_signature(model: FloatModel) -> bytes:
    keras, tf = backend.keras(), backend.tensorflow()
    image = keras.Input(batch_shape=(1, *model.shape))
    wrapped = keras.Model(image, model.keras(image))
    # Keras reports its export on stdout, where the tables go.
    with backend.quiet(), contextlib.redirect_stdout(io.StringIO()):
        return bytes(tf.lite.TFLiteConverter.from_keras_model(wrapped).convert())


def ours(effort: Any) -> Callable[[Case, Array], bytes]:
    """Return our method, as in ``edgevision convert``."""

    def run(case: Case, drawn: Array) -> bytes:
        count = round(CHOOSING * len(drawn))
        choosing, calibrating = case.pictures[drawn[:count]], case.pictures[drawn[count:]]
        plain = to_int8(case.model, lambda: calibrating)
        return repair(
            plain, case.reference, case.model.normalize, list(calibrating), list(choosing), effort, "auto"
        ).flatbuffer

    return run


def plain(case: Case, drawn: Array) -> bytes:
    """Quantize with plain TFLite, calibrated with all drawn images."""
    return to_int8(case.model, lambda: case.pictures[drawn])


def quantizer(python: Path, case: Case, drawn: Array) -> dict[str, bytes]:
    """Return the models of both ai-edge-quantizer methods."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "float.tflite").write_bytes(case.signed)
        np.save(place / "pictures.npy", case.model.normalize(case.pictures[drawn]))
        given = [place / name for name in ("float.tflite", "pictures.npy", "aeq.tflite", "aeq-minmax.tflite")]
        quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run([python, CHILD, *given], env=quiet, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"ai-edge-quantizer failed: {done.stderr.strip().splitlines()[-1]}")
        # The weights, which ai-edge-quantizer appends to the flatbuffer, move into it.
        return {path.stem: pack(unpack(path.read_bytes())) for path in given[2:]}


def measure(case: Case, options: argparse.Namespace) -> tuple[dict[str, Tally], int]:
    """Run all methods on all draws, or until Ctrl-C; return the results and the number of finished draws."""
    tallies: dict[str, Tally] = {}
    done = 0
    with contextlib.suppress(KeyboardInterrupt):
        for seed in range(options.draws):
            drawn = np.random.default_rng(seed).permutation(len(case.pictures))[: options.count]
            made = {
                method: found for name in options.only for method, found in make(name, case, drawn, options).items()
            }
            for method, (flatbuffer, seconds) in made.items():
                score(tallies.setdefault(method, Tally()), flatbuffer, case, drawn, seconds)
            done += 1
    for tally in tallies.values():  # Ctrl-C may interrupt between two methods of a draw
        for rows in (tally.same, tally.gained, tally.kl, tally.seconds):
            del rows[done:]
    return tallies, done


def make(name: str, case: Case, drawn: Array, options: argparse.Namespace) -> dict[str, tuple[bytes, float]]:
    """Return the int8 models by method, with the seconds that each took."""
    started = perf_counter()
    if name == "aeq":
        every = quantizer(options.quantizer, case, drawn)
    else:
        every = {name: (plain if name == "plain" else ours(name))(case, drawn)}
    seconds = perf_counter() - started
    print(f"{case.name}: {name}, {seconds:.0f} s", file=sys.stderr, flush=True)
    # Both ai-edge-quantizer methods run in one process, so each gets half of its time.
    return {method: (flatbuffer, seconds / len(every)) for method, flatbuffer in every.items()}


def score(tally: Tally, flatbuffer: bytes, case: Case, drawn: Array, seconds: float) -> None:
    """Add one int8 model's results on all images that were not drawn."""
    others = np.setdiff1d(np.arange(len(case.pictures)), drawn)
    tops, logits = look(flatbuffer, case, others)

    def spread(values: Array) -> Array:
        row = np.full(len(case.pictures), nan)
        row[others] = values
        return row

    tally.same.append(spread(tops == case.tops[others]))
    tally.kl.append(spread(_divergence(case.logits[others], logits)))
    if case.classes is not None:
        right = case.classes[others]
        tally.gained.append(spread((tops == right).astype(float) - (case.tops[others] == right)))
    tally.seconds.append(seconds)


def _divergence(wanted: Array, found: Array) -> Array:
    a, b = (values - np.log(np.exp(values - values.max(1, keepdims=True)).sum(1, keepdims=True)) - values.max(1, keepdims=True)
            for values in (wanted.astype(np.float64), found.astype(np.float64)))  # fmt: skip
    return np.asarray((np.exp(a) * (a - b)).sum(1))


def interval(rows: list[Array]) -> tuple[float, float]:
    """Return the mean and half the width of the interval; each image counts once, by its mean over the draws."""
    stacked = np.stack(rows)
    seen = stacked[:, ~np.isnan(stacked).all(0)]
    each = np.nanmean(seen, 0)
    return float(np.nanmean(seen)), Z_95 * float(each.std(ddof=1)) / sqrt(len(each))


def table(tallies: dict[str, Tally]) -> list[str]:
    """Return the table with one line per method."""
    lines = [
        "| | agreement with float, % | KL of the scores, nats | top-1 int8 - float, points | seconds |",
        "|---|---|---|---|---|",
    ]
    for name in [name for name in NAMES if name in tallies]:
        one = tallies[name]
        gained = _points(one.gained) if one.gained else "-"
        kl = "{:.4f} ± {:.4f}".format(*interval(one.kl))
        lines.append(f"| {NAMES[name]} | {_points(one.same, '')} | {kl} | {gained} | {np.mean(one.seconds):.0f} |")
    return lines


def comparisons(tallies: dict[str, Tally]) -> list[str]:
    """Return paired comparisons of methods on the same images and draws."""
    lines = []
    for better, worse in (("normal", "plain"), ("normal", "aeq-minmax"), ("high", "normal")):
        if better in tallies and worse in tallies:
            a, b = tallies[better], tallies[worse]
            same = _points([x - y for x, y in zip(a.same, b.same, strict=True)])
            kl = "{:+.4f} ± {:.4f}".format(*interval([x - y for x, y in zip(a.kl, b.kl, strict=True)]))
            lines.append(f"- {NAMES[better]} vs. {NAMES[worse]}, paired: agreement {same} points, KL {kl} nats")
    return lines


def _points(rows: list[Array], sign: str = "+") -> str:
    value, half = interval(rows)
    return f"{100 * value:{sign}.1f} ± {100 * half:.1f}"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--photos", required=True, type=Path)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--class-offset", type=int)
    parser.add_argument("--quantizer", type=Path, default=Path(".cache/envs/quantizer/bin/python"))
    parser.add_argument("--only", type=lambda text: text.split(","), default=["plain", "aeq", "normal", "high"])
    options = parser.parse_args()
    if "aeq" in options.only and not options.quantizer.exists():
        print(f"ai-edge-quantizer skipped: no {options.quantizer}; run: make env-quantizer", file=sys.stderr)
        options.only.remove("aeq")
    for path in options.models:
        case = open_case(path, options.photos, options.class_offset)
        tallies, draws = measure(case, options)
        if not draws:
            sys.exit(130)
        total = len(case.pictures)
        print(f"\n## {case.name}\n")
        print(f"{draws} draws of {options.count} images, each evaluated on the other {total - options.count}.\n")
        print("\n".join([*table(tallies), "", *comparisons(tallies)]), flush=True)
    known = versions()
    print("\nMade with " + ", ".join(f"{name} {known[name]}" for name in known if name != "opencv-python") + ".")


if __name__ == "__main__":
    main()
