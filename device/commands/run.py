"""``edgevision run``: the live loop."""

from __future__ import annotations

import time
from pathlib import Path

import click

from edgevision.commands.options import PATH, overwrite_option, quiet_option

STARTED = time.monotonic()
"""As near to the start of the command as this module can know."""


def _number(_: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Range types let NaN through."""
    if value is not None and value != value:
        raise click.BadParameter("nan is no number", param=parameter)
    return value


@click.command()
@click.argument("model", type=PATH, required=False)
@click.option(
    "--camera",
    metavar="SPEC",
    help="A number (the N-th usable camera), /dev/videoN, a URL, or test: for a moving pattern.  [default: 0]",
)
@click.option("--source", metavar="SPEC", help="A picture, a folder of pictures, a video file, a URL, or test:")
@click.option(
    "--top", type=click.IntRange(1, 1000), default=5, show_default=True, help="Labels for each frame, at most."
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    callback=_number,
    help='Scores below it are "unknown".  [default: the model\'s own]',
)
@click.option("--limit", type=click.IntRange(1), help="End after so many frames.")
@click.option(
    "--threads", type=click.IntRange(1, 256), help="CPU threads of the model.  [default: as many as there are cores]"
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout; all else goes to stderr.")
@click.option("--events", is_flag=True, help="Put events (a camera is lost, ...) on stdout too, among the results.")
@click.option(
    "--summary",
    type=PATH,
    metavar="FILE",
    help="Write counts, times and memory of the whole run to this file, as JSON.",
)
@click.option(
    "--runs",
    type=PATH,
    default=Path("runs"),
    show_default=True,
    help="Without MODEL: where the newest convert-N/*.tflite is looked for; else a small model that comes along is taken.",
)
@overwrite_option
@quiet_option
def run(model: Path | None, camera: str | None, source: str | None, **rest: object) -> int:
    """Recognise what a camera, video, picture or folder shows.

    MODEL is a .tflite that says how it is fed, as edgevision convert and edgevision card write it.
    """
    if camera is not None and source is not None:
        raise click.UsageError("give --camera or --source, not both")
    from ..launch import Options, launch

    return launch(Options(model=model, camera=camera, source=source, **rest), STARTED)  # type: ignore[arg-type]
