"""``edgevision run``: recognize what a camera, video or image shows."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from edgevision.cli.option_groups import GroupedCommand, Switch
from edgevision.cli.options import PATH, engine_option, overwrite_option

from .option_types import Bytes, Region, Rotation, Size, finite, four_numbers, parse_bytes

if TYPE_CHECKING:
    from ..stream.request import CaptureRequest

Command = Callable[..., int]
STARTED = time.monotonic()
"""The start of the command, in seconds of the monotonic clock, as early as this module can know it."""
GROUPS = {
    "Source": ("camera", "source", "size", "fps", "rotate", "flip", "roi", "frozen"),
    "Answers": ("top", "threshold", "smooth", "on_motion", "masks"),
    "Output": (
        "as_json",
        "events",
        "summary",
        "contact_sheet",
        "collect",
        "collect_quota",
        "overwrite",
        "quiet",
        "verbose",
    ),
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
    help="Camera number from edgevision cameras, usb:NAME, /dev/videoN, a URL, - (JPEGs on standard input; "
    "raw:640x480:rgb24 for raw frames), or test: (a generated pattern).  [default: 0]",
)
@click.option(
    "--source",
    metavar="SPEC",
    help="Read every frame of an image, a folder of images, a video file, a URL, test:, - or raw:640x480:rgb24 (see --camera).",
)
@click.option(
    "--size", type=Size(), metavar="WxH", help="Image size to request from the camera.  [default: the camera's own]"
)
@click.option(
    "--fps",
    type=click.FloatRange(0, 1000, min_open=True),
    callback=finite,
    metavar="N",
    help="Process at most N frames per second.  [default: no limit]",
)
@click.option("--rotate", type=Rotation(), default=0, metavar="DEGREES", help="Rotate clockwise by 0, 90, 180 or 270.")
@click.option(
    "--flip",
    type=click.Choice(["none", "horizontal", "vertical", "both"]),
    default="none",
    metavar="HOW",
    help="Mirror the image after rotating it: horizontal, vertical or both.",
)
@click.option(
    "--roi",
    type=Region(),
    metavar="X,Y,W,H",
    help="Crop to this part of the rotated image; each number is 0 to 1, so 0.25,0.25,0.5,0.5 is the middle.",
)
@click.option(
    "--frozen",
    type=click.FloatRange(0),
    callback=finite,
    metavar="SECONDS",
    help="Reopen the camera if its image has not changed for this long; 0: never.",
)
@click.option(
    "--top",
    type=click.IntRange(1, 1000),
    default=5,
    metavar="N",
    help="Report at most N labels per frame.  [default: 5]",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    callback=finite,
    metavar="SCORE",
    help='Report scores below this (0 to 1) as "unknown".  [default: the model\'s own]',
)
@click.option(
    "--smooth",
    type=click.IntRange(1, 1000),
    default=1,
    metavar="N",
    help="Average scores over N frames, for labels and events.  [default: 1]",
)
@_switch("--on-motion", help="Run the model only when the image changes, and every 10 s.")
@_switch("--masks", help="With --json, include segmentation masks as run lengths.")
@engine_option("auto")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Stop after N frames.")
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    metavar="N",
    help="CPU threads for the model.  [default: the number of cores]",
)
@_switch("--json", "as_json", help="Print one JSON object per line on stdout; everything else goes to stderr.")
@_switch(
    "--events",
    help="Also print events on stdout: a label entered, left or changed, the camera was lost, ...",
)
@click.option(
    "--summary",
    type=PATH,
    metavar="FILE",
    help="Write counts, latencies and memory use of the run to this file, as JSON.",
)
@click.option(
    "--contact-sheet",
    type=PATH,
    metavar="FILE",
    help="At the end, write one .png or .jpg that shows the most informative frames with boxes, masks and labels.",
)
@click.option(
    "--collect",
    type=PATH,
    metavar="FOLDER",
    help="Collect images for the next training: where the model is unsure, and where a label entered.",
)
@click.option(
    "--collect-quota",
    type=Bytes(),
    default="500MB",
    metavar="SIZE",
    help="Disk space for the collected images; the oldest are deleted first.  [default: 500MB]",
)
@click.option(
    "--state",
    type=PATH,
    metavar="FOLDER",
    help="Folder with the classes added by edgevision teach.  [default: the device's state folder]",
)
@click.option(
    "--runs",
    type=PATH,
    default=Path("runs"),
    metavar="FOLDER",
    help="Without MODEL: use the newest convert-N/*.tflite in this folder, or else the bundled default model.  [default: runs]",
)
@overwrite_option
@_switch("--quiet", help="Print no progress and no notes.")
@click.option(
    "--config",
    type=PATH,
    multiple=True,
    metavar="FILE",
    help="Read options from this TOML file. Later files override earlier ones, and the command line overrides all files; "
    "--no-events and the like switch off what a file switches on.",
)
@click.option("--save-config", type=PATH, metavar="FILE", help="Write these options to a TOML file instead of running.")
@click.pass_context
def run(ctx: click.Context, /, config: tuple[Path, ...], save_config: Path | None, **given: Any) -> int:
    """Recognize what a camera, video, image or folder shows.

    MODEL is a .tflite with preprocessing metadata, as written by edgevision convert and edgevision card. On SIGUSR1 a
    running loop prints counts, latencies, memory use and throttling on stderr.
    """
    if config:
        given |= _from_config(ctx, config, given)
        ctx.params["quiet"] = given["quiet"]  # also the limit of the log
    if given["camera"] is not None and given["source"] is not None:
        raise click.UsageError("give --camera or --source, not both")
    if save_config is not None:
        return _save(ctx, given, save_config)
    quota = parse_bytes(given.pop("collect_quota"))
    assert quota is not None, "checked by the option"
    # Nothing becomes garbage before the loop starts, so collections would only slow down the start.
    gc.disable()
    try:
        from ..loop.app import launch
        from ..loop.options import Options

        return launch(Options(wanted=_wanted(given), collect_quota=quota, **given), STARTED)
    finally:
        gc.enable()


def _from_config(ctx: click.Context, paths: tuple[Path, ...], given: dict[str, Any]) -> dict[str, Any]:
    """Return the options that are set in the files and not on the command line."""
    from ..loop import config_file

    typed = {name for name in given if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    if typed & {"camera", "source"}:
        typed |= {"camera", "source"}
    found = config_file.read_all(paths, ctx.command, ctx)
    return {name: value for name, value in found.items() if name not in typed}


def _save(ctx: click.Context, given: dict[str, Any], path: Path) -> int:
    import shlex

    from edgevision.files.atomic import require_absent, write_text

    from ..loop import config_file

    require_absent(path, given["overwrite"], "--save-config")
    defaults = {parameter.name: parameter.get_default(ctx) for parameter in ctx.command.params}
    text = config_file.dumps(ctx.command, {k: v for k, v in given.items() if v != defaults[k]}, path)
    secret = any("@" in (given[place] or "") for place in ("camera", "source"))
    if secret:
        click.echo(f"note: {path} contains a password; it is readable only by you", err=True)
    write_text(path, text, private=secret)
    click.echo(f"saved: {path}", err=True)
    click.echo(f"next: edgevision run --config {shlex.quote(str(path))}", err=True)
    return 0


def _wanted(given: dict[str, Any]) -> CaptureRequest:
    """Remove the options of the source from ``given`` and return them as a request."""
    from ..stream.request import CaptureRequest

    size, roi = given.pop("size"), given.pop("roi")
    width, height = (int(side) for side in size.split("x")) if size else (None, None)
    return CaptureRequest(
        width,
        height,
        given.pop("fps"),
        given.pop("rotate"),
        given.pop("flip"),
        four_numbers(roi) if roi else None,
        frozen_s=given.pop("frozen"),
    )
