"""Options shared by several commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)
"""Any path; whether it exists is checked where it is used, with a better message than click's."""
DEVICE = click.Path(path_type=Path, readable=False)
"""A path that only root may be able to read; this is checked where it is used."""


def json_option(function: F) -> F:
    """Add --json: the result as JSON on stdout, everything else on stderr."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON document on stdout, everything else on stderr."
    )(function)


def quiet_option(function: F) -> F:
    """Add --quiet: no progress and no notes."""
    return click.option("--quiet", is_flag=True, help="Show no progress and no notes.")(function)


def overwrite_option(function: F) -> F:
    """Add --overwrite: replace existing outputs."""
    return click.option("--overwrite", is_flag=True, help="Replace existing output.")(function)


def runs_option(function: F) -> F:
    """Add --runs DIR: the folder for numbered run folders."""
    return click.option(
        "--runs", type=PATH, default=Path("runs"), show_default=True, help="Folder for the numbered run folders."
    )(function)


def engine_option(default: str) -> Callable[[F], F]:
    """Add --engine; an unknown name is a usage error."""
    return click.option(
        "--engine",
        default=default,
        show_default=True,
        metavar="NAME",
        callback=_engine,
        help="Engine that runs a .tflite: auto, cpu, edgetpu, or a certain device: edgetpu:N, edgetpu:usb:N, "
        "edgetpu:pci:N. Only auto falls back to the CPU.",
    )


def _engine(_: click.Context, parameter: click.Parameter, value: str) -> str:
    from ..engines.registry import check_name
    from ..errors import UnknownName

    try:
        return check_name(value)
    except UnknownName as error:
        raise click.BadParameter(str(error), param=parameter) from None


def seed_option(function: F) -> F:
    """Add --seed N, the random seed."""
    return click.option(
        "--seed",
        type=click.IntRange(0, 2**31 - 1),
        default=0,
        show_default=True,
        help="Random seed; the same seed gives the same result.",
    )(function)
