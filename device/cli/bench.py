"""``edgevision bench``: measure how fast models run on this machine, with confidence intervals."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.cli.default_group import DefaultGroup
from edgevision.cli.options import PATH, json_option, quiet_option, runs_option, seed_option
from edgevision.cli.setting_options import list_of, option_of
from edgevision.cli.terminal import say, say_json, say_lines
from edgevision.settings import MAX_PIXELS

from ..loop.options import SETTINGS

if TYPE_CHECKING:
    from ..bench.benchmark import Request

MEASURE = "measure"


class BenchGroup(DefaultGroup):
    """Command group whose help shows the options of ``measure``, the default sub-command."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of ``measure`` and the sub-commands."""
        self.commands[MEASURE].format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


@click.group(cls=BenchGroup, default=MEASURE, subcommand_metavar="[measure] MODEL... | COMMAND ...")
def bench() -> None:
    """Measure latency, cold start and memory of MODELs (.tflite) on this machine, and check that the result is valid."""


@bench.command(MEASURE)
@click.argument("models", type=PATH, nargs=-1, metavar="MODEL...")
@click.option(
    "--engine", "engines", default="cpu", show_default=True, metavar="NAME,...", help="Engines to run them on."
)
@click.option(
    "--threads",
    metavar="N,...",
    help="Numbers of CPU threads to measure, for example 1,2,4.  [default: the number of cores]",
)
@click.option(
    "--source",
    metavar="SPEC",
    help="Also measure the whole loop on a video, a folder of images, a camera, or test:@fast (a generated pattern).",
)
@option_of(SETTINGS["insecure"])
@click.option(
    "--accuracy",
    type=PATH,
    metavar="PHOTOS",
    help="Also score the models on labeled photos, as edgevision evaluate does, to plot accuracy against latency.",
)
@click.option(
    "--label-map",
    type=PATH,
    metavar="CSV",
    help="For --accuracy: CSV (name,label) that maps folder or file names to the model's labels.",
)
@click.option("--profile", is_flag=True, help="Estimate the time of each operator (CPU only).")
@click.option(
    "--seconds",
    type=click.FloatRange(1, 86_400),
    default=120.0,
    show_default=True,
    help="Time limit for all models together, in seconds.",
)
@click.option(
    "--precision",
    type=click.FloatRange(0.1, 50),
    default=5.0,
    show_default=True,
    help="Stop when the 95 % confidence interval of every median is this narrow, in percent of the median.",
)
@option_of(MAX_PIXELS)
@seed_option
@json_option
@runs_option
@quiet_option
def measure(runs: Path, max_pixels: int, as_json: bool, quiet: bool, **values: Any) -> int:
    """Measure MODELs together, in interleaved blocks. The word MEASURE is optional.

    Exit code 3: the result is not valid, because the machine throttled, swapped, was busy, or did not repeat its own figures.
    """
    from edgevision.files.run_folder import new_run
    from edgevision.preprocessing.pixel_limit import set_max_pixels

    from ..bench.benchmark import Opened
    from ..bench.report import write
    from .bench_output import bar, tell

    set_max_pixels(max_pixels)
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
@click.option("--markdown", is_flag=True, help="Print only a Markdown table, for a README.")
@seed_option
@json_option
@runs_option
def compare(files: tuple[Path, ...], markdown: bool, seed: int, as_json: bool, runs: Path) -> None:
    """Compare the results of several bench.json files in one table and one page; ratios are relative to the first."""
    from edgevision.cli.terminal import show
    from edgevision.files.run_folder import new_run

    from ..bench import comparison_tables
    from ..bench.compare import compare as compared

    if markdown and as_json:
        raise click.UsageError("--markdown and --json cannot be combined; give only one")
    found = compared(files, seed)
    if markdown:
        say_lines(comparison_tables.markdown(found))
        return
    with new_run(runs, "bench") as run:
        comparison_tables.write_page(found, run.folder / "compare.html")
        run.outputs.append("compare.html")
    if as_json:
        say_json(found.to_json())
        return
    show(comparison_tables.comparison_table(found))
    fastest = min(found.rows, key=lambda row: row.result["predict_ms"]["p50"])
    doubtful = sum(not row.valid for row in found.rows)
    warning = f"; {doubtful} of {len(found.rows)} are NOT VALID" if doubtful else ""
    say(f"fastest: {fastest.name} on {fastest.record.machine_name}{warning}")
    say(run.folder.absolute() / "compare.html")
    say(f"next: edgevision bench compare --markdown {shlex.join(map(str, files))}")


@bench.command()
@click.option(
    "--backbones",
    default="mobilenet_v2",
    show_default=True,
    metavar="NAME,...",
    help="Backbones, as in edgevision train.",
)
@click.option("--alphas", default="0.35,0.5,1.0", show_default=True, metavar="X,...", help="Width multipliers.")
@click.option("--sizes", default="96,160,224", show_default=True, metavar="N,...", help="Input sizes, in pixels.")
@click.option("--classes", type=click.IntRange(2, 10_000), default=10, show_default=True, help="Number of classes.")
@click.option(
    "--models", type=PATH, metavar="FOLDER", help="Write the models to this folder.  [default: the run folder]"
)
@click.option(
    "--models-only", is_flag=True, help="Make the models without measuring them, for a board without TensorFlow."
)
@click.option(
    "--engine", "engines", default="cpu", show_default=True, metavar="NAME,...", help="Engines to run them on."
)
@click.option("--threads", metavar="N,...", help="Numbers of CPU threads.  [default: the number of cores]")
@click.option(
    "--seconds",
    type=click.FloatRange(1, 86_400),
    default=300.0,
    show_default=True,
    help="Time limit in seconds.",
)
@seed_option
@json_option
@runs_option
@quiet_option
def sweep(runs: Path, quiet: bool, as_json: bool, **values: Any) -> int:
    """Measure networks with random weights, to choose one for a board before training.

    edgevision train --fit-budget reads the resulting bench.json.
    """
    from edgevision.cli.terminal import bar as counted
    from edgevision.files.run_folder import new_run

    from ..bench.benchmark import Opened
    from ..bench.report import write
    from ..bench.sweep import make, networks
    from .bench_output import bar, tell

    if values["models_only"] and as_json:
        raise click.UsageError("--models-only measures nothing that --json could print; omit one of them")
    alphas = _list(values["alphas"], float, "--alphas")
    specs = networks(values["backbones"].split(","), alphas, _list(values["sizes"], int, "--sizes"))
    with new_run(runs, "bench") as run:
        folder = values["models"] or run.folder
        with counted("building networks", len(specs), quiet) as step:
            made = make(specs, values["classes"], folder, step)
        run.outputs += [path.name for path in made]
        if values["models_only"]:
            say(f"{len(made)} models: {folder.absolute()}")
            say("next: copy them to the board, and there: edgevision bench *.tflite")
            return 0
        request = _request(values | {"models": tuple(made), "precision": 5.0})
        with Opened(request) as opened, bar(quiet, len(made)) as step:
            found = opened.measure(step)
        run.exit_code = 0 if found.valid else 3
        run.outputs += write(found, run.folder)
    budget = f"edgevision train PHOTOS/ --fit-budget 30ms@{shlex.quote(str(run.folder / 'bench.json'))}"
    again = f"edgevision bench {shlex.quote(str(folder))}/*.tflite  # while no other program is running"
    tell(found, run.folder, as_json, budget if found.valid else again)
    return run.exit_code


def _list(text: str, kind: Callable[[str], Any], option: str) -> list[Any]:
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"expected numbers separated by commas, got {text!r}", param_hint=option) from None


def _request(values: dict[str, Any]) -> Request:
    from edgevision.engines.interpreter import available_cpus
    from edgevision.engines.registry import ENGINE, THREADS

    from ..bench.benchmark import Request
    from ..bench.stopping_rule import MeasurementPlan

    seconds = values["seconds"]
    plan = MeasurementPlan(precision=values["precision"] / 100, most_s=seconds, seed=values["seed"])
    engines = list_of(ENGINE, values["engines"])
    threads = list_of(THREADS, values["threads"]) if values["threads"] else (available_cpus(),)
    optional: dict[str, Any] = {name: values.get(name) for name in ("source", "accuracy", "label_map")}
    flags: dict[str, Any] = {name: values.get(name, False) for name in ("profile", "insecure")}
    return Request(values["models"], engines, threads, plan=plan, **flags, **optional)
