"""Terminal output of ``edgevision bench``: the progress bar, and the results as text or JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edgevision.cli.terminal import has_bars, note, say, say_json, show

from ..bench.benchmark import Bench
from ..bench.pareto import accuracy_table
from ..bench.profile_tables import profile_tables
from ..bench.report import result_line
from ..bench.tables import costs_table, machine_lines, ratio_lines, state_line, times_table


def tell(found: Bench, folder: Path, as_json: bool, next_command: str) -> None:
    """Print the results as JSON or as text."""
    if as_json:
        say_json(found.document)
        return
    results = found.document["results"]
    for line in machine_lines(found.machine):
        say(line)
    say(f"state: {state_line(results[0]['state'])}")
    scored = accuracy_table(results)
    show(times_table(results), costs_table(results), *([scored] if scored else []), *profile_tables(results))
    for line in ratio_lines(found.document["ratios"]):
        say(line)
    for reason in dict.fromkeys(reason for result in found.results for reason in result.invalid):
        note(f"not valid: {reason}")
    for result in results:
        if result["not_measured"] is not None:
            note(f"{result['id']}: not measured: {result['not_measured']}")
    say(result_line(found, results[0]))
    say(folder.absolute() / "bench.html")
    say(f"next: {next_command}")


@contextmanager
def bar(quiet: bool, count: int) -> Iterator[Callable[[str, float], None]]:
    """Yield a function that shows the current step and its finished share, 0 to 1; a no-op unless stderr is a terminal.

    ``count``: the number of combinations.
    """
    if not has_bars(quiet):
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
