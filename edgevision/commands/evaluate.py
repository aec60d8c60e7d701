"""``edgevision evaluate MODEL|RUN PHOTOS/``: how good a model is, and how much two differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .options import PATH, engine_option, json_option, quiet_option, runs_option

if TYPE_CHECKING:
    from ..evaluate import Evaluation
    from ..evaluate_files import Request
    from ..runs import Run


def _number(_: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Range types let NaN through."""
    if value is not None and value != value:
        raise click.BadParameter("nan is no number", param=parameter)
    return value


@click.command()
@click.argument("model", type=PATH)
@click.argument("photos", type=PATH)
@click.option("--compare", type=PATH, metavar="MODEL|RUN", help="Another model, on the same pictures.")
@click.option(
    "--split",
    type=click.Choice(["train", "val", "test", "all"]),
    help="Which part is scored; default: test where there is one, else all.",
)
@click.option(
    "--split-file", type=PATH, metavar="CSV|RUN", help="The split.csv of a training; default: the one beside the model."
)
@click.option("--label-map", type=PATH, metavar="CSV", help="name,label: what the model calls a folder or a file.")
@click.option(
    "--unrelated",
    type=PATH,
    metavar="DIR",
    help="Pictures that show none of the classes: how often is there an answer?",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    callback=_number,
    help="Score from which an answer counts; default: the model's own.",
)
@click.option(
    "--threads", type=click.IntRange(1, 256), help="CPU threads of a .tflite; default: as many as there are cores."
)
@engine_option("cpu")
@click.option("--limit", type=click.IntRange(1), help="Score at most so many pictures, the same each time.")
@json_option
@runs_option
@quiet_option
def evaluate(as_json: bool, quiet: bool, **values: Any) -> None:
    """Score MODEL (.tflite, .keras, .h5, or the run folder of a training) on labelled PHOTOS.

    PHOTOS: a folder with one sub-folder per class, or with train/, val/ and test/; a CSV of path,label; or a zip of these.
    """
    from ..evaluate_files import Request, prepare, run
    from ..terminal import bar

    request = Request(**values)
    prepared = prepare(request)
    total = len(prepared.pictures.items) + len(prepared.pictures.unrelated)
    with bar("scoring", total, quiet) as step:
        done, folder = run(request, prepared, step)
    _show(request, done, folder, as_json, quiet)


def _show(request: Request, done: Evaluation, folder: Run, as_json: bool, quiet: bool) -> None:
    from ..evaluation_table import result_line, tables
    from ..runs import dump
    from ..terminal import note, printable, show

    for line in done.notes:
        note(line, quiet)
    if as_json:
        click.echo(dump(done.to_json()))
        return
    show(*tables(done))
    click.echo(printable(result_line(done)))
    click.echo(folder.folder.absolute())
    click.echo(f"next: {_next(request, done)}")


def _next(request: Request, done: Evaluation) -> str:
    import shlex

    facts = done.verdict.subject.facts
    model, photos = shlex.quote(facts.path), shlex.quote(str(request.photos))
    if facts.kind == "tflite":
        return f"edgevision run {model} --camera 0"
    return f"edgevision convert {model} --calibration {photos}"
