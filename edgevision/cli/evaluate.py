"""``edgevision evaluate MODEL|RUN PHOTOS/``: measure the accuracy of a model, or compare two models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .options import PATH, engine_option, json_option, quiet_option, runs_option

if TYPE_CHECKING:
    from ..evaluation.evaluate import Evaluation
    from ..evaluation.request import Request
    from ..files.run_folder import Run


def _number(_: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Refuse NaN, which click's range types accept."""
    if value is not None and value != value:
        raise click.BadParameter("nan is not a number", param=parameter)
    return value


@click.command()
@click.argument("model", type=PATH)
@click.argument("photos", type=PATH)
@click.option("--compare", type=PATH, metavar="MODEL|RUN", help="Second model to compare with on the same images.")
@click.option(
    "--split",
    type=click.Choice(["train", "val", "test", "all"]),
    help="Part to evaluate; default: test if present, else all.",
)
@click.option(
    "--split-file",
    type=PATH,
    metavar="CSV|RUN",
    help="split.csv of a training, or its run folder; default: the one next to the model.",
)
@click.option(
    "--label-map", type=PATH, metavar="CSV", help="CSV of name,label: the model's label for a folder or a file."
)
@click.option(
    "--unrelated",
    "negatives",
    type=PATH,
    metavar="DIR",
    help="Images that show none of the classes, to measure false positives.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    callback=_number,
    help="Score (0 to 1) from which a prediction counts; default: the model's threshold.",
)
@click.option("--threads", type=click.IntRange(1, 256), help="CPU threads for a .tflite; default: one per core.")
@engine_option("cpu")
@click.option(
    "--limit", type=click.IntRange(1), help="Evaluate at most this many images; the same images are drawn each time."
)
@json_option
@runs_option
@quiet_option
def evaluate(as_json: bool, quiet: bool, **values: Any) -> None:
    """Evaluate MODEL (.tflite, .keras, .h5, or the run folder of a training) on labeled PHOTOS.

    PHOTOS: a folder with one subfolder per class, or with train/, val/ and test/; a CSV of path,label; or a zip of these.
    """
    from ..evaluation.request import Request, prepare, run
    from .terminal import bar

    request = Request(**values)
    prepared = prepare(request)
    total = len(prepared.pictures.items) + len(prepared.pictures.negatives)
    with bar("evaluating", total, quiet) as step:
        done, folder = run(request, prepared, step)
    _show(request, done, folder, as_json, quiet)


def _show(request: Request, done: Evaluation, folder: Run, as_json: bool, quiet: bool) -> None:
    from ..evaluation.tables import result_line, tables
    from ..files.run_folder import dump
    from ..reporting.terminal import printable
    from .terminal import note, show

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

    facts = done.result.subject.facts
    model, photos = shlex.quote(facts.path), shlex.quote(str(request.photos))
    if facts.kind == "tflite":
        return f"edgevision run {model} --camera 0"
    return f"edgevision convert {model} --calibration {photos}"
