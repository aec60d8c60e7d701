"""Terminal output: tables on stdout, and progress bars on stderr that disappear when the work is done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


@contextmanager
def bar(text: str, total: int | None, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """Show a progress bar and yield a function that takes the number of steps done. Nothing is shown without a terminal."""
    if quiet or not sys.stderr.isatty():
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
    if quiet or not sys.stderr.isatty():
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


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> Table:
    """Create a table for ``show``. Headers that start with ``>`` are right-aligned; the header row is omitted if empty."""
    from rich import box
    from rich.table import Table

    named = any(headers)
    made = Table(title=title or None, title_justify="left", title_style="bold", pad_edge=False, show_header=named)
    made.box = box.SIMPLE_HEAD if named else None
    for header in headers:
        right = header.startswith(">")
        made.add_column(header.removeprefix(">"), justify="right" if right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(printable(cell) for cell in row))
    return made


def show(*tables: Table) -> None:
    """Print tables on stdout, up to 160 columns wide if stdout is not a terminal."""
    from rich.console import Console

    # Names from files must not be interpreted as rich markup or terminal control sequences.
    console = Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 160)
    for one in tables:
        console.print(one)


def printable(text: str) -> str:
    """Replace control characters by question marks."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def size(count: int) -> str:
    """Format a number of bytes as kB or MB."""
    return f"{count / 1e6:.2f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def note(text: str, quiet: bool = False) -> None:
    """Print a note on stderr."""
    if not quiet:
        print(f"note: {printable(text)}", file=sys.stderr)
