"""Compare the two ways to int8: from a Keras model, and from the float .tflite that TensorFlow makes of it.

    python benchmarks/float_tflite.py MODEL.h5|MODEL.tflite ... --photos FOLDER [--draws 3] [--effort none,normal]
                                      [--class-offset 1] [--resize crop --crop-fraction 0.875]

Of a Keras model, TensorFlow's own converter makes the float .tflite. Both are given to ``edgevision convert`` with the same
photos and the same seed, so that both are evaluated on the same held-out images. A .tflite goes the second way alone. With
--class-offset, an image's class is the number at the start of its file name plus the offset.

Agreement is with the float network of the same way. Counts are sums over the draws, whose held-out images overlap: an
interval would look narrower than it is. Prints Markdown.
"""

from __future__ import annotations

import argparse
import csv
import re
import resource
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgevision.convert import ConvertOptions, ConvertReport, PreprocessingOptions, backend, convert

from edgevision.files.run_folder import versions
from edgevision.model_file import model_file
from edgevision.preprocessing.image_folder import find


@dataclass
class Tally:
    """Sums over the draws."""

    same: int = 0
    total: int = 0
    right_float: int = 0
    right_int8: int = 0
    labeled: int = 0
    seconds: float = 0.0
    """Processor time, child processes included."""

    def add(self, report: ConvertReport, seconds: float) -> None:
        """Add the figures of one conversion."""
        result = report.comparison
        assert result.agreement is not None
        self.same, self.total = self.same + result.agreement.count, self.total + result.agreement.total
        self.seconds += seconds
        if result.float_accuracy is not None and result.converted_accuracy is not None:
            self.right_float += result.float_accuracy.count
            self.right_int8 += result.converted_accuracy.count
            self.labeled += result.float_accuracy.total


def main() -> None:
    """Measure and print one table for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--photos", required=True, type=Path)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--effort", type=lambda text: text.split(","), default=["none", "normal"])
    parser.add_argument("--class-offset", type=int)
    parser.add_argument("--resize", choices=("stretch", "crop", "letterbox"))
    parser.add_argument("--crop-fraction", type=float)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for model in given.models:
            print(f"\n## {model.stem}\n\n{given.draws} draws of 100 images.\n")
            print("| | same answer as float | top-1 float | top-1 int8 | processor time, s |\n|---|---|---|---|---|")
            for name, tally in measure(model, given, Path(folder)).items():
                print(row(name, tally), flush=True)
    known = versions()
    print("\nMade with " + ", ".join(f"{name} {known[name]}" for name in known if name != "opencv-python") + ".")


def measure(model: Path, given: argparse.Namespace, folder: Path) -> dict[str, Tally]:
    """Convert a model in both ways, once for each draw and effort."""
    labels = None if given.class_offset is None else label_list(given.photos, given.class_offset, folder)
    options = ConvertOptions(model, given.photos, eval_data=labels, overwrite=True)
    geometry = PreprocessingOptions(resize=given.resize, crop_fraction=given.crop_fraction)
    found: dict[str, Tally] = {}
    for seed in range(given.draws):
        for effort in given.effort:
            wish = replace(options, effort=effort, seed=seed, output=folder / "out.tflite", preprocessing=geometry)
            if model.suffix != ".tflite":
                _, preprocessing = run(wish, found.setdefault(f"Keras, --effort {effort}", Tally()))
                wish = replace(wish, model=float_tflite(model, folder), preprocessing=preprocessing)
            run(wish, found.setdefault(f"float .tflite, --effort {effort}", Tally()))
    return found


def run(options: ConvertOptions, tally: Tally) -> tuple[ConvertReport, PreprocessingOptions]:
    """Convert once; return the report, and the preprocessing of the source as options."""
    before = processor_time()
    report = convert(options)
    assert isinstance(report, ConvertReport)
    tally.add(report, processor_time() - before)
    source = report.normalization
    fraction = source.crop_fraction if source.resize == "crop" else None
    return report, PreprocessingOptions(source.mean, source.std, source.resize, fraction)


def float_tflite(model: Path, folder: Path) -> Path:
    """Return the float .tflite that TensorFlow's converter makes of a Keras model, as its documentation shows it."""
    path = folder / f"{model.stem}.tflite"
    if not path.exists():
        with backend.quiet():
            keras: Any = backend.keras().models.load_model(model, compile=False)
            path.write_bytes(backend.tensorflow().lite.TFLiteConverter.from_keras_model(keras).convert())
        assert model_file.read(path).card is None
    return path


def label_list(photos: Path, offset: int, folder: Path) -> Path:
    """Write a CSV of path and class of all photos."""
    path = folder / "labels.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("path", "label"))
        for photo in find(photos):
            number = re.match(r"\d+", photo.name)
            assert number is not None, f"{photo} does not start with its class"
            writer.writerow((photo.resolve(), int(number[0]) + offset))
    return path


def processor_time() -> float:
    """Return the processor time of this process and its ended children, in seconds."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def row(name: str, tally: Tally) -> str:
    """Return a row of the table."""

    def share(count: int, total: int) -> str:
        return f"{count} of {total} ({100 * count / total:.1f} %)" if total else "-"

    cells = [
        share(tally.same, tally.total),
        share(tally.right_float, tally.labeled),
        share(tally.right_int8, tally.labeled),
    ]
    return f"| {' | '.join([name, *cells, f'{tally.seconds:.0f}'])} |"


if __name__ == "__main__":
    main()
