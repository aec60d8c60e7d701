"""``edgevision capture``: take labelled photos for training with the camera that will be deployed."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.cli.options import PATH, json_option, quiet_option

from .option_types import Region, Rotation, Size, finite, four_numbers

if TYPE_CHECKING:
    from ..collection.capture import CaptureResult
    from ..stream.request import CaptureRequest


@click.command()
@click.argument("name")
@click.option("--camera", default="0", metavar="SPEC", help="Camera, as in edgevision run.  [default: 0]")
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
@click.option(
    "--size", type=Size(), metavar="WxH", help="Image size to request from the camera.  [default: the camera's own]"
)
@click.option("--rotate", type=Rotation(), default=0, metavar="DEGREES", help="Rotate clockwise by 0, 90, 180 or 270.")
@click.option(
    "--flip",
    type=click.Choice(["none", "horizontal", "vertical", "both"]),
    default="none",
    help="Mirror the image after rotating it.",
)
@click.option("--roi", type=Region(), metavar="X,Y,W,H", help="Crop to this part of the rotated image.")
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
    from edgevision.preprocessing.opencv_log import silence

    from ..cameras.registry import open_camera
    from ..collection.capture import CaptureResult, class_folder
    from ..collection.capture import capture as take

    silence()
    captured = CaptureResult(class_folder(out, name))
    keep_all, begun = rest.pop("keep_all"), time.monotonic()
    try:
        with closing(open_camera(camera, wanted=_wanted(**rest))) as source:
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


def _wanted(size: str | None, rotate: int, flip: str, roi: str | None) -> CaptureRequest:
    from ..stream.request import CaptureRequest

    width, height = (int(side) for side in size.split("x")) if size else (None, None)
    part = four_numbers(roi) if roi else None
    return CaptureRequest(width, height, rotate=rotate, flip=flip, roi=part)  # type: ignore[arg-type]


def _tell(captured: CaptureResult, out: Path, seconds: float, as_json: bool) -> None:
    if as_json:
        import json

        click.echo(json.dumps(captured.to_json(), ensure_ascii=False, indent=1))
        return
    if not captured.files:
        return
    if text := captured.describe():
        click.echo(text)
    classes = sorted(path.name for path in out.iterdir() if path.is_dir() and not path.name.startswith("."))
    taken = f"{len(captured.files)} photo{'s' * (len(captured.files) != 1)}"
    click.echo(f"{taken} in {captured.folder} in {seconds:.0f} s.")
    what = shlex.quote(f"{out}/")
    if len(classes) > 1:
        click.echo(f"Next: edgevision train {what}")
    else:
        click.echo(f"Next: capture at least one more class under its own name, then run edgevision train {what}")
