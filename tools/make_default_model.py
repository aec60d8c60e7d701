"""Make the bundled default model of ``edgevision run``: a few everyday things, trained from the starter weights.

    python -m tools.make_default_model --data tiny_imagenet.zip --work WORK --out edgevision/default_model/default.tflite

``--data``: a zip with ``train/ID/``, ``val/ID/`` and ``classes.txt`` (ID, tab, names). It uses those of the candidates
below that a linear classifier on the starter's features separates best, measured on training images only; the images in
``val/`` are used only for the accuracy in the model card. Images of all other classes are "something else", which is what
a camera sees most of the time.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from edgevision.convert import backend
from edgevision.convert.cli.train_progress import TerminalObserver
from edgevision.convert.pipeline import ConvertOptions, convert
from edgevision.convert.report.record import ConvertReport
from edgevision.convert.training.config.settings import TrainSettings
from edgevision.convert.training.network import starter_weights
from edgevision.convert.training.network.backbones import BackboneSpec, build
from edgevision.convert.training.report.result import TrainResult
from edgevision.convert.training.run import TrainRequest, train

from edgevision.files.atomic import write_bytes
from edgevision.preprocessing import decode, transform

CANDIDATES = (
    "backpack banana basketball bathtub beer_bottle bell_pepper candle computer_keyboard desk espresso frying_pan "
    "golden_retriever ice_cream lampshade lemon mushroom orange pizza plate pop_bottle pretzel refrigerator "
    "remote_control rocking_chair sandal school_bus sock sports_car stopwatch sunglasses tabby teapot teddy umbrella "
    "volleyball wooden_spoon"
).split()
"""Things likely in front of a camera at home: first names in classes.txt, with underscores."""
THINGS = 8
OTHERS = "something else"
LEARN, JUDGE = 80, 40
"""Training images per candidate: to fit the classifier that selects candidates, and to evaluate it."""
OTHER_TRAIN, OTHER_TEST = 1200, 30
SETTINGS = TrainSettings(
    weights="starter",
    resize="stretch",  # the images are small squares already, so nothing should be cropped
    head_epochs=10,
    epochs=8,
    fine_tune_blocks=8,
    learning_rate=5e-4,
    features="once",
    augment_copies=2,
    class_weights="none",
)
CHOICE = BackboneSpec(starter_weights.BACKBONE, starter_weights.IMAGE_SIZE, starter_weights.ALPHA)


class Source:
    """Images in the zip by part and class."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)
        lines = self._zip.read("classes.txt").decode().splitlines()
        table = dict(line.split("\t") for line in lines)
        self.ids = {names.split(",")[0].replace(" ", "_"): key for key, names in table.items()}
        self._entries: dict[str, list[str]] = {}
        for name in sorted(self._zip.namelist()):
            if name.endswith(".webp"):
                self._entries.setdefault(name.rpartition("/")[0], []).append(name)

    def names(self, part: str, thing: str) -> list[str]:
        """Return the entries of one class, in order."""
        return self._entries[f"{part}/{self.ids[thing]}"]

    def read(self, name: str) -> bytes:
        """Return the bytes of one image file."""
        return self._zip.read(name)


def choose(source: Source) -> list[str]:
    """Return the candidates that the starter's features separate best, in alphabetical order."""
    features = _features(source, [n for c in CANDIDATES for n in source.names("train", c)[: LEARN + JUDGE]])
    features = features.reshape(len(CANDIDATES), LEARN + JUDGE, -1)
    weights = _fit(features[:, :LEARN])
    guesses = (features[:, LEARN:] @ weights[:-1] + weights[-1]).argmax(-1)
    right = (guesses == np.arange(len(CANDIDATES))[:, np.newaxis]).mean(1)
    order = np.argsort(-right, kind="stable")
    for index in order:
        print(f"{CANDIDATES[index]:20s} {100 * right[index]:5.1f} %", file=sys.stderr)
    return sorted(CANDIDATES[index] for index in order[:THINGS])


def _features(source: Source, names: Sequence[str]) -> np.ndarray:
    """Return standardized features, (n, 1280)."""
    keras, preprocessing = backend.keras(), CHOICE.preprocessing("stretch")
    network = build(CHOICE)
    starter_weights.assign(network, CHOICE)
    pooled = keras.Sequential([network, keras.layers.GlobalAveragePooling2D()])
    pixels = np.stack([transform.pixels(decode.decode(source.read(name), name), preprocessing) for name in names])
    found = pooled.predict(pixels.astype(np.float32) / 127.5 - 1.0, batch_size=64, verbose=0)
    return np.asarray((found - found.mean(0)) / (found.std(0) + 1e-3))


def _fit(features: np.ndarray) -> np.ndarray:
    """Fit a ridge regression to one-hot targets; return (features + 1, n), with the constant in the last row."""
    classes, each, width = features.shape
    x = np.hstack([features.reshape(-1, width), np.ones((classes * each, 1))])
    y = np.repeat(np.eye(classes), each, axis=0)
    return np.asarray(np.linalg.solve(x.T @ x + len(x) * 0.3 * np.eye(width + 1), x.T @ y))


def unpack(source: Source, things: Sequence[str], folder: Path) -> None:
    """Write the images to ``train/CLASS/`` and ``test/CLASS/``."""
    others = sorted(set(source.ids) - set(things))
    for part, into, count in (("train", "train", OTHER_TRAIN), ("val", "test", OTHER_TEST)):
        found = {thing.replace("_", " "): source.names(part, thing) for thing in things}
        # Evenly from all other classes.
        spread = [source.names(part, others[(7 * n) % len(others)])[n // len(others)] for n in range(count)]
        for name, entries in {**found, OTHERS: spread}.items():
            place = folder / into / name
            place.mkdir(parents=True, exist_ok=True)
            for entry in entries:
                (place / Path(entry).name).write_bytes(source.read(entry))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.make_default_model")
    for name in ("data", "work", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args()
    source, photos = Source(given.data), given.work / "photos"
    unpack(source, choose(source), photos)
    trained = train(TrainRequest(photos, SETTINGS, given.work / "runs"), TerminalObserver())
    assert isinstance(trained, TrainResult)
    made = trained.folder / "default.tflite"
    report = convert(
        ConvertOptions(
            model=trained.model, calibration=photos / "train", name="everyday", output=made, eval_data=photos / "test"
        )
    )
    assert isinstance(report, ConvertReport)  # of a classifier
    write_bytes(given.out, made.read_bytes())
    print(f"{given.out}: int8 {report.comparison.converted_accuracy}, float {report.comparison.float_accuracy}")


if __name__ == "__main__":
    main()
