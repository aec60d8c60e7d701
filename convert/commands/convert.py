"""``edgevision convert``: a Keras model to one self-describing int8 .tflite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgevision.commands.options import PATH, json_option, overwrite_option, quiet_option, runs_option, seed_option


class Numbers(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions only
    """One number, or one per channel with commas between."""

    name = "NUMBER[,NUMBER,NUMBER]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """The numbers."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            numbers = ()
        if len(numbers) not in (1, 3):
            self.fail(f"{value!r} is neither one number nor three with commas between, e.g. 127.5", param, ctx)
        return numbers


@click.command()
@click.argument("model", type=PATH)
@click.option("--calibration", type=PATH, help="Folder with about 100 photos like those the camera will see.")
@click.option("--calibration-count", type=click.IntRange(10, 10_000), default=100, show_default=True)
@click.option("--labels", type=PATH, help="Text file with one label a line, in the order of the outputs.")
@click.option("--name", help="Name of the model and of the files written; default: the model's own.")
@click.option("-o", "--output", type=PATH, help="Where to write the .tflite; default: a new folder under runs/.")
@click.option("--mean", type=Numbers(), help="Pixel value that becomes 0, on the scale 0..255.")
@click.option("--std", type=Numbers(), help="Pixel steps that become 1.")
@click.option("--resize", type=click.Choice(["stretch", "crop", "letterbox"]), help="How a picture meets the input.")
@click.option("--crop-fraction", type=click.FloatRange(0.01, 1.0), help="Part of the largest centred crop to keep.")
@click.option("--order", type=click.Choice(["RGB", "BGR"]), help="Channel order the network was trained with.")
@click.option("--image-size", type=click.IntRange(8, 2048), help="Side of the input, for a model that takes any size.")
@click.option("--architecture", help="Network of a weights-only file: mobilenet_v2, resnet50 ...")
@click.option("--alpha", type=click.FloatRange(0.05, 2.0), help="Width of that network.")
@click.option("--classes", type=click.IntRange(1, 100_000), help="Outputs of that network.")
@click.option("--allow-code", is_flag=True, help="Run the Python code of Lambda layers: trust whoever made the file.")
@click.option("--report-on", type=PATH, help="Labelled pictures to score on: CSV of path,label, or class folders.")
@click.option(
    "--effort",
    type=click.Choice(["none", "low", "normal", "high"]),
    default="normal",
    show_default=True,
    help="How much to repair what int8 loses; high takes twice as long, none leaves what TensorFlow Lite makes.",
)
@click.option(
    "--range",
    "range_method",
    type=click.Choice(["auto", "minmax", "p99.999", "p99.99"]),
    default="auto",
    show_default=True,
    help="Activation ranges: smallest and largest value, a percentile, or what agrees best with float.",
)
@click.option("--max-drop", type=click.FloatRange(0.0, 100.0), help="Points of accuracy that may be lost; else exit 3.")
@click.option(
    "--with-embedding", is_flag=True, help="Also give the features before the last layer: edgevision teach needs them."
)
@json_option
@runs_option
@overwrite_option
@quiet_option
@seed_option
def convert(as_json: bool, quiet: bool, **values: Any) -> None:
    """Quantize a Keras MODEL (.keras, .h5 or SavedModel folder) to one self-describing int8 .tflite, and show what that cost."""
    from edgevision.errors import GateNotMet

    from ..convert import convert as run
    from ..progress import terminal_progress
    from ..summary import show

    with terminal_progress(quiet) as progress:
        report = run(_options(values), progress)
    for note in () if quiet else report.notes:
        click.echo(f"note: {note}", err=True)
    if as_json:
        from edgevision.runs import dump

        click.echo(dump(report.to_json()))
    else:
        show(report)
    if report.gate is not None and not report.gate.met:
        raise GateNotMet(report.gate.message())


def _options(values: dict[str, Any]) -> Any:
    from ..convert import ConvertOptions
    from ..infer_rule import RuleOptions
    from ..load_options import LoadOptions

    names = ("mean", "std", "resize", "crop_fraction", "order")
    rule = RuleOptions(**{name: values.pop(name) for name in names})
    load = LoadOptions(**{name: values.pop(name) for name in LoadOptions.__dataclass_fields__})
    model: Path = values.pop("model")
    return ConvertOptions(model=model, rule=rule, load=load, **values)
