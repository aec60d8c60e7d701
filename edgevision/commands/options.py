"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)
"""Any path; whether it is there is checked where it is used, with a message that helps."""
DEVICE = click.Path(path_type=Path, readable=False)
"""A path that perhaps only root may read; that is checked where it is used, too."""


def json_option(function: F) -> F:
    """--json: a program reads the result from stdout; all else goes to stderr."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON document on stdout; all else goes to stderr."
    )(function)


def quiet_option(function: F) -> F:
    """--quiet: no progress."""
    return click.option("--quiet", is_flag=True, help="No progress and no notes.")(function)


def overwrite_option(function: F) -> F:
    """--overwrite: an existing output may be replaced."""
    return click.option("--overwrite", is_flag=True, help="Replace an output that exists.")(function)


def runs_option(function: F) -> F:
    """--runs DIR: where numbered run folders are made."""
    return click.option(
        "--runs", type=PATH, default=Path("runs"), show_default=True, help="Where numbered run folders are made."
    )(function)


def engine_option(default: str) -> Callable[[F], F]:
    """--engine: what runs the model; a misspelt name is a fault of usage."""
    return click.option(
        "--engine",
        default=default,
        show_default=True,
        metavar="NAME",
        callback=_engine,
        help="What runs a .tflite: auto, cpu, edgetpu; one of several: edgetpu:N, edgetpu:usb:N, edgetpu:pci:N. "
        "Only auto gives way to the CPU.",
    )


def _engine(_: click.Context, parameter: click.Parameter, value: str) -> str:
    from ..engines.table import check_name
    from ..errors import UnknownName

    try:
        return check_name(value)
    except UnknownName as error:
        raise click.BadParameter(str(error), param=parameter) from None


def seed_option(function: F) -> F:
    """--seed N: the same seed gives the same result."""
    return click.option(
        "--seed",
        type=click.IntRange(0, 2**31 - 1),
        default=0,
        show_default=True,
        help="The same seed gives the same result.",
    )(function)
