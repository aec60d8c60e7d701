"""``edgevision run``: the live loop."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from edgevision.commands.grouped import GroupedCommand, Switch
from edgevision.commands.options import PATH, engine_option, overwrite_option

from .run_values import Bytes, Part, Rotation, Size, finite, four_numbers, parse_bytes

if TYPE_CHECKING:
    from ..cameras.wanted import Wanted

Command = Callable[..., int]
STARTED = time.monotonic()
"""As near to the start of the command as this module can know."""
GROUPS = {
    "Source": ("camera", "source", "size", "fps", "rotate", "flip", "roi", "frozen"),
    "Answers": ("top", "threshold", "smooth", "on_motion", "masks"),
    "Output": ("as_json", "events", "summary", "contact_sheet", "collect", "collect_quota", "overwrite", "quiet"),
    "Running": ("engine", "limit", "threads", "state", "runs"),
    "Configuration": ("config", "save_config", "help"),
}


def _switch(*names: str, help: str) -> Callable[[Command], Command]:
    return click.option(*names, cls=Switch, help=help)


@click.command(cls=GroupedCommand, groups=GROUPS)
@click.argument("model", type=PATH, required=False)
@click.option(
    "--camera",
    metavar="SPEC",
    help="A number as edgevision cameras lists them, usb:NAME, /dev/videoN, a URL, - (JPEGs on standard input; "
    "raw:640x480:rgb24 for raw frames), or test: for a moving pattern.  [default: 0]",
)
@click.option(
    "--source",
    metavar="SPEC",
    help="A picture, a folder of pictures, a video file, a URL, test:, or - and raw:640x480:rgb24 as above: every frame.",
)
@click.option("--size", type=Size(), metavar="WxH", help="Pixels to ask the camera for.  [default: the camera's own]")
@click.option(
    "--fps",
    type=click.FloatRange(0, 1000, min_open=True),
    callback=finite,
    metavar="N",
    help="Frames a second, at most.  [default: as many as come]",
)
@click.option("--rotate", type=Rotation(), default=0, metavar="DEGREES", help="Turn clockwise: 0, 90, 180 or 270.")
@click.option(
    "--flip",
    type=click.Choice(["none", "horizontal", "vertical", "both"]),
    default="none",
    metavar="HOW",
    help="Mirror after turning: horizontal, vertical or both.",
)
@click.option(
    "--roi",
    type=Part(),
    metavar="X,Y,W,H",
    help="Look at this part of the turned picture alone, each number 0 to 1: 0.25,0.25,0.5,0.5 is the middle.",
)
@click.option(
    "--frozen",
    type=click.FloatRange(0),
    callback=finite,
    metavar="SECONDS",
    help="A live picture that does not change for so long is frozen, and the camera reopened; 0: never.",
)
@click.option(
    "--top", type=click.IntRange(1, 1000), default=5, metavar="N", help="Labels for each frame, at most.  [default: 5]"
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    callback=finite,
    metavar="SCORE",
    help='Scores below it are "unknown", 0 to 1.  [default: the model\'s own]',
)
@click.option(
    "--smooth",
    type=click.IntRange(1, 1000),
    default=1,
    metavar="N",
    help="Show labels by their mean score over N frames; events follow these means.  [default: 1]",
)
@_switch("--on-motion", help="Show the model a frame only when the picture moved, and every 10 s.")
@_switch("--masks", help="With --json, write a segmenter's mask in run lengths.")
@engine_option("auto")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="End after so many frames.")
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    metavar="N",
    help="CPU threads of the model.  [default: as many as there are cores]",
)
@_switch("--json", "as_json", help="One JSON object a line on stdout; all else goes to stderr.")
@_switch(
    "--events",
    help="Put events on stdout, among the results: a label entered, left or changed, a camera is lost, ...",
)
@click.option(
    "--summary",
    type=PATH,
    metavar="FILE",
    help="Write counts, times and memory of the whole run to this file, as JSON.",
)
@click.option(
    "--contact-sheet",
    type=PATH,
    metavar="FILE",
    help="At the end, draw the frames that tell most on one .png or .jpg, with boxes, masks and labels.",
)
@click.option(
    "--collect",
    type=PATH,
    metavar="FOLDER",
    help="Keep pictures for the next training: where the model is unsure, and where a label came.",
)
@click.option(
    "--collect-quota",
    type=Bytes(),
    default="500MB",
    metavar="SIZE",
    help="What they may take on the disk; the oldest go first.  [default: 500MB]",
)
@click.option(
    "--state",
    type=PATH,
    metavar="FOLDER",
    help="Where edgevision teach keeps what it taught.  [default: the device's state folder]",
)
@click.option(
    "--runs",
    type=PATH,
    default=Path("runs"),
    metavar="FOLDER",
    help="Without MODEL: where the newest convert-N/*.tflite is looked for; else a small model that comes along is taken.  "
    "[default: runs]",
)
@overwrite_option
@_switch("--quiet", help="No progress and no notes.")
@click.option(
    "--config",
    type=PATH,
    multiple=True,
    metavar="FILE",
    help="Take options from this TOML file; of several the later ones win, and the command line wins over all. What a "
    "file switches on, --no-events and the like switch off.",
)
@click.option("--save-config", type=PATH, metavar="FILE", help="Write these options to a TOML file instead of running.")
@click.pass_context
def run(ctx: click.Context, /, config: tuple[Path, ...], save_config: Path | None, **given: Any) -> int:
    """Recognise what a camera, video, picture or folder shows.

    MODEL is a .tflite that says how it is fed, as edgevision convert and edgevision card write it. SIGUSR1 makes a
    running loop tell counts, times, memory and throttling on stderr.
    """
    if config:
        given |= _from_config(ctx, config, given)
    if given["camera"] is not None and given["source"] is not None:
        raise click.UsageError("give --camera or --source, not both")
    if save_config is not None:
        return _save(ctx, given, save_config)
    quota = parse_bytes(given.pop("collect_quota"))
    assert quota is not None, "checked by the option"
    # Until the loop begins nothing is thrown away, so looking for garbage would only slow down the start.
    gc.disable()
    try:
        from ..launch import launch
        from ..options import Options

        return launch(Options(wanted=_wanted(given), collect_quota=quota, **given), STARTED)
    finally:
        gc.enable()


def _from_config(ctx: click.Context, paths: tuple[Path, ...], given: dict[str, Any]) -> dict[str, Any]:
    """What the files say and the command line does not."""
    from .. import run_config

    typed = {name for name in given if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    if typed & {"camera", "source"}:
        typed |= {"camera", "source"}
    found = run_config.read_all(paths, ctx.command, ctx)
    return {name: value for name, value in found.items() if name not in typed}


def _save(ctx: click.Context, given: dict[str, Any], path: Path) -> int:
    import shlex

    from edgevision.files import require_absent, write_text

    from .. import run_config

    require_absent(path, given["overwrite"], "--save-config")
    defaults = {parameter.name: parameter.get_default(ctx) for parameter in ctx.command.params}
    text = run_config.dumps(ctx.command, {k: v for k, v in given.items() if v != defaults[k]}, path)
    secret = any("@" in (given[place] or "") for place in ("camera", "source"))
    if secret:
        click.echo(f"note: {path} holds a password; nobody but you may read it", err=True)
    write_text(path, text, private=secret)
    click.echo(f"saved: {path}", err=True)
    click.echo(f"next: edgevision run --config {shlex.quote(str(path))}", err=True)
    return 0


def _wanted(given: dict[str, Any]) -> Wanted:
    """What is asked of the source; takes those options out."""
    from ..cameras.wanted import Wanted

    size, roi = given.pop("size"), given.pop("roi")
    width, height = (int(side) for side in size.split("x")) if size else (None, None)
    return Wanted(
        width,
        height,
        given.pop("fps"),
        given.pop("rotate"),
        given.pop("flip"),
        four_numbers(roi) if roi else None,
        frozen_s=given.pop("frozen"),
    )
