"""The photos of good things: found, without duplicates, split into those of the core set and those that set the limit."""

from __future__ import annotations

import random
from pathlib import Path
from typing import NamedTuple

from edgevision.errors import BadImage, BadInput, MissingFile
from edgevision.files.atomic import sha256
from edgevision.preprocessing import SUFFIX_KIND, decode

MIN_PHOTOS = 10
HELD_OUT = 0.25
"""Share of the photos that set the limit."""
GOOD = ("train/good", "good")
"""Subfolders that hold the good photos, if there are any: as in MVTec AD, or beside folders of defects."""


class GoodPhotos(NamedTuple):
    """Photos of good things."""

    core: tuple[Path, ...]
    """Those that the core set is chosen from."""
    held_out: tuple[Path, ...]
    """Those that set the limit."""
    skipped: int
    """Number of files that are damaged or copies."""
    folders: tuple[str, ...] = ()
    """Names of the sub-folders, if there are several and none is called good: all of them were taken."""


def find_good(folder: Path, seed: int) -> GoodPhotos:
    """Return the photos of a folder, in train/good or good where those exist. Raises MissingFile, BadInput."""
    if not folder.is_dir():
        raise MissingFile(f"{folder} is not a folder: --task anomaly needs a folder with photos of good things alone")
    place = next((folder / name for name in GOOD if (folder / name).is_dir()), folder)
    files = sorted(path for path in place.rglob("*") if path.suffix.lower() in SUFFIX_KIND and path.is_file())
    unique: dict[str, Path] = {}
    for path in files:
        try:
            decode.read(path)
        except BadImage:
            continue
        unique.setdefault(sha256(path), path)
    found = [unique[key] for key in sorted(unique)]
    if len(found) < MIN_PHOTOS:
        raise BadInput(
            f"{place} has {len(found)} different photos; --task anomaly needs at least {MIN_PHOTOS}, better 100"
        )
    random.Random(seed).shuffle(found)
    held = max(3, round(HELD_OUT * len(found)))
    folders = sorted({path.relative_to(place).parts[0] for path in found if path.parent != place})
    several = tuple(folders) if len(folders) > 1 else ()
    return GoodPhotos(tuple(found[held:]), tuple(found[:held]), len(files) - len(found), several)
