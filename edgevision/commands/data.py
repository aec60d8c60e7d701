"""``edgevision data check PHOTOS/``: what is wrong with a set of pictures, before anything is learnt from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import PATH, json_option, quiet_option

if TYPE_CHECKING:
    from ..datacheck import DataReport, Duplicates

LISTED = 10
"""Lines of each kind that people are shown; --json gives all."""


@click.group(no_args_is_help=False)
def data() -> None:
    """Look at a set of labelled pictures."""


@data.command()
@click.argument("photos", type=PATH)
@click.option(
    "--label-map", type=PATH, help="A CSV of name,label: other names for folders, or labels for single files."
)
@click.option("--strict", is_flag=True, help="Exit 3 if there is a file that cannot be used, or any other warning.")
@json_option
@quiet_option
def check(photos: Path, label_map: Path | None, strict: bool, as_json: bool, quiet: bool) -> None:
    """Count, measure and compare all pictures: damaged files, wrong suffixes, copies, leaks, tiny classes.

    PHOTOS: a folder with one sub-folder per class, or with train/, val/ and test/; a CSV of path,label; or a zip of these.
    """
    from ..datacheck import check as look_at
    from ..dataset import open_dataset
    from ..terminal import bar

    dataset = open_dataset(photos, label_map)
    with bar("checking", len(dataset.items), quiet) as step:
        report = look_at(dataset, step)
    _show(report, as_json)
    if strict and report.warnings:
        _fail(report)


def _show(report: DataReport, as_json: bool) -> None:
    from ..runs import dump
    from ..terminal import printable, show, table

    if as_json:
        click.echo(dump(report.to_json()))
        return
    show(
        table(["", ""], _facts(report)),
        table(["class", ">pictures"], [(n, str(c)) for n, c in report.counts().items()]),
    )
    for line in [*_bad(report), *_copies(report)]:
        click.echo(printable(line))
    for kind, lines in (("note", report.notes), ("warning", report.warnings)):
        for line in lines:
            click.echo(f"{kind}: {printable(line)}")
    click.echo(_verdict(report))
    click.echo(f"next: edgevision train {_quoted(report)}")


def _facts(report: DataReport) -> list[tuple[str, str]]:
    found = report.to_json()
    several = ", several labels a picture" if report.dataset.multilabel else ""
    facts = [
        ("source", f"{report.dataset.path} ({report.dataset.layout}{several})"),
        ("pictures", f"{found['pictures']} in {len(report.dataset.classes)} classes, {len(report.bad)} left out"),
        ("sizes", _sizes(found["sizes"])),
        ("files", _list(found["kinds"])),
    ]
    if found["splits"]:
        facts.append(("splits", _list(found["splits"])))
    if found["traits"]:
        facts.append(("not plain colour", _list(found["traits"])))
    exact, near = (_copied([d for d in report.duplicates if d.kind == kind]) for kind in ("exact", "near"))
    return [*facts, ("copies", f"{exact} equal files, {near} that look the same")]


def _sizes(sizes: dict[str, dict[str, float]]) -> str:
    small, usual, large = (f"{sizes['width'][key]:.0f}x{sizes['height'][key]:.0f}" for key in ("min", "median", "max"))
    kilobytes = (f"{sizes['bytes'][key] / 1e3:.0f}" for key in ("min", "median", "max"))
    return f"{small} to {large} pixels, typically {usual}; {' / '.join(kilobytes)} kB"


def _list(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _copied(duplicates: list[Duplicates]) -> int:
    return len({item.path for one in duplicates for item in one.items})


def _bad(report: DataReport) -> list[str]:
    lines = [f"left out: {one.path}: {one.reason}" for one in report.bad[:LISTED]]
    return lines + (
        [f"left out: and {len(report.bad) - LISTED} more (--json lists all)"] if len(report.bad) > LISTED else []
    )


def _copies(report: DataReport) -> list[str]:
    """Those that matter first: across splits, then across classes."""
    ordered = sorted(report.duplicates, key=lambda one: ("split", "class", "none").index(one.across))
    lines = [_copy(one) for one in ordered[:LISTED]]
    return lines + (
        [f"copies: and {len(ordered) - LISTED} more sets (--json lists all)"] if len(ordered) > LISTED else []
    )


def _copy(one: Duplicates) -> str:
    where = {"split": ", across splits", "class": ", under different labels", "none": ""}[one.across]
    paths = ", ".join(item.path for item in one.items[:4]) + (
        f" and {len(one.items) - 4} more" if len(one.items) > 4 else ""
    )
    return f"copies ({one.kind}{where}): {paths}"


def _verdict(report: DataReport) -> str:
    if not report.warnings:
        return f"{report.dataset.path}: {len(report.pictures)} pictures, nothing to mend"
    return f"{report.dataset.path}: {len(report.pictures)} pictures can be used; {len(report.warnings)} warnings above"


def _quoted(report: DataReport) -> str:
    import shlex

    return shlex.quote(str(report.dataset.path))


def _fail(report: DataReport) -> None:
    from ..errors import GateNotMet

    more = f" (and {len(report.warnings) - 1} more warnings)" if len(report.warnings) > 1 else ""
    raise GateNotMet(f"{report.dataset.path}: {report.warnings[0]}{more}; --strict allows none")
