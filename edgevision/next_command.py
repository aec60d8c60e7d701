"""The command that a finished command proposes; whatever is proposed must run as it is on this machine."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from .files.url_secrets import masked

CAMERA = ("--camera", "0")
PATTERN = ("--source", "test:")
"""A generated pattern, which needs no camera."""
FIRST_NUMBERS = range(10)
"""Numbers of video devices that are cameras; the codecs of a Raspberry Pi begin at 10."""


def has_camera() -> bool:
    """Return whether this machine seems to have a camera, without opening one."""
    return not sys.platform.startswith("linux") or any(Path(f"/dev/video{number}").exists() for number in FIRST_NUMBERS)


def command(*words: object) -> str:
    """Return the line of an ``edgevision`` command, quoted for a shell."""
    return shlex.join(["edgevision", *map(str, words)])


def shown_source(spec: str) -> str:
    """Return a camera or source as it was typed, but without the credentials of a URL."""
    return spec if Path(spec).exists() else masked(spec)


def run_command(model: object, *options: object, images: Path | None = None) -> str:
    """Return the command that runs a model: on the camera, else on a folder of ``images``, else on a pattern."""
    source = CAMERA if has_camera() else ("--source", images) if images is not None and images.is_dir() else PATTERN
    return command("run", model, *source, *options)
