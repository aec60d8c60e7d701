"""The progress bar of a benchmark."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(quiet: bool, count: int) -> Iterator[Callable[[str, float], None]]:
    """Yield a function that shows the current step and its finished share, 0 to 1; a no-op unless stderr is a terminal.

    ``count``: the number of combinations.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda what, share: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as progress:
        task = progress.add_task("opening", total=1.0)
        models = f"{count} model{'s' if count > 1 else ''}"
        # Redrawn only between blocks: a refresh thread would take time from the model.
        yield lambda what, share: progress.update(task, description=f"{what} ({models})", completed=share, refresh=True)
