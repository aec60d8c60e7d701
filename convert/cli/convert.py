"""``edgevision convert``: converts a Keras model to one self-describing int8 .tflite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgevision.cli.options import PATH, json_option, overwrite_option, quiet_option, runs_option, seed_option


class Numbers(click.ParamType):  # type: ignore[type-arg]  # generic only in newer versions
    """One number, or three separated by commas, one per channel."""

    name = "NUMBER[,NUMBER,NUMBER]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """Parse the numbers."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            numbers = ()
        if len(numbers) not in (1, 3):
            self.fail(f"expected one number such as 127.5, or three separated by commas, got {value!r}", param, ctx)
        return numbers


@click.command()
@click.argument("model", type=PATH)
@click.option("--calibration", type=PATH, help="Folder with about 100 photos like those the camera will see.")
@click.option("--calibration-count", type=click.IntRange(10, 10_000), default=100, show_default=True)
@click.option("--labels", type=PATH, help="Text file with one label per line, in output order.")
@click.option("--name", help="Name of the model and the output files; default: the name of the model file.")
@click.option("-o", "--output", type=PATH, help="Path of the .tflite to write; default: a new folder under runs/.")
@click.option("--mean", type=Numbers(), help="Pixel value (0..255) that maps to 0.")
@click.option("--std", type=Numbers(), help="Difference in pixel values that maps to 1.")
@click.option(
    "--resize", type=click.Choice(["stretch", "crop", "letterbox"]), help="How images are fitted to the input size."
)
@click.option("--crop-fraction", type=click.FloatRange(0.01, 1.0), help="Share of the largest centered crop to keep.")
@click.option("--order", type=click.Choice(["RGB", "BGR"]), help="Channel order the network was trained with.")
@click.option(
    "--image-size", type=click.IntRange(8, 2048), help="Input side in pixels, for a model that takes any size."
)
@click.option("--architecture", help="Architecture of a weights-only file: mobilenet_v2, resnet50 ...")
@click.option("--alpha", type=click.FloatRange(0.05, 2.0), help="Width multiplier of the architecture.")
@click.option("--classes", type=click.IntRange(1, 100_000), help="Number of outputs of the architecture.")
@click.option("--allow-code", is_flag=True, help="Run the Python code of Lambda layers; only for trusted files.")
@click.option("--report-on", type=PATH, help="Labeled images to evaluate on: CSV of path,label, or class folders.")
@click.option(
    "--effort",
    type=click.Choice(["none", "low", "normal", "high"]),
    default="normal",
    show_default=True,
    help="How much to repair the int8 accuracy; high takes twice as long, none keeps TensorFlow Lite's result.",
)
@click.option(
    "--range",
    "range_method",
    type=click.Choice(["auto", "minmax", "p99.999", "p99.99"]),
    default="auto",
    show_default=True,
    help="Activation ranges: minimum and maximum, a percentile, or the method that agrees best with float.",
)
@click.option(
    "--max-drop",
    type=click.FloatRange(0.0, 100.0),
    help="Allowed accuracy loss in points; exit 3 above it.",
)
@click.option(
    "--with-embedding", is_flag=True, help="Also output the features before the last layer, as edgevision teach needs."
)
@json_option
@runs_option
@overwrite_option
@quiet_option
@seed_option
def convert(as_json: bool, quiet: bool, **values: Any) -> None:
    """Quantize a Keras MODEL (.keras, .h5 or SavedModel folder) to a self-describing int8 .tflite and report the accuracy loss."""
    from edgevision.errors import GateNotMet

    from ..pipeline import convert as run
    from ..report import summary
    from .progress import terminal_progress

    with terminal_progress(quiet) as progress:
        report = run(_options(values), progress)
    for note in () if quiet else report.notes:
        click.echo(f"note: {note}", err=True)
    if as_json:
        from edgevision.files.run_folder import dump

        click.echo(dump(report.to_json()))
    else:
        from rich.console import Console

        Console(highlight=False, markup=False, emoji=False).print(summary.table(report))
        click.echo("\n".join(summary.lines(report)))
    if report.gate is not None and not report.gate.met:
        raise GateNotMet(report.gate.message())


def _options(values: dict[str, Any]) -> Any:
    from ..keras_files.load_options import LoadOptions
    from ..pipeline import ConvertOptions
    from ..source_model.infer_preprocessing import PreprocessingOptions

    names = ("mean", "std", "resize", "crop_fraction", "order")
    preprocessing = PreprocessingOptions(**{name: values.pop(name) for name in names})
    load = LoadOptions(**{name: values.pop(name) for name in LoadOptions.__dataclass_fields__})
    model: Path = values.pop("model")
    return ConvertOptions(model=model, preprocessing=preprocessing, load=load, **values)
