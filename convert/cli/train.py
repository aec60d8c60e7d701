"""``edgevision train PHOTOS/``: trains a classifier, or a detector if the photos have boxes, and evaluates it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from edgevision.cli.options import PATH, json_option, quiet_option
from edgevision.cli.setting_options import GroupedCommand, headings, setting_options
from edgevision.cli.terminal import say, say_json
from edgevision.errors import GateNotMet, UsageError

from ..training.config.request import TrainRequest
from ..training.config.settings import SETTINGS, TrainSettings


@click.command(
    cls=GroupedCommand,
    groups=headings(
        TrainSettings,
        TrainRequest,
        Model=("fit_budget",),
        Output=("as_json", "quiet", "verbose"),
        Configuration=("config", "help"),
    ),
)
@click.argument("photos", type=PATH, required=False)
@setting_options(TrainSettings, TrainRequest)
@click.option(
    "--config",
    type=PATH,
    metavar="FILE",
    help="Read all settings from a config.toml; options given here take precedence.",
)
@click.option(
    "--fit-budget",
    metavar="MS@BENCH.json",
    help="Use the largest network within a board's latency budget: 30ms@board.json, measured by edgevision bench sweep.",
)
@json_option
@quiet_option
def train(as_json: bool, quiet: bool, **values: Any) -> None:
    """Train a classifier on PHOTOS: a folder with one subfolder per class or with train/ and test/, a CSV, or a zip.

    With --from RUN, continue from a deployed model with the photos collected since.

    If the photos have boxes (Pascal VOC, COCO, YOLO and others), train a detector. With --task anomaly, PHOTOS shows good
    things alone.
    """
    from edgevision.cli.terminal import show

    from ..training.anomaly.result import AnomalyResult
    from ..training.cluster.worker_result import WorkerResult
    from ..training.detector import summary as detector_summary
    from ..training.detector.result import DetectorResult
    from ..training.monitor.observer import TrainingObserver
    from ..training.report import summary
    from ..training.report.result import TrainResult
    from ..training.run import train as run
    from .train_progress import TerminalObserver

    if values["fit_budget"] is not None:
        _fit_budget(values, quiet)
    result = run(_request(values), TrainingObserver() if quiet else TerminalObserver())
    if as_json:
        say_json(result.to_json())
    else:
        if isinstance(result, AnomalyResult | WorkerResult):
            tables, lines = [], result.lines()
        elif isinstance(result, DetectorResult):
            tables, lines = detector_summary.tables(result), detector_summary.lines(result)
        else:
            tables, lines = summary.tables(result), summary.lines(result)
        show(*tables)
        for line in lines:
            say(line)
    proposal = result.proposal if isinstance(result, TrainResult) else None
    if proposal is not None and not proposal.accepted:
        raise GateNotMet(proposal.message())


def _fit_budget(values: dict[str, Any], quiet: bool) -> None:
    """Set backbone, alpha and image size."""
    from edgevision.cli.terminal import note

    from ..training.network.latency_budget import propose

    ctx = click.get_current_context()
    names = ("backbone", "alpha", "image_size", "resume")
    typed = [f"--{n.replace('_', '-')}" for n in names if ctx.get_parameter_source(n) == ParameterSource.COMMANDLINE]
    if typed:
        raise UsageError(f"--fit-budget chooses the network; omit {', '.join(typed)}")
    found = propose(values["fit_budget"])
    note(found.reason, quiet)
    for name in names[:3]:
        values[name] = getattr(found, name)
        ctx.set_parameter_source(name, ParameterSource.COMMANDLINE)


def _request(values: dict[str, Any]) -> TrainRequest:
    from ..training.config import config_file
    from ..training.run import resumed

    ctx = click.get_current_context()
    typed = [name for name in values if ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE]
    photos: Path | None = values["photos"]
    if values["resume"] is not None:
        here = ("resume", "ray")
        others = [f"--{name.replace('_', '-')}" if name != "photos" else "PHOTOS" for name in typed if name not in here]
        if others:
            raise UsageError(f"--resume uses the photos and settings of the interrupted run; omit {', '.join(others)}")
        photos, settings = resumed(values["resume"])
        return TrainRequest(photos, settings, resume=values["resume"], ray=values["ray"])
    chosen: dict[str, Any] = {}
    if values["config"] is not None:
        chosen, named = config_file.read(values["config"])
        photos = photos or (Path(named) if named else None)
    if photos is None:
        raise UsageError("no photos given: run edgevision train PHOTOS/, a folder with one subfolder per class")
    chosen |= {name: values[name] for name in typed if name in SETTINGS}
    return TrainRequest(
        photos,
        TrainSettings(**chosen),
        values["runs"],
        output=values["output"],
        ray=values["ray"],
        overwrite=values["overwrite"],
    )
