"""Load the images as one uint8 array per split: decoded once into a cache, then mapped into memory."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgevision.errors import BadImage, BadInput
from edgevision.files import atomic
from edgevision.preprocessing import decode
from edgevision.preprocessing.spec import Preprocessing
from edgevision.preprocessing.transform import pixels
from edgevision.types import Frame
from tools.pretrain.sources import Entry, Source, entries, opened

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.types import Pixels

    Labels = npt.NDArray[np.int64]

LARGEST_SIDE = 160
"""Largest default side of the stored images (pixels)."""
INDEX = "index.json"


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Images and labels of one split."""

    pictures: Pixels
    """RGB images (N, side, side, 3), mapped from the cache."""
    labels: Labels
    """Indices into ``PictureSet.classes``, (N,)."""


@dataclass(frozen=True, slots=True, eq=False)
class PictureSet:
    """A data set with a training and a validation split."""

    train: Split
    val: Split
    classes: tuple[str, ...]
    fingerprint: str
    """SHA-256 of the names and bytes of all images."""
    skipped: int
    """Number of files that could not be decoded."""
    source: str
    """Name of the folder or zip, without its path."""


def load(path: Path, work: Path, side: int | None = None) -> PictureSet:
    """Decode the images of ``path`` into a cache below ``work``, unless it exists, and map it.

    ``side``: side of the stored square images (pixels); default: their median short side, at most 160.
    Raises BadInput, MissingFile.
    """
    with opened(path) as source:
        found = entries(source.sizes(), str(path))
        classes = tuple(sorted({entry.label for entry in found if entry.split == "train"}))
        cache = work / f"cache-{_key(found, side)}"
        if not (cache / INDEX).is_file():
            _decode(source, found, classes, cache, side)
    return _mapped(cache, classes, path.name)


def resized(picture: Pixels, side: int) -> Pixels:
    """Return the largest centered square of an RGB image, resized to ``side`` like the product does."""
    return pixels(Frame(picture), Preprocessing(side, side, resize="crop"))


def _key(found: list[Entry], side: int | None) -> str:
    listing = "\n".join(f"{entry.name} {entry.size}" for entry in found) + f"\n{side}"
    return hashlib.sha256(listing.encode()).hexdigest()[:16]


def _decode(source: Source, found: list[Entry], classes: tuple[str, ...], cache: Path, side: int | None) -> None:
    """Write both splits, and last the index, which marks the cache as complete."""
    cache.mkdir(parents=True, exist_ok=True)
    side = side or _usual_side(source, found)
    digest = hashlib.sha256()
    skipped = 0
    for split in ("train", "val"):
        wanted = [entry for entry in found if entry.split == split]
        labels = _decode_split(source, wanted, classes, cache / f"{split}.npy", side, digest)
        skipped += len(wanted) - len(labels)
        if not labels:
            raise BadInput(f"none of the {len(wanted)} images of the {split} split could be decoded")
        np.save(cache / f"{split}-labels.npy", np.array(labels, np.int64))
    index = {"side": side, "skipped": skipped, "fingerprint": digest.hexdigest()}
    atomic.write_text(cache / INDEX, json.dumps(index))


def _decode_split(
    source: Source, wanted: list[Entry], classes: tuple[str, ...], to: Path, side: int, digest: hashlib._Hash
) -> list[int]:
    """Write the images of a split; return their labels in order. Damaged images leave unused rows at the end."""
    array = np.lib.format.open_memmap(to, mode="w+", dtype=np.uint8, shape=(len(wanted), side, side, 3))
    labels: list[int] = []
    for entry in wanted:
        content = source.read(entry.name)
        digest.update(entry.name.encode() + b"\0" + hashlib.sha256(content).digest())
        frame = _frame(content, entry.name)
        if frame is not None:
            array[len(labels)] = pixels(frame, Preprocessing(side, side, resize="crop"))
            labels.append(classes.index(entry.label))
    array.flush()
    return labels


def _usual_side(source: Source, found: list[Entry]) -> int:
    sample = found[:: max(1, len(found) // 50)]
    frames = [frame for entry in sample if (frame := _frame(source.read(entry.name), entry.name)) is not None]
    if not frames:
        raise BadInput(f"none of {len(sample)} sampled images could be decoded, e.g. {sample[0].name}")
    return min(LARGEST_SIDE, int(np.median([min(frame.width, frame.height) for frame in frames])))


def _frame(content: bytes, name: str) -> Frame | None:
    try:
        return decode.decode(content, name)
    except BadImage:
        return None


def _mapped(cache: Path, classes: tuple[str, ...], source: str) -> PictureSet:
    index = json.loads((cache / INDEX).read_text())
    train, val = (_mapped_split(cache, name) for name in ("train", "val"))
    return PictureSet(train, val, classes, index["fingerprint"], index["skipped"], source)


def _mapped_split(cache: Path, name: str) -> Split:
    labels = np.load(cache / f"{name}-labels.npy", allow_pickle=False)
    return Split(np.load(cache / f"{name}.npy", mmap_mode="r", allow_pickle=False)[: len(labels)], labels)
