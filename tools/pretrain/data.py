"""Pictures on disk (folder or zip) -> one uint8 array per split, decoded once and memory-mapped."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

SUFFIXES = frozenset({".webp", ".jpg", ".jpeg", ".png", ".bmp"})
VALIDATION_NAMES = ("val", "validation", "test")
CARVED_SHARE = 0.1  # share of each class kept for validation where the source has no val folder
LARGEST_CACHE_PX = 160

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


class DataError(ValueError):
    """The source of pictures cannot be used; the message is one line for the user."""


@dataclass(frozen=True, slots=True)
class Split:
    """Pictures of one split."""

    pictures: Pixels  # (N, side, side, 3), RGB, memory-mapped
    labels: Labels  # (N,), index into PictureSet.classes


@dataclass(frozen=True, slots=True)
class PictureSet:
    """A training and a validation split with the classes in order."""

    train: Split
    val: Split
    classes: tuple[str, ...]
    fingerprint: str  # sha256 over the names and bytes of all pictures
    skipped: int  # files that did not decode
    source: str  # name of the folder or zip, without its path


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture file inside a source."""

    name: str  # path inside the source, with forward slashes
    split: str  # "train" or "val"
    label: str
    size: int  # bytes


class Source(Protocol):
    """Where picture files are read from."""

    def names(self) -> dict[str, int]:
        """All picture names with their size in bytes."""

    def read(self, name: str) -> bytes:
        """The bytes of one picture file."""


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> dict[str, int]:
        files = (path for path in self._root.rglob("*") if path.suffix.lower() in SUFFIXES)
        return {path.relative_to(self._root).as_posix(): path.stat().st_size for path in files}

    def read(self, name: str) -> bytes:
        return (self._root / name).read_bytes()


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def names(self) -> dict[str, int]:
        return {
            info.filename: info.file_size
            for info in self._archive.infolist()
            if PurePosixPath(info.filename).suffix.lower() in SUFFIXES
        }

    def read(self, name: str) -> bytes:
        return self._archive.read(name)


@contextmanager
def _open_source(path: Path) -> Iterator[Source]:
    if path.is_dir():
        yield _Folder(path)
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield _Zip(archive)
    else:
        raise DataError(f"{path} is neither a folder nor a zip file; give one that holds a folder per class")


def load(path: Path, work: Path, cache_px: int | None = None) -> PictureSet:
    """Decode `path` into a cache under `work` (once) and map it.

    `cache_px`: side of the stored square pictures; by default the median short side, 160 at most.
    Raises DataError where there are not at least two classes with pictures in both splits.
    """
    with _open_source(path) as source:
        entries = _entries(source.names())
        classes = tuple(sorted({entry.label for entry in entries if entry.split == "train"}))
        _check(path, entries, classes)
        cache = work / f"cache-{_listing_key(entries, cache_px)}"
        if not (cache / "index.json").is_file():
            _decode(source, entries, classes, cache, cache_px)
    return _map(cache, classes, path.name)


def _entries(names: dict[str, int]) -> list[Entry]:
    """Assign each file to a split: by its train/ or val/ folder, else by carving every class."""
    parts = {name: PurePosixPath(name).parts for name in sorted(names)}
    if any("train" in part[:-2] for part in parts.values()):
        return [
            Entry(name, split, part[-2], names[name])
            for name, part in parts.items()
            if (split := _split_of(part[:-2])) is not None
        ]
    by_class: dict[str, list[str]] = {}
    for name, part in parts.items():
        if len(part) > 1:
            by_class.setdefault(part[-2], []).append(name)
    return [entry for label, files in by_class.items() for entry in _carve(label, files, names)]


def _split_of(folders: tuple[str, ...]) -> str | None:
    if "train" in folders:
        return "train"
    return "val" if any(name in folders for name in VALIDATION_NAMES) else None


def _carve(label: str, files: list[str], sizes: dict[str, int]) -> list[Entry]:
    """Hold back a share of a class; chosen by the hash of the name, so that the choice is stable."""
    order = sorted(files, key=lambda name: hashlib.sha256(name.encode()).digest())
    held_back = set(order[: max(1, round(len(order) * CARVED_SHARE))])
    return [Entry(name, "val" if name in held_back else "train", label, sizes[name]) for name in files]


def _check(path: Path, entries: list[Entry], classes: tuple[str, ...]) -> None:
    if len(classes) < 2:
        raise DataError(f"{path} holds {len(classes)} classes of pictures; at least 2 folders of pictures are needed")
    held_out = {entry.label for entry in entries if entry.split == "val"}
    if not held_out:
        raise DataError(f"{path} has a train folder but no pictures in a val folder; add one beside train")
    if unknown := sorted(held_out - set(classes)):
        raise DataError(f"{path}: class {unknown[0]!r} of the validation folder is not in the train folder")


def _listing_key(entries: list[Entry], cache_px: int | None) -> str:
    listing = "\n".join(f"{e.name} {e.size}" for e in entries) + f"\n{cache_px}"
    return hashlib.sha256(listing.encode()).hexdigest()[:16]


def _decode(source: Source, entries: list[Entry], classes: tuple[str, ...], cache: Path, cache_px: int | None) -> None:
    """Write the two splits as .npy; index.json comes last and marks the cache as whole."""
    cache.mkdir(parents=True, exist_ok=True)
    side = cache_px or _usual_side(source, entries)
    digest = hashlib.sha256()
    index: dict[str, Any] = {"side": side, "skipped": 0}
    for split in ("train", "val"):
        wanted = [entry for entry in entries if entry.split == split]
        array = np.lib.format.open_memmap(
            cache / f"{split}.npy", mode="w+", dtype=np.uint8, shape=(len(wanted), side, side, 3)
        )
        labels: list[int] = []
        for entry in wanted:
            content = source.read(entry.name)
            digest.update(entry.name.encode() + b"\0" + hashlib.sha256(content).digest())
            picture = _decoded(content)
            if picture is None:
                index["skipped"] += 1
                continue
            array[len(labels)] = _square(picture, side)
            labels.append(classes.index(entry.label))
        array.flush()
        np.save(cache / f"{split}-labels.npy", np.array(labels, dtype=np.int64))
    index["fingerprint"] = digest.hexdigest()
    aside = cache / "index.json.tmp"
    aside.write_text(json.dumps(index))
    os.replace(aside, cache / "index.json")


def _decoded(content: bytes) -> Pixels | None:
    if not content:
        return None
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
    return None if picture is None else np.asarray(picture, dtype=np.uint8)


def _usual_side(source: Source, entries: list[Entry]) -> int:
    sample = entries[:: max(1, len(entries) // 50)]
    sides = [min(p.shape[:2]) for e in sample if (p := _decoded(source.read(e.name))) is not None]
    if not sides:
        raise DataError(f"none of {len(sample)} sampled pictures could be decoded; check the files")
    return min(LARGEST_CACHE_PX, int(np.median(sides)))


def _square(picture: Pixels, side: int) -> Pixels:
    """Central square of the picture at the cache's side."""
    height, width = picture.shape[:2]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    return resized(picture[top : top + edge, left : left + edge], side)


def resized(picture: Pixels, side: int) -> Pixels:
    """A square picture at another side: area averaging down, exact bilinear up."""
    if picture.shape[0] == side:
        return picture
    way = cv2.INTER_AREA if picture.shape[0] > side else cv2.INTER_LINEAR_EXACT
    return np.asarray(cv2.resize(picture, (side, side), interpolation=way), dtype=np.uint8)


def _map(cache: Path, classes: tuple[str, ...], source: str) -> PictureSet:
    index = json.loads((cache / "index.json").read_text())
    splits: list[Split] = []
    for split in ("train", "val"):
        labels = np.load(cache / f"{split}-labels.npy", allow_pickle=False)
        pictures = np.load(cache / f"{split}.npy", mmap_mode="r", allow_pickle=False)[: len(labels)]
        if not len(labels):
            raise DataError(f"none of the pictures of the {split} split could be decoded; check the files")
        splits.append(Split(pictures, labels))
    return PictureSet(splits[0], splits[1], classes, index["fingerprint"], index["skipped"], source)
