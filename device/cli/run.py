"""``edgevision run``: recognize what a camera, video or image shows."""

from __future__ import annotations

import gc
import os
import sys
import time
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from edgevision.cli.setting_options import PATH, GroupedCommand, headings, setting_options
from edgevision.cli.verbosity import is_verbose

from ..loop.options import Options, Terminal

STARTED = time.monotonic()
"""The start of the command, in seconds of the monotonic clock, as early as this module can know it."""


@click.command(
    cls=GroupedCommand, groups=headings(Options, Output=("verbose",), Configuration=("config", "save_config", "help"))
)
@setting_options(Options)
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
    options = options_of(ctx, config, given)
    if save_config is not None:
        return _save(options, save_config)
    return start(options, config)


def options_of(ctx: click.Context, config: tuple[Path, ...], given: dict[str, Any]) -> Options:
    """Return the settings of the command line and of configuration files. Raises UsageError, EdgeVisionError."""
    if config:
        given = given | _from_config(ctx, config, given)
        ctx.params["quiet"] = given["quiet"]  # also the limit of the log
    if given["camera"] is not None and given["source"] is not None:
        raise click.UsageError("give --camera or --source, not both")
    return Options(**given)


def start(options: Options, config: tuple[Path, ...]) -> int:
    """Run the loop; return the exit status. Raises EdgeVisionError."""
    # The loop does no linear algebra. OpenBLAS, in NumPy and in OpenCV, would start threads that spin for 20 ms.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Nothing becomes garbage before the loop starts, so collections would only slow down the start.
    gc.disable()
    try:
        from ..loop.app import launch

        return launch(options, Terminal(sys.stdout, sys.stderr, _may_paint()), STARTED, config[-1] if config else None)
    finally:
        gc.enable()


def _may_paint() -> bool:
    """Return whether the results can be a live display: on a terminal, unless lines of the log would tear it."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb" and not is_verbose()


def _from_config(ctx: click.Context, paths: tuple[Path, ...], given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that are in the files and not on the command line."""
    from ..loop import config_file

    typed = {name for name in given if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    if typed & config_file.PLACES:
        typed |= config_file.PLACES
    return {name: value for name, value in config_file.read_all(paths).items() if name not in typed}


def _save(options: Options, path: Path) -> int:
    import shlex

    from edgevision.cli.terminal import say
    from edgevision.files.atomic import require_absent, write_text

    from ..loop import config_file

    require_absent(path, options.overwrite, "--save-config")
    given = config_file.changed(options)
    text = config_file.dumps(given, path)
    secret = config_file.holds_secret(given)
    if secret:
        say(f"note: {path} contains a password or a token; it is readable only by you", err=True)
    write_text(path, text, private=secret)
    say(f"saved: {path}", err=True)
    say(f"next: edgevision run --config {shlex.quote(str(path))}", err=True)
    return 0
