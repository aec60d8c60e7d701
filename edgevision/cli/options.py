"""Options shared by several commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ..settings import JSON, OVERWRITE, QUIET, RUNS, SEED
from .setting_options import PATH as PATH
from .setting_options import option_of

F = TypeVar("F", bound=Callable[..., Any])

DEVICE = click.Path(path_type=Path, readable=False)
"""A path that only root may be able to read; this is checked where it is used."""

json_option, quiet_option, overwrite_option = option_of(JSON), option_of(QUIET), option_of(OVERWRITE)
runs_option, seed_option = option_of(RUNS), option_of(SEED)


def engine_option(default: str) -> Callable[[F], F]:
    """Add --engine; an unknown name is a usage error."""
    from ..engines.registry import ENGINE

    return option_of(ENGINE, default=default)
