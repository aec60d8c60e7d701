"""Terminal output of the commands: tables on stdout; notes, and progress bars that disappear, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from ..reporting.terminal import printable
from .verbosity import is_verbose

if TYPE_CHECKING:
    from rich.console import RenderableType


def has_bars(quiet: bool = False) -> bool:
    """Return whether progress bars are drawn: on a terminal, unless lines of the log would tear them."""
    return not quiet and sys.stderr.isatty() and not is_verbose()


@contextmanager
def bar(text: str, total: int | None, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """Show a progress bar and yield a function that takes the number of steps done. Nothing is shown without a terminal."""
    if not has_bars(quiet):
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(text, total=total)
        yield lambda done: progress.update(task, completed=done)


@contextmanager
def bytes_bar(quiet: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """Show one bar after the other with rate and remaining time; yield a function of (task, bytes done, total bytes).

    Nothing is drawn before the first call, so that the program can still ask questions until then.
    """
    if not has_bars(quiet):
        yield lambda text, done, total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    progress = Progress(
        *columns,
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,  # stdout may be read by a program, so it must not be mixed into stderr.
        redirect_stderr=False,
    )
    tasks: dict[str, TaskID] = {}

    def update(text: str, done: int, total: int) -> None:
        progress.start()
        if text not in tasks:
            for task in tasks.values():
                progress.update(task, visible=False)
            tasks[text] = progress.add_task(text, total=total)
        progress.update(tasks[text], completed=done)

    try:
        yield update
    finally:
        progress.stop()


def show(*tables: RenderableType) -> None:
    """Print tables on stdout, up to 160 columns wide if stdout is not a terminal."""
    from rich.console import Console

    # Names from files must not be interpreted as rich markup or terminal control sequences.
    console = Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 160)
    for one in tables:
        console.print(one)


def say(text: object = "", err: bool = False, nl: bool = True) -> None:
    """Print one line with control characters shown; all that commands print passes here or through ``say_json``."""
    click.echo(printable(str(text)), err=err, nl=nl)


def say_lines(text: str) -> None:
    """Print a text of several lines, such as a unit or a table in Markdown."""
    for line in text.rstrip("\n").split("\n"):
        say(line)


def say_rendered(text: str) -> None:
    """Print a text with colors, in whose parts control characters were escaped when it was rendered."""
    click.echo(text)


def say_json(value: Any, indent: int | None = None) -> None:
    """Print one JSON document."""
    from ..files.run_folder import dump

    click.echo(dump(value, indent))


def note(text: str, quiet: bool = False) -> None:
    """Print a note on stderr."""
    if not quiet:
        say(f"note: {text}", err=True)
