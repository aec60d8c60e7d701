"""Split of the images of a model that is trained further: what tested it still does, and what made it never will."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..log import Log
from .check_report import DataReport, Picture
from .csv_labels import Row
from .split import FRACTIONS, NAMES, Split, assign, lacking, units
from .training_images import TEST, TrainingImages

log = Log("edgevision.data")
ENOUGH = 0.9
"""Share of the earlier images below which a note says that some are missing."""
LEFT_OUT = "left out"
"""Part of an image that the earlier training did not use."""


@dataclass(frozen=True, slots=True)
class KnownImages:
    """What is known of the images of a model, by its card and by the split.csv beside it."""

    images: TrainingImages = field(default_factory=TrainingImages)
    rows: Mapping[str, str | None] = field(default_factory=dict)
    """Path -> train, val or test, or None for an image that was left out."""

    def part(self, path: str, sha256: str) -> str | None:
        """Return train, val or test, ``left out``, or None for an image that the model never saw.

        The content of the file decides, so that an image keeps its part when it is renamed or gets another label.
        """
        part = self.images.part_by_content(sha256)
        if part is not None or path not in self.rows:
            return part
        recorded = self.rows[path]
        listed = self.images.test_digests if recorded == TEST else self.images.digests
        if recorded is not None and listed:
            return None  # another image lies where one of the model's was
        return recorded or LEFT_OUT


def known_images(images: TrainingImages, split_file: Path | None) -> KnownImages:
    """Return what is known of a model's images. Raises BadInput for a split file that cannot be read."""
    rows = {row.path: row.split for row in Split.read_csv(split_file).rows} if split_file is not None else {}
    return KnownImages(images, rows)


def continued_split(report: DataReport, known: KnownImages, seed: int = 0) -> Split:
    """Split the usable images of a set that holds those of a model and new ones.

    - Images of the model keep their part.
    - A copy of one of them is left out, whatever its label; so is what looks like one of its test images.
    - What looks like one of its training images is trained on.
    - The rest is split as for a first training; a test or val part that the source assigns is kept.

    ``report``: the data check of all images.
    """
    parts = {one.item.path: known.part(one.item.path, one.sha256) for one in report.pictures}
    copies = _copies(report.pictures, parts, known)
    fixed = {path: part for path, part in parts.items() if part is not None and path not in copies}
    left_out = {path for path, part in fixed.items() if part == LEFT_OUT} | copies
    like_test = _follow_groups(report, fixed, left_out)
    left_out |= like_test
    given = {item.path: item.split for item in report.items if item.split in ("val", "test")}
    chosen = {path: part for path, part in (given | fixed).items() if path not in left_out}
    pool = [item for item in report.items if item.path not in chosen and item.path not in left_out]
    drawn = dict(zip(NAMES, FRACTIONS, strict=True))
    chosen |= assign(units(pool, report.groups), drawn, seed)
    rows = tuple(
        Row(item.path, item.labels, chosen.get(item.path), report.groups.get(item.path, "")) for item in report.items
    )
    log.info("continued split: %d images known, %d new", len(fixed), len(rows) - len(fixed))
    said = (
        *_missing_note(report.pictures, known.images),
        *_relabeled(report.pictures, copies),
        *_left_out_notes(copies, like_test),
    )
    return Split(rows, (*said, *lacking(rows, report.dataset, FRACTIONS)))


def _copies(pictures: Sequence[Picture], parts: Mapping[str, str | None], known: KnownImages) -> set[str]:
    """Return the paths of images that are copies of another image of the model; that at the recorded path stays."""
    first: dict[str, str] = {}
    for one in sorted(pictures, key=lambda one: (one.item.path not in known.rows, one.item.path)):
        if parts[one.item.path] not in (None, LEFT_OUT):
            first.setdefault(one.sha256, one.item.path)
    return {
        one.item.path
        for one in pictures
        if one.item.path not in known.rows and first.get(one.sha256, one.item.path) != one.item.path
    }


def _follow_groups(report: DataReport, fixed: dict[str, str], left_out: set[str]) -> set[str]:
    """Let new images follow those of the model that they look like; return those that look like a test image."""
    members: dict[str, list[str]] = {}
    for path, group in report.groups.items():
        members.setdefault(group, []).append(path)
    like_test: set[str] = set()
    for paths in members.values():
        present = {fixed[path] for path in paths if path in fixed} - {LEFT_OUT}
        new = [path for path in paths if path not in fixed and path not in left_out]
        if TEST in present:
            like_test.update(new)
        elif present:
            fixed.update(dict.fromkeys(new, "train" if "train" in present else "val"))
    return like_test


def _missing_note(pictures: Sequence[Picture], images: TrainingImages) -> tuple[str, ...]:
    """Return a note if many of the images that the model lists are not there."""
    listed = len(images.digests) + len(images.test_digests)
    found = len({one.sha256 for one in pictures if images.part_by_content(one.sha256) is not None})
    if found >= ENOUGH * listed:
        return ()
    return (
        f"only {found} of the {listed} photos that made and tested the earlier model are here; what the others show may be "
        "forgotten (--old-photos names their folders)",
    )


def _relabeled(pictures: Sequence[Picture], copies: set[str]) -> tuple[str, ...]:
    """Return a note if copies have other labels than the images that they are copies of."""
    labels = {one.sha256: one.item.labels for one in pictures if one.item.path not in copies}
    other = [one.item.path for one in pictures if one.item.path in copies and one.item.labels != labels[one.sha256]]
    if not other:
        return ()
    return (
        f"{len(other)} new photos are copies of earlier ones with another label, such as {min(other)}; the earlier label "
        "counts: to change it, move the earlier photo",
    )


def _left_out_notes(copies: set[str], like_test: set[str]) -> tuple[str, ...]:
    notes = []
    if copies:
        notes.append(f"left out {len(copies)} new photos that are copies of earlier ones, such as {min(copies)}")
    if like_test:
        few = f"left out {len(like_test)} new photos that look like a test image of the earlier model"
        notes.append(f"{few}, such as {min(like_test)}")
    return tuple(notes)
