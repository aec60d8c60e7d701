"""``edgevision card FILE.tflite``: gives somebody else's model its task, labels and preprocessing."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from ..card import ACTIVATIONS
from ..data import Task
from ..rule import ModelOrder, Resize
from .options import PATH, overwrite_option

if TYPE_CHECKING:
    from ..give_card import Given


def _numbers(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """One number, or one for each channel: 127.5 or 123.7,116.3,103.5."""
    try:
        return None if value is None else tuple(float(part) for part in value.split(","))
    except ValueError:
        message = f"{value!r} is no number; give one, or one a channel: 123.7,116.3,103.5"
        raise click.BadParameter(message, ctx, param) from None


@click.command()
@click.argument("file", type=PATH)
@click.option("--task", type=click.Choice(get_args(Task)), help="What the model is for; guessed from its outputs.")
@click.option("--labels", type=PATH, help="Names of the classes: a text file, one a line.")
@click.option("--resize", type=click.Choice(get_args(Resize)), help="How a picture is fitted into the input.")
@click.option("--crop-fraction", type=click.FloatRange(0, 1, min_open=True), help="How much of the picture crop keeps.")
@click.option(
    "--mean",
    metavar="NUMBERS",
    callback=_numbers,
    help="Of (pixel - mean) / std, pixel 0..255; read from a uint8 input.",
)
@click.option("--std", metavar="NUMBERS", callback=_numbers, help="See --mean.")
@click.option(
    "--order", type=click.Choice(get_args(ModelOrder)), help="Channels of the input; RGB, or GRAY if it has one."
)
@click.option(
    "--activation", type=click.Choice(ACTIVATIONS), help="What the output holds; read from the last operator."
)
@click.option("--name", help="Name of the model; the file's name by default.")
@click.option("--threshold", type=click.FloatRange(0, 1), help="A lower score is answered with: unknown.")
@click.option(
    "--edgetpu",
    type=PATH,
    metavar="COMPILED",
    help="What the Edge TPU compiler made of FILE; it goes inside, and the one file runs on both.",
)
@click.option("-o", "--output", type=PATH, help="Where to write the copy.")
@click.option("--show", is_flag=True, help="Print the card as JSON and write nothing.")
@overwrite_option
def card(file: Path, output: Path | None, show: bool, overwrite: bool, **wish: Any) -> None:
    """Write a copy of a .tflite with standard metadata and a card: task, labels, preprocessing."""
    from ..errors import UsageError
    from ..give_card import Wish, new_card, write

    if output is None and not show:
        raise UsageError(f"say where to write the copy: -o OUT.tflite (--overwrite -o {file} replaces the file itself)")
    given = new_card(file, Wish(**wish))
    if show or output is None:
        click.echo(given.card.dumps())
        return
    write(given, output, overwrite)
    _tell(given, output)


def _tell(given: Given, output: Path) -> None:
    card = given.card
    if not card.labels and card.task != "embedding":
        click.echo("note: without --labels the answers are numbers", err=True)
    if given.compiled:
        click.echo("note: compiled for the Edge TPU: it cannot run on a machine without one", err=True)
    names = f"{len(card.labels)} labels" if card.labels else "no labels"
    click.echo(f"wrote {output}: {card.task}, {names}, {card.activation}, {card.rule.describe()}")
    path = shlex.quote(str(output))
    click.echo(f"next: edgevision inspect {path}" if given.compiled else f"next: edgevision run {path} --camera 0")
