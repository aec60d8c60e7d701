"""``edgevision train PHOTOS/``: a classifier from a folder of photos, scored on pictures it never saw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from edgevision.commands.options import PATH, json_option, quiet_option, runs_option
from edgevision.errors import BadInput, UsageError

from ..train.settings import AUTO, OPTIONS, Option, Settings, checked, default

if TYPE_CHECKING:
    from ..train.training import TrainRequest

F = TypeVar("F", bound=Callable[..., Any])


class SettingType(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions only
    """The value of one setting, checked as in config.toml."""

    def __init__(self, name: str, option: Option) -> None:
        self.setting, self.option = name, option
        kinds = {"int": "N", "float": "X", "text": "TEXT", "ints": "N,N,...", "choice": "|".join(option.choices)}
        self.name = kinds[option.kind] + (f"|{AUTO}" if option.auto else "")

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """What is shown in --help."""
        return f"[{self.name}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value as ``Settings`` keeps it."""
        try:
            return checked(self.setting, _parsed(self.option.kind, value) if isinstance(value, str) else value)
        except BadInput as error:
            self.fail(str(error).partition(" ")[2], param, ctx)


def setting_options(function: F) -> F:
    """One option for each setting."""
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
@click.option("--config", type=PATH, help="Take all settings from a config.toml; options given here win.")
@click.option(
    "--fit-budget",
    metavar="MS@BENCH.json",
    help="Take the largest network that a board is quick enough for: 30ms@board.json, from edgevision bench sweep.",
)
@click.option("--resume", type=PATH, help="Go on with an interrupted run, e.g. runs/train-1.")
@json_option
@runs_option
@quiet_option
def train(as_json: bool, quiet: bool, **values: Any) -> None:
    """Train a classifier on PHOTOS: a folder with one sub-folder per class, or with train/ and test/; a CSV; a zip."""
    from ..train.summary import show
    from ..train.training import train as run
    from ..train.watcher import TerminalWatcher, Watcher

    if values["fit_budget"] is not None:
        _fit_budget(values, quiet)
    result = run(_request(values), Watcher() if quiet else TerminalWatcher())
    if as_json:
        from edgevision.runs import dump

        click.echo(dump(result.to_json()))
    else:
        show(result)


def _fit_budget(values: dict[str, Any], quiet: bool) -> None:
    """Sets backbone, alpha and image size."""
    from edgevision.terminal import note

    from ..train.fit_budget import propose

    ctx = click.get_current_context()
    names = ("backbone", "alpha", "image_size", "resume")
    typed = [f"--{n.replace('_', '-')}" for n in names if ctx.get_parameter_source(n) == ParameterSource.COMMANDLINE]
    if typed:
        raise UsageError(f"--fit-budget chooses the network; leave out {', '.join(typed)}")
    found = propose(values["fit_budget"])
    note(found.reason, quiet)
    for name in names[:3]:
        values[name] = getattr(found, name)
        ctx.set_parameter_source(name, ParameterSource.COMMANDLINE)


def _request(values: dict[str, Any]) -> TrainRequest:
    from ..train import config_file
    from ..train.training import TrainRequest, resumed

    ctx = click.get_current_context()
    typed = [name for name in values if ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE]
    photos: Path | None = values["photos"]
    if values["resume"] is not None:
        others = [f"--{name.replace('_', '-')}" if name != "photos" else "PHOTOS" for name in typed if name != "resume"]
        if others:
            raise UsageError(
                f"--resume goes on with the pictures and settings of the run; leave out {', '.join(others)}"
            )
        photos, settings = resumed(values["resume"])
        return TrainRequest(photos, settings, values["resume"].parent, values["resume"])
    chosen: dict[str, Any] = {}
    if values["config"] is not None:
        chosen, named = config_file.read(values["config"])
        photos = photos or (Path(named) if named else None)
    if photos is None:
        raise UsageError("say what to train on: edgevision train PHOTOS/, a folder with one sub-folder per class")
    chosen |= {name: values[name] for name in typed if name in OPTIONS}
    return TrainRequest(photos, Settings(**chosen), values["runs"])


def _parsed(kind: str, text: str) -> Any:
    """A word of the command line as the kind of value a setting takes; left as it is where it is none."""
    if text == AUTO:
        return text
    try:
        if kind == "ints":
            return [int(part) for part in text.split(",")]
        return {"int": int, "float": float}.get(kind, str)(text)
    except ValueError:
        return text
