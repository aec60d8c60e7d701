"""``edgevision card FILE.tflite``: add task, labels and preprocessing to any .tflite."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from ..model_file.card import ACTIVATIONS
from ..preprocessing.spec import ModelOrder, Resize
from ..types import Task
from .options import PATH, overwrite_option

if TYPE_CHECKING:
    from ..inspection.add_card import Given


def _numbers(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """Parse one number, or one per channel: 127.5 or 123.7,116.3,103.5."""
    try:
        return None if value is None else tuple(float(part) for part in value.split(","))
    except ValueError:
        message = f"{value!r} is not a number; give one number, or one per channel: 123.7,116.3,103.5"
        raise click.BadParameter(message, ctx, param) from None


@click.command()
@click.argument("file", type=PATH)
@click.option(
    "--task", type=click.Choice(get_args(Task)), help="Task of the model; default: inferred from its outputs."
)
@click.option("--labels", type=PATH, help="Text file with the class names, one per line.")
@click.option("--resize", type=click.Choice(get_args(Resize)), help="How to fit an image into the input.")
@click.option(
    "--crop-fraction", type=click.FloatRange(0, 1, min_open=True), help="Share of the image that --resize crop keeps."
)
@click.option(
    "--mean",
    metavar="NUMBERS",
    callback=_numbers,
    help="Mean in (pixel - mean) / std, pixels 0..255, one number or one per channel; default: from a uint8 input.",
)
@click.option("--std", metavar="NUMBERS", callback=_numbers, help="Standard deviation in (pixel - mean) / std.")
@click.option(
    "--order",
    type=click.Choice(get_args(ModelOrder)),
    help="Channel order of the input; default: RGB, or GRAY for one channel.",
)
@click.option(
    "--activation",
    type=click.Choice(ACTIVATIONS),
    help="Activation of the output; default: inferred from the last operator.",
)
@click.option("--name", help="Name of the model; default: the file's name.")
@click.option("--threshold", type=click.FloatRange(0, 1), help='Scores below this are reported as "unknown", 0..1.')
@click.option(
    "--edgetpu",
    type=PATH,
    metavar="COMPILED",
    help="FILE as compiled for the Edge TPU; stored inside, so that one file runs on CPU and Edge TPU.",
)
@click.option("-o", "--output", type=PATH, help="File to write.")
@click.option("--show", is_flag=True, help="Print the model card as JSON and write nothing.")
@overwrite_option
def card(file: Path, output: Path | None, show: bool, overwrite: bool, **wish: Any) -> None:
    """Write a copy of a .tflite with a model card and standard metadata: task, labels, preprocessing."""
    from ..errors import UsageError
    from ..inspection.add_card import CardOptions, new_card, write

    if output is None and not show:
        raise UsageError(f"no output file; give -o OUT.tflite, or -o {file} --overwrite to replace the file itself")
    given = new_card(file, CardOptions(**wish))
    if show or output is None:
        click.echo(given.card.dumps())
        return
    write(given, output, overwrite)
    _tell(given, output)


def _tell(given: Given, output: Path) -> None:
    card = given.card
    if not card.labels and card.task != "embedding":
        click.echo("note: no labels, so predictions show class numbers; add them with --labels", err=True)
    if given.compiled:
        click.echo("note: the model is compiled for the Edge TPU and cannot run on a machine without one", err=True)
    names = f"{len(card.labels)} labels" if card.labels else "no labels"
    click.echo(f"wrote {output}: {card.task}, {names}, {card.activation}, {card.preprocessing.describe()}")
    path = shlex.quote(str(output))
    click.echo(f"next: edgevision inspect {path}" if given.compiled else f"next: edgevision run {path} --camera 0")
