"""``edgevision data check PHOTOS/``: find problems in a set of photos before training on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..settings import MAX_PIXELS
from .options import PATH, json_option, quiet_option
from .setting_options import option_of
from .terminal import say, say_json

if TYPE_CHECKING:
    from ..datasets.check_report import DataReport, Duplicates

LISTED = 10
"""Number of lines of each kind that are printed; --json lists all."""


@click.group(no_args_is_help=False)
def data() -> None:
    """Check a set of labeled photos."""


@data.command()
@click.argument("photos", type=PATH)
@click.option("--label-map", type=PATH, help="CSV of name,label that renames class folders or labels single files.")
@click.option("--strict", is_flag=True, help="Exit with status 3 on any warning, such as an unusable file.")
@option_of(MAX_PIXELS)
@json_option
@quiet_option
def check(photos: Path, label_map: Path | None, strict: bool, max_pixels: int, as_json: bool, quiet: bool) -> None:
    """Report damaged files, wrong suffixes, duplicates, leaks between splits and small classes.

    PHOTOS: a folder with one subfolder per class, or with train/, val/ and test/; a CSV of path,label; or a zip of these.
    """
    from ..datasets.check import check as look_at
    from ..datasets.dataset import open_dataset
    from ..preprocessing.pixel_limit import set_max_pixels
    from .terminal import bar

    set_max_pixels(max_pixels)
    dataset = open_dataset(photos, label_map)
    with bar("checking", len(dataset.items), quiet) as step:
        report = look_at(dataset, step)
    _show(report, as_json, label_map)
    if strict and report.warnings:
        _fail(report)


def _show(report: DataReport, as_json: bool, label_map: Path | None) -> None:
    from ..reporting.terminal import table
    from .terminal import show

    if as_json:
        say_json(report.to_json())
        return
    show(
        table(["", ""], _facts(report)),
        table(["class", ">images"], [(n, str(c)) for n, c in report.counts().items()]),
    )
    for line in [*_bad(report), *_copies(report)]:
        say(line)
    for kind, lines in (("note", report.notes), ("warning", report.warnings)):
        for line in lines:
            say(f"{kind}: {line}")
    say(_verdict(report))
    say(f"next: {_next(report, label_map)}")


def _facts(report: DataReport) -> list[tuple[str, str]]:
    found = report.to_json()
    several = ", several labels per image" if report.dataset.multilabel else ""
    facts = [
        ("source", f"{report.dataset.path} ({report.dataset.layout}{several})"),
        ("images", f"{found['pictures']} in {len(report.dataset.classes)} classes, {len(report.bad)} skipped"),
        ("sizes", _sizes(found["sizes"])),
        ("files", _list(found["kinds"])),
    ]
    if found["splits"]:
        facts.append(("splits", _list(found["splits"])))
    if found["traits"]:
        facts.append(("special formats", _list(found["traits"])))
    exact, near = (_copied([d for d in report.duplicates if d.kind == kind]) for kind in ("exact", "near"))
    return [*facts, ("duplicates", f"{exact} equal files, {near} similar images")]


def _sizes(sizes: dict[str, dict[str, float]]) -> str:
    small, usual, large = (f"{sizes['width'][key]:.0f}x{sizes['height'][key]:.0f}" for key in ("min", "median", "max"))
    kilobytes = (f"{sizes['bytes'][key] / 1e3:.0f}" for key in ("min", "median", "max"))
    return f"{small} to {large} pixels, median {usual}; {' / '.join(kilobytes)} kB"


def _list(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _copied(duplicates: list[Duplicates]) -> int:
    return len({item.path for one in duplicates for item in one.items})


def _bad(report: DataReport) -> list[str]:
    lines = [f"skipped: {one.path}: {one.reason}" for one in report.bad[:LISTED]]
    return lines + (
        [f"skipped: {len(report.bad) - LISTED} more (--json lists all)"] if len(report.bad) > LISTED else []
    )


def _copies(report: DataReport) -> list[str]:
    """Return the duplicates as lines, the most serious first: across splits, then across classes."""
    ordered = sorted(report.duplicates, key=lambda one: ("split", "class", "none").index(one.across))
    lines = [_copy(one) for one in ordered[:LISTED]]
    return lines + (
        [f"duplicates: {len(ordered) - LISTED} more sets (--json lists all)"] if len(ordered) > LISTED else []
    )


def _copy(one: Duplicates) -> str:
    where = {"split": ", across splits", "class": ", with different labels", "none": ""}[one.across]
    paths = ", ".join(item.path for item in one.items[:4]) + (
        f" and {len(one.items) - 4} more" if len(one.items) > 4 else ""
    )
    return f"duplicates ({one.kind}{where}): {paths}"


def _verdict(report: DataReport) -> str:
    if not report.warnings:
        return f"{report.dataset.path}: {len(report.pictures)} images, no problems found"
    count = len(report.warnings)
    return (
        f"{report.dataset.path}: {len(report.pictures)} usable images, {count} warning{'s' * (count != 1)} (see above)"
    )


def _next(report: DataReport, label_map: Path | None) -> str:
    """Return the command that trains on the images, or what they lack for that."""
    from dataclasses import replace

    from ..errors import BadInput
    from ..next_command import command

    try:
        replace(report.dataset, items=report.items).require_trainable()
    except BadInput as error:
        return f"not ready to train: {error}"
    return command("train", report.dataset.path, *(("--label-map", label_map) if label_map else ()))


def _fail(report: DataReport) -> None:
    from ..errors import GateNotMet

    others = len(report.warnings) - 1
    more = f" (and {others} more warning{'s' * (others != 1)})" if others else ""
    raise GateNotMet(f"{report.dataset.path}: {report.warnings[0]}{more}; --strict allows no warnings")
