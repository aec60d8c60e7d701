"""``edgevision card FILE.tflite``: add task, labels and preprocessing to any .tflite."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..inspection.card_options import CardOptions
from ..next_command import command, run_command
from .options import PATH, overwrite_option
from .setting_options import GroupedCommand, headings, setting_options
from .terminal import say, say_json

if TYPE_CHECKING:
    from ..inspection.add_card import Given


@click.command(
    cls=GroupedCommand, groups=headings(CardOptions, Output=("output", "show", "overwrite", "verbose", "help"))
)
@click.argument("file", type=PATH)
@setting_options(CardOptions)
@click.option("-o", "--output", type=PATH, help="File to write.")
@click.option("--show", is_flag=True, help="Print the model card as JSON and write nothing.")
@overwrite_option
def card(file: Path, output: Path | None, show: bool, overwrite: bool, **wish: Any) -> None:
    """Write a copy of a .tflite with a model card and standard metadata: task, labels, preprocessing."""
    from ..errors import UsageError
    from ..inspection.add_card import new_card, write

    if output is None and not show:
        raise UsageError(f"no output file; give -o OUT.tflite, or -o {file} --overwrite to replace the file itself")
    given = new_card(file, CardOptions(**wish))
    if show or output is None:
        say_json(given.card.to_json(), 1)
        return
    write(given, output, overwrite)
    _tell(given, output)


def _tell(given: Given, output: Path) -> None:
    card = given.card
    if not card.labels and card.task != "embedding":
        say("note: no labels, so predictions show class numbers; add them with --labels", err=True)
    if len(given.guessed) > 1:
        task, *others = given.guessed
        said = " or ".join(f"--task {other}" for other in others)
        say(f"note: the task {task} was guessed from the outputs; if it is another, set it with {said}", err=True)
    if given.compiled:
        say("note: the model is compiled for the Edge TPU and cannot run on a machine without one", err=True)
    names = f"{len(card.labels)} labels" if card.labels else "no labels"
    say(f"wrote {output}: {card.task}, {names}, {card.activation}, {card.preprocessing.describe()}")
    say(f"next: {command('inspect', output) if given.compiled else run_command(output)}")
