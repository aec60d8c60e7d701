"""``edgevision capture``: take labeled photos for training with the camera that will be deployed."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.cli.options import PATH, json_option, quiet_option
from edgevision.cli.setting_options import finite, option_of, setting_options
from edgevision.cli.terminal import say, say_json

from ..loop.options import CAMERA, DEFAULT_CAMERA, Options

if TYPE_CHECKING:
    from ..collection.capture import CaptureResult


@click.command()
@click.argument("name")
@option_of(CAMERA, default=DEFAULT_CAMERA, help="Camera, as in edgevision run.")
@click.option("--count", type=click.IntRange(1), default=100, metavar="N", help="Photos to take.  [default: 100]")
@click.option(
    "--every",
    type=click.FloatRange(0),
    callback=finite,
    default=0.5,
    metavar="SECONDS",
    help="Shortest time between two photos.  [default: 0.5]",
)
@click.option(
    "--out", type=PATH, default=Path("photos"), metavar="FOLDER", help="Write photos to FOLDER/NAME.  [default: photos]"
)
@setting_options(Options, only=("size", "rotate", "flip", "roi", "insecure"))
@click.option("--keep-all", is_flag=True, help="Also keep blurred photos and photos similar to the previous one.")
@json_option
@quiet_option
def capture(
    name: str, camera: str, count: int, every: float, out: Path, as_json: bool, quiet: bool, **rest: Any
) -> None:
    """Take photos of NAME with the camera that will be deployed, into the folders that edgevision train reads.

    Move the object or the camera meanwhile: blurred photos and photos similar to the previous one are skipped. Nothing is
    overwritten; a second run adds photos.
    """
    from contextlib import closing

    from edgevision.cli.terminal import bar, note
    from edgevision.preprocessing.native_log import silence

    from ..cameras.registry import open_camera
    from ..collection.capture import CaptureResult, class_folder
    from ..collection.capture import capture as take

    silence()
    captured = CaptureResult(class_folder(out, name))
    keep_all, begun = rest.pop("keep_all"), time.monotonic()
    try:
        with closing(open_camera(camera, wanted=Options(**rest).capture_request)) as source:
            note(f"source: {source.spec} ({source.description})", quiet)
            with bar(f"photos of {name}", count, quiet) as progress:
                take(
                    source,
                    captured,
                    count,
                    every,
                    keep_all=keep_all,
                    progress=progress,
                    tell=lambda text: note(text, quiet),
                )
    finally:
        _tell(captured, out, time.monotonic() - begun, as_json)


def _tell(captured: CaptureResult, out: Path, seconds: float, as_json: bool) -> None:
    if as_json:
        say_json(captured.to_json(), 1)
        return
    if not captured.files:
        return
    if text := captured.describe():
        say(text)
    classes = sorted(path.name for path in out.iterdir() if path.is_dir() and not path.name.startswith("."))
    taken = f"{len(captured.files)} photo{'s' * (len(captured.files) != 1)}"
    say(f"{taken} in {captured.folder} in {seconds:.0f} s.")
    what = shlex.quote(f"{out}/")
    if len(classes) < 2:
        say(f"Next: capture at least one more class under its own name, then run edgevision train {what}")
    elif lacking := _lacks(out):
        say(f"Next: capture more, then run edgevision train {what}: {lacking}")
    else:
        say(f"Next: edgevision train {what}")


def _lacks(out: Path) -> str | None:
    """Return what the photos lack for a training, or None."""
    from edgevision.datasets.dataset import open_dataset
    from edgevision.errors import BadInput

    try:
        open_dataset(out).require_trainable()
    except BadInput as error:
        return str(error)
    return None
