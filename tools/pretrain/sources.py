"""List the image files of a folder or zip, each with its class and split."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, Protocol

from edgevision.errors import BadInput, MissingFile
from edgevision.preprocessing import decode

SplitName = Literal["train", "val"]

VALIDATION_NAMES = ("val", "validation", "test")
CARVED_SHARE = 0.1
"""Share of each class held out for validation if the source has no train folder."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One image file of a source."""

    name: str
    """Path inside the source, with forward slashes."""
    split: SplitName
    label: str
    size: int
    """Size of the file (bytes)."""


class Source(Protocol):
    """A folder or zip with image files."""

    def sizes(self) -> dict[str, int]:
        """Return all image names with their sizes (bytes)."""

    def read(self, name: str) -> bytes:
        """Return the bytes of one image file."""


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root

    def sizes(self) -> dict[str, int]:
        return {path.relative_to(self._root).as_posix(): path.stat().st_size for path in decode.find(self._root)}

    def read(self, name: str) -> bytes:
        return (self._root / name).read_bytes()


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def sizes(self) -> dict[str, int]:
        members = ((PurePosixPath(info.filename), info) for info in self._archive.infolist())
        return {
            info.filename: info.file_size
            for path, info in members
            if path.suffix.lower() in decode.SUFFIXES and not any(p.startswith((".", "__")) for p in path.parts)
        }

    def read(self, name: str) -> bytes:
        return self._archive.read(name)


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """Open a folder or zip of images. Raises MissingFile, BadInput."""
    if not path.exists():
        raise MissingFile(f"no such folder or zip: {path}")
    if path.is_dir():
        yield _Folder(path)
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield _Zip(archive)
    else:
        raise BadInput(f"{path} is neither a folder nor a zip file; give one with a folder of images per class")


def entries(sizes: dict[str, int], source: str) -> list[Entry]:
    """Return each file with its class and split: by its train/ or val/ folder, else by splitting every class.

    ``source``: name for error messages. Raises BadInput for fewer than two classes, or without validation images.
    """
    parts = {name: PurePosixPath(name).parts for name in sorted(sizes)}
    if any("train" in part[:-2] for part in parts.values()):
        found = [
            Entry(name, split, part[-2], sizes[name])
            for name, part in parts.items()
            if (split := _split_of(part[:-2])) is not None
        ]
    else:
        found = _carved({name: part[-2] for name, part in parts.items() if len(part) > 1}, sizes)
    _check(found, source)
    return found


def _split_of(folders: tuple[str, ...]) -> SplitName | None:
    if "train" in folders:
        return "train"
    return "val" if any(name in folders for name in VALIDATION_NAMES) else None


def _carved(labels: dict[str, str], sizes: dict[str, int]) -> list[Entry]:
    """Hold out a share of each class by the hash of the names, so that the split is stable."""
    classes: dict[str, list[str]] = {}
    for name, label in labels.items():
        classes.setdefault(label, []).append(name)
    found: list[Entry] = []
    for label, names in classes.items():
        names.sort(key=lambda name: hashlib.sha256(name.encode()).digest())
        held_back = max(1, round(len(names) * CARVED_SHARE))
        found += [Entry(n, "val" if i < held_back else "train", label, sizes[n]) for i, n in enumerate(names)]
    return found


def _check(found: list[Entry], source: str) -> None:
    classes = {entry.label for entry in found if entry.split == "train"}
    held_out = {entry.label for entry in found if entry.split == "val"}
    if len(classes) < 2:
        raise BadInput(f"{source} has {len(classes)} classes of images; at least 2 folders of images are required")
    if not held_out:
        raise BadInput(f"{source} has a train folder, but no images in a val folder; add a val folder beside train")
    if unknown := sorted(held_out - classes):
        raise BadInput(f"{source}: class {unknown[0]!r} in the val folder has no images in the train folder")
