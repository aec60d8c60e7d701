"""``edgevision data check PHOTOS/``: find problems in a set of photos before training on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..settings import MAX_PIXELS
from .options import PATH, json_option, quiet_option
from .setting_options import option_of
from .terminal import say, say_json

if TYPE_CHECKING:
    from ..datasets.boxes.records import BoxDataset
    from ..datasets.check_report import DataReport, Duplicates
    from ..datasets.dataset import Dataset

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
    """Report damaged files, wrong suffixes, duplicates, leaks between splits, small classes, and faults of boxes.

    PHOTOS: a folder with one subfolder per class, or with train/, val/ and test/; a CSV of path,label; photos with boxes as
    Pascal VOC, COCO, YOLO, CVAT, Label Studio or CSV; or a zip of these.
    """
    from ..datasets.boxes.open_boxes import find_format
    from ..preprocessing.pixel_limit import set_max_pixels

    set_max_pixels(max_pixels)
    look_at = _classes_checked if find_format(photos) is None else _boxes_checked
    found = look_at(photos, label_map, quiet)
    if as_json:
        say_json(found.document)
    else:
        _show(found)
    if strict and found.files.warnings:
        _fail(found.files)


@dataclass(frozen=True, slots=True)
class _Checked:
    """What to show of a check."""

    files: DataReport
    source: str
    """How the photos are labeled."""
    document: dict[str, Any]
    """The report as JSON."""
    facts: list[tuple[str, str]]
    """Facts that only this kind of data has."""
    columns: Sequence[str]
    rows: Sequence[tuple[str, ...]]
    """The table of classes."""
    next: str
    """The command that trains on the images, or what they lack for that."""


def _classes_checked(photos: Path, label_map: Path | None, quiet: bool) -> _Checked:
    from ..datasets.check import check as look_at
    from ..datasets.dataset import open_dataset
    from .terminal import bar

    dataset = open_dataset(photos, label_map)
    with bar("checking", len(dataset.items), quiet) as step:
        report = look_at(dataset, step)
    rows = [(name, str(count)) for name, count in report.counts().items()]
    usable = replace(report.dataset, items=report.items)
    options = ("--label-map", label_map) if label_map else ()
    source = dataset.layout + (", several labels per image" if dataset.multilabel else "")
    return _Checked(report, source, report.to_json(), [], ["class", ">images"], rows, _next(usable, *options))


def _boxes_checked(photos: Path, label_map: Path | None, quiet: bool) -> _Checked:
    from ..datasets.boxes.box_check import check_boxes
    from ..datasets.boxes.open_boxes import open_boxes
    from ..errors import UsageError
    from .terminal import bar

    if label_map is not None:
        raise UsageError(
            f"--label-map is for class folders, but {photos} has boxes; rename classes in their annotations"
        )
    dataset = open_boxes(photos)
    with bar("checking", len(dataset.images), quiet) as step:
        report = check_boxes(dataset, step)
    document = report.to_json()
    rows = [(one["name"], str(one["pictures"]), str(one["boxes"])) for one in document["classes"]]
    usable = replace(dataset, images=report.images)
    columns = ["class", ">images", ">boxes"]
    return _Checked(report.files, dataset.format, document, _box_facts(document["boxes"]), columns, rows, _next(usable))


def _show(found: _Checked) -> None:
    from ..reporting.terminal import table
    from .terminal import show

    report = found.files
    show(table(["", ""], [*_facts(report, found.source), *found.facts]), table(found.columns, found.rows))
    for line in [*_bad(report), *_copies(report)]:
        say(line)
    for kind, lines in (("note", report.notes), ("warning", report.warnings)):
        for line in lines:
            say(f"{kind}: {line}")
    say(_verdict(report))
    say(f"next: {found.next}")


def _box_facts(boxes: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the facts about boxes as they are in the document."""
    facts = [("boxes", str(boxes["total"]) + (f", {boxes['difficult']} difficult" if boxes["difficult"] else ""))]
    each, side = boxes["per_image"], boxes["shorter_side"]
    empty = boxes["background"]
    background = f"; {empty} image{'s' * (empty != 1)} without any" if empty else ""
    facts.append(("boxes per image", f"{each['min']:g} to {each['max']:g}, median {each['median']:g}{background}"))
    if side is not None:
        from ..datasets.boxes.box_check import TRAINING_SIDE

        scaled = f"pixels, with images scaled to {TRAINING_SIDE}"
        facts.append(("shorter sides", f"{side['min']:.0f} to {side['max']:.0f}, median {side['median']:.0f} {scaled}"))
    return facts


def _facts(report: DataReport, source: str) -> list[tuple[str, str]]:
    found = report.to_json()
    facts = [
        ("source", f"{report.dataset.path} ({source})"),
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


def _next(usable: Dataset | BoxDataset, *options: str | Path) -> str:
    """Return the command that trains on the images, or what they lack for that."""
    from ..errors import BadInput
    from ..next_command import command

    try:
        usable.require_trainable()
    except BadInput as error:
        return f"not ready to train: {error}"
    return command("train", usable.path, *options)


def _fail(report: DataReport) -> None:
    from ..errors import GateNotMet

    others = len(report.warnings) - 1
    more = f" (and {others} more warning{'s' * (others != 1)})" if others else ""
    raise GateNotMet(f"{report.dataset.path}: {report.warnings[0]}{more}; --strict allows no warnings")
