"""``edgevision bench``: how fast a model is on this machine, and how sure that is."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.commands.options import PATH, json_option, quiet_option, runs_option, seed_option

if TYPE_CHECKING:
    from ..bench.benchmark import Request

MEASURE = "measure"


class BenchGroup(click.Group):
    """``edgevision bench MODEL`` is ``edgevision bench measure MODEL``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = [MEASURE, *args]
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Those of ``measure``, which need not be named."""
        self.commands[MEASURE].format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


@click.group(cls=BenchGroup, subcommand_metavar="[measure] MODEL... | COMMAND ...")
def bench() -> None:
    """Measure MODELs (.tflite) on this machine: time, start, memory, and whether the figures can be believed."""


@bench.command(MEASURE)
@click.argument("models", type=PATH, nargs=-1, metavar="MODEL...")
@click.option("--engine", "engines", default="cpu", show_default=True, metavar="NAME,...", help="What runs them.")
@click.option(
    "--threads",
    metavar="N,...",
    help="CPU threads of the model, one or several.  [default: as many as there are cores]",
)
@click.option(
    "--source",
    metavar="SPEC",
    help="Measure the whole loop, too, on a video, a folder of pictures, a camera, or test:@fast (a drawn pattern).",
)
@click.option(
    "--accuracy",
    type=PATH,
    metavar="PHOTOS",
    help="Score the models, too, on labelled pictures, as edgevision evaluate does: accuracy against time.",
)
@click.option(
    "--label-map", type=PATH, metavar="CSV", help="For --accuracy, name,label: what the model calls a folder or a file."
)
@click.option("--profile", is_flag=True, help="Estimate the time of each operator, on the CPU.")
@click.option(
    "--seconds",
    type=click.FloatRange(1, 86_400),
    default=120.0,
    show_default=True,
    help="Measure for so long at most, all models together.",
)
@click.option(
    "--precision",
    type=click.FloatRange(0.1, 50),
    default=5.0,
    show_default=True,
    help="Go on until each median's 95 % interval is so narrow, in percent of the median.",
)
@seed_option
@json_option
@runs_option
@quiet_option
def measure(runs: Path, as_json: bool, quiet: bool, **values: Any) -> int:
    """Measure MODELs together, in blocks that take turns. MEASURE may be left out.

    Exit code 3: the machine throttled, swapped, was busy, or differs from itself, so that the figures cannot be believed.
    """
    from edgevision.runs import new_run

    from ..bench.benchmark import Opened
    from ..bench.progress import bar
    from ..bench.telling import tell, write

    request = _request(values)
    with Opened(request) as opened, new_run(runs, "bench") as run:
        with bar(quiet, len(request.combinations)) as step:
            found = opened.measure(step)
        run.exit_code = 0 if found.valid else 3
        run.outputs += write(found, run.folder)
    record = shlex.quote(str(run.folder / "bench.json"))
    tell(found, run.folder, as_json, f"edgevision bench compare {record} OTHER.json")
    return run.exit_code


@bench.command()
@click.argument("files", type=PATH, nargs=-1, required=True, metavar="BENCH.json...")
@click.option("--markdown", is_flag=True, help="Print a table for a README, and nothing else.")
@seed_option
@json_option
@runs_option
def compare(files: tuple[Path, ...], markdown: bool, seed: int, as_json: bool, runs: Path) -> None:
    """Put the results of several bench.json files into one table and one page; ratios are to the first."""
    from edgevision.runs import dump, new_run
    from edgevision.terminal import printable, show

    from ..bench import compare_table
    from ..bench.compare import compare as compared

    found = compared(files, seed)
    if markdown:
        click.echo(compare_table.markdown(found))
        return
    with new_run(runs, "bench") as run:
        compare_table.write_page(found, run.folder / "compare.html")
        run.outputs.append("compare.html")
    if as_json:
        click.echo(dump(found.to_json()))
        return
    show(compare_table.comparison_table(found))
    fastest = min(found.rows, key=lambda row: row.result["predict_ms"]["p50"])
    doubtful = sum(not row.valid for row in found.rows)
    warning = f"; {doubtful} of {len(found.rows)} are NOT VALID" if doubtful else ""
    click.echo(printable(f"fastest: {fastest.name} on {fastest.record.machine_name}{warning}"))
    click.echo(run.folder.absolute() / "compare.html")
    click.echo(f"next: edgevision bench compare --markdown {shlex.join(map(str, files))}")


@bench.command()
@click.option(
    "--backbones", default="mobilenet_v2", show_default=True, metavar="NAME,...", help="As for edgevision train."
)
@click.option("--alphas", default="0.35,0.5,1.0", show_default=True, metavar="X,...", help="Widths.")
@click.option("--sizes", default="96,160,224", show_default=True, metavar="N,...", help="Pixels of a side.")
@click.option("--classes", type=click.IntRange(2, 10_000), default=10, show_default=True, help="What they tell apart.")
@click.option("--models", type=PATH, metavar="FOLDER", help="Where the models are put.  [default: the run folder]")
@click.option(
    "--models-only", is_flag=True, help="Make the models and measure nothing: for a board without TensorFlow."
)
@click.option("--engine", "engines", default="cpu", show_default=True, metavar="NAME,...", help="What runs them.")
@click.option("--threads", metavar="N,...", help="CPU threads.  [default: as many as there are cores]")
@click.option("--seconds", type=click.FloatRange(1, 86_400), default=300.0, show_default=True, help="At most, for all.")
@seed_option
@json_option
@runs_option
@quiet_option
def sweep(runs: Path, quiet: bool, as_json: bool, **values: Any) -> int:
    """Measure networks with random weights, to choose one for a board before anything is trained.

    The bench.json is what edgevision train --fit-budget reads.
    """
    from edgevision.runs import new_run
    from edgevision.terminal import bar as counted

    from ..bench.benchmark import Opened
    from ..bench.progress import bar
    from ..bench.sweep import make, networks
    from ..bench.telling import tell, write

    alphas = _list(values["alphas"], float, "--alphas")
    specs = networks(values["backbones"].split(","), alphas, _list(values["sizes"], int, "--sizes"))
    with new_run(runs, "bench") as run:
        folder = values["models"] or run.folder
        with counted("making networks", len(specs), quiet) as step:
            made = make(specs, values["classes"], folder, step)
        run.outputs += [path.name for path in made]
        if values["models_only"]:
            click.echo(f"{len(made)} models: {folder.absolute()}")
            click.echo("next: copy them to the board, and there: edgevision bench *.tflite")
            return 0
        request = _request(values | {"models": tuple(made), "precision": 5.0})
        with Opened(request) as opened, bar(quiet, len(made)) as step:
            found = opened.measure(step)
        run.exit_code = 0 if found.valid else 3
        run.outputs += write(found, run.folder)
    budget = f"edgevision train PHOTOS/ --fit-budget 30ms@{shlex.quote(str(run.folder / 'bench.json'))}"
    again = f"edgevision bench {shlex.quote(str(folder))}/*.tflite, when nothing else runs"
    tell(found, run.folder, as_json, budget if found.valid else again)
    return run.exit_code


def _list(text: str, kind: Callable[[str], Any], option: str) -> list[Any]:
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"{text!r} is no list of numbers with commas between", param_hint=option) from None


def _request(values: dict[str, Any]) -> Request:
    from edgevision.interpreter import available_cpus

    from ..bench.benchmark import Request
    from ..bench.steady import Plan

    seconds = values["seconds"]
    plan = Plan(precision=values["precision"] / 100, most_s=seconds, seed=values["seed"])
    engines = tuple(dict.fromkeys(_engine(name) for name in values["engines"].split(",")))
    threads = _numbers(values["threads"]) if values["threads"] else (available_cpus(),)
    optional = {name: values.get(name) for name in ("source", "accuracy", "label_map")}
    return Request(values["models"], engines, threads, profile=values.get("profile", False), plan=plan, **optional)


def _engine(name: str) -> str:
    from edgevision.engines.table import check_name
    from edgevision.errors import UnknownName

    try:
        return check_name(name.strip())
    except UnknownName as error:
        raise click.BadParameter(str(error), param_hint="--engine") from None


def _numbers(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and 1 <= int(part) <= 256 for part in parts):
        raise click.BadParameter(
            f"{text!r} is no list of numbers from 1 to 256; write, for one, 1,2,4", param_hint="--threads"
        )
    return tuple(dict.fromkeys(map(int, parts)))
