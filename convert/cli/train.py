"""``edgevision train PHOTOS/``: trains a classifier on a folder of photos and evaluates it on held-out photos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from edgevision.cli.options import PATH, json_option, quiet_option, runs_option
from edgevision.errors import BadInput, UsageError

from ..train.config.settings import AUTO, OPTIONS, Option, Settings, checked, default

if TYPE_CHECKING:
    from ..train.run import TrainRequest

F = TypeVar("F", bound=Callable[..., Any])


class SettingType(click.ParamType):  # type: ignore[type-arg]  # generic only in newer versions
    """The value of a setting, validated as in config.toml."""

    def __init__(self, name: str, option: Option) -> None:
        self.setting, self.option = name, option
        kinds = {"int": "N", "float": "X", "text": "TEXT", "ints": "N,N,...", "choice": "|".join(option.choices)}
        self.name = kinds[option.kind] + (f"|{AUTO}" if option.auto else "")

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Return the placeholder shown by --help."""
        return f"[{self.name}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse and validate the value."""
        try:
            return checked(self.setting, _parsed(self.option.kind, value) if isinstance(value, str) else value)
        except BadInput as error:
            self.fail(str(error).partition(" ")[2], param, ctx)


def setting_options(function: F) -> F:
    """Add one option per setting to a command."""
    for name, option in reversed(OPTIONS.items()):
        flag = "--" + name.replace("_", "-")
        value = default(name)
        if option.kind == "flag":
            names = f"{flag}/--no-{flag[2:]}" if value else flag
            function = click.option(names, name, is_flag=True, default=value, help=option.help)(function)
        else:
            shown = AUTO if value is None else ",".join(map(str, value)) if option.kind == "ints" else value
            kind = SettingType(name, option)
            function = click.option(flag, name, type=kind, default=value, show_default=str(shown), help=option.help)(
                function
            )
    return function


@click.command()
@click.argument("photos", type=PATH, required=False)
@setting_options
@click.option("--config", type=PATH, help="Read all settings from a config.toml; options given here take precedence.")
@click.option(
    "--fit-budget",
    metavar="MS@BENCH.json",
    help="Use the largest network within a board's latency budget: 30ms@board.json, measured by edgevision bench sweep.",
)
@click.option("--resume", type=PATH, help="Resume an interrupted run, e.g. runs/train-1.")
@json_option
@runs_option
@quiet_option
def train(as_json: bool, quiet: bool, **values: Any) -> None:
    """Train a classifier on PHOTOS: a folder with one subfolder per class or with train/ and test/, a CSV, or a zip."""
    from edgevision.cli.terminal import show

    from ..train.monitor.observer import TrainingObserver
    from ..train.report import summary
    from ..train.run import TrainingInterrupted
    from ..train.run import train as run
    from .train_progress import TerminalObserver

    if values["fit_budget"] is not None:
        _fit_budget(values, quiet)
    try:
        result = run(_request(values), TrainingObserver() if quiet else TerminalObserver())
    except TrainingInterrupted as error:
        click.echo(error, err=True)
        raise
    if as_json:
        from edgevision.files.run_folder import dump

        click.echo(dump(result.to_json()))
    else:
        show(*summary.tables(result))
        click.echo("\n".join(summary.lines(result)))


def _fit_budget(values: dict[str, Any], quiet: bool) -> None:
    """Set backbone, alpha and image size."""
    from edgevision.cli.terminal import note

    from ..train.network.latency_budget import propose

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
    from ..train.config import config_file
    from ..train.run import TrainRequest, resumed

    ctx = click.get_current_context()
    typed = [name for name in values if ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE]
    photos: Path | None = values["photos"]
    if values["resume"] is not None:
        others = [f"--{name.replace('_', '-')}" if name != "photos" else "PHOTOS" for name in typed if name != "resume"]
        if others:
            raise UsageError(f"--resume uses the photos and settings of the interrupted run; omit {', '.join(others)}")
        photos, settings = resumed(values["resume"])
        return TrainRequest(photos, settings, values["resume"].parent, values["resume"])
    chosen: dict[str, Any] = {}
    if values["config"] is not None:
        chosen, named = config_file.read(values["config"])
        photos = photos or (Path(named) if named else None)
    if photos is None:
        raise UsageError("no photos given: run edgevision train PHOTOS/, a folder with one subfolder per class")
    chosen |= {name: values[name] for name in typed if name in OPTIONS}
    return TrainRequest(photos, Settings(**chosen), values["runs"])


def _parsed(kind: str, text: str) -> Any:
    """Convert a command-line value to the type of the setting; return it unchanged if that fails."""
    if text == AUTO:
        return text
    try:
        if kind == "ints":
            return [int(part) for part in text.split(",")]
        return {"int": int, "float": float}.get(kind, str)(text)
    except ValueError:
        return text
