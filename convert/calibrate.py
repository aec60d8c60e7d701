"""Chooses the pictures whose activations set the int8 ranges, and says which ones they were.

What is chosen decides how good the model gets: pictures like those the camera will see. Anything else does harm, so
nothing is ever made up in their place.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from edgevision import pictures
from edgevision.errors import BadInput, BadPicture, MissingFile

if TYPE_CHECKING:
    from edgevision.card import ModelCard
    from edgevision.data import Pixels

COUNT = 100
"""More did not help (measured on four networks, 10 to 500 pictures)."""
MIN_COUNT = 10
"""Distinct pictures; fewer leave the ranges to chance."""
MIN_DEVIATION = 2.0
"""Of the pixels of a picture, 0..255: less is a lens cap or a blank page, which sets no range."""
DEFAULT_FOLDER = Path("calibration_images")
CHOOSING_SHARE = 0.2
"""Of the calibration pictures, how many choose between ways to quantize instead."""
RENDERED_SETS = {"052685b165cf0a1de39bb7d5c97183dd88b1f7085c7a23b707139091c4a246d1": 40}
"""Drawn sets, made for the demo and the tests: fingerprint of the folder and number of its pictures."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture file, known by its content."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A picture that is left out, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class CalibrationSet:
    """The pictures that make the model, and the others of the folder. No picture is in two of them."""

    folder: Path
    chosen: tuple[Picture, ...]
    """These calibrate."""
    others: tuple[Path, ...]
    """Not looked at yet; a copy of a chosen picture may be among them."""
    skipped: tuple[Skipped, ...]
    rendered: bool
    """Whether these are drawn pictures, which fit no camera."""
    choosing: tuple[Picture, ...] = ()
    """These say which way of quantizing is better (``set_aside``)."""

    @property
    def fingerprint(self) -> str:
        """Which pictures calibrate, whatever their names and order."""
        return fingerprint(picture.sha256 for picture in self.chosen)

    @property
    def used(self) -> frozenset[str]:
        """sha256 of all pictures that had a part in making the model."""
        return frozenset(picture.sha256 for picture in (*self.chosen, *self.choosing))


def choose(folder: Path, count: int = COUNT, seed: int = 0) -> CalibrationSet:
    """``count`` distinct pictures of a folder, spread evenly over its sub-folders. Raises MissingFile, BadInput.

    The same folder and seed give the same pictures. Damaged and blank pictures are skipped and listed. A drawn set is
    used only where there is nothing else.
    """
    every = _find(folder)
    rendered = _rendered(every, folder)
    found = [path for path in every if path not in rendered] or every
    order = _spread(found, folder, random.Random(seed))
    chosen, skipped, seen = _take(order, count)
    if len(chosen) < min(MIN_COUNT, count):
        raise BadInput(_too_few(folder, len(found), chosen, skipped))
    return CalibrationSet(
        folder=folder,
        chosen=tuple(chosen),
        others=tuple(sorted(set(found) - seen)),
        skipped=tuple(skipped),
        rendered=found[0] in rendered,
    )


def set_aside(calibration: CalibrationSet, seed: int = 0) -> CalibrationSet:
    """The same pictures, a fifth of them, drawn at random, no longer calibrating but ``choosing``."""
    count = max(1, round(CHOOSING_SHARE * len(calibration.chosen)))
    drawn = set(random.Random(seed).sample(range(len(calibration.chosen)), count))
    by_number = list(enumerate(calibration.chosen))
    return replace(
        calibration,
        chosen=tuple(picture for number, picture in by_number if number not in drawn),
        choosing=tuple(picture for number, picture in by_number if number in drawn),
    )


def find_folder(given: Path | None, model: Path, card: ModelCard | None) -> Path:
    """The folder to take pictures from: the one given, else what the card names, else ./calibration_images.

    Raises BadInput where there is none with photos in it.
    """
    if given is not None:
        return given
    named = _named_by(card, model)
    if named is not None:
        return named
    if DEFAULT_FOLDER.is_dir():
        found = pictures.find(DEFAULT_FOLDER)
        if len(found) > len(_rendered(found, DEFAULT_FOLDER)):
            return DEFAULT_FOLDER
    raise BadInput(
        "no pictures to calibrate with: give --calibration FOLDER with about 100 photos like those the camera will see "
        f"(or put them into ./{DEFAULT_FOLDER}/)"
    )


def fingerprint(digests: Iterable[str]) -> str:
    """sha256 over the sorted sha256 of the files: which set it is, whatever the names."""
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Of a file's content. Raises BadPicture."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise BadPicture(f"{path}: cannot be read: {error.strerror}") from None


def _find(folder: Path) -> list[Path]:
    if not folder.exists():
        raise MissingFile(f"no such folder of calibration pictures: {folder}")
    if not folder.is_dir():
        raise BadInput(f"--calibration takes a folder of pictures, and {folder} is a file")
    found = pictures.find(folder)
    if not found:
        raise BadInput(
            f"{folder} holds no pictures ({', '.join(sorted(pictures.SUFFIXES))}); "
            "put about 100 photos like those the camera will see into it"
        )
    return found


def _spread(found: Sequence[Path], folder: Path, chance: random.Random) -> Iterator[Path]:
    """One picture of each sub-folder in turn, each sub-folder in random order."""
    groups: dict[Path, list[Path]] = {}
    for path in found:
        groups.setdefault(path.relative_to(folder).parent, []).append(path)
    ordered = [groups[name] for name in sorted(groups)]
    for group in ordered:
        chance.shuffle(group)
    for turn in zip_longest(*ordered):
        yield from (path for path in turn if path is not None)


def _take(order: Iterable[Path], count: int) -> tuple[list[Picture], list[Skipped], set[Path]]:
    """The first ``count`` good ones; what was skipped on the way; all that was looked at."""
    chosen: list[Picture] = []
    skipped: list[Skipped] = []
    seen: set[Path] = set()
    hashes: set[str] = set()
    for path in order:
        if len(chosen) == count:
            break
        seen.add(path)
        try:
            digest = file_sha256(path)
            if digest in hashes:
                skipped.append(Skipped(path, "a copy of another picture"))
                continue
            hashes.add(digest)
            if is_blank(pictures.read(path).pixels):
                skipped.append(Skipped(path, "shows nothing: nearly one colour all over"))
                continue
        except BadPicture as error:
            skipped.append(Skipped(path, str(error).removeprefix(f"{path}: ")))
            continue
        chosen.append(Picture(path, digest))
    return chosen, skipped, seen


def is_blank(pixels: Pixels) -> bool:
    """Whether a picture has no content: every channel nearly constant."""
    step = max(1, min(pixels.shape[:2]) // 256)  # a sample of the pixels says as much as all of them
    sample = pixels[::step, ::step].reshape(-1, pixels.shape[2] if pixels.ndim == 3 else 1)
    return bool(sample.std(axis=0).max() < MIN_DEVIATION)


def _too_few(folder: Path, found: int, chosen: Sequence[Picture], skipped: Sequence[Skipped]) -> str:
    reasons = "".join(f"; {s.path.name}: {s.reason}" for s in skipped[:2])
    more = f" and {len(skipped) - 2} more" if len(skipped) > 2 else ""
    return (
        f"{folder} has {len(chosen)} usable, distinct pictures of {found}{reasons}{more}; "
        f"at least {MIN_COUNT} are needed, and about {COUNT} are good"
    )


def _rendered(found: Sequence[Path], folder: Path) -> frozenset[Path]:
    """The pictures below any folder that holds one of the drawn sets."""
    below: dict[Path, list[Path]] = {}
    for path in found:
        for parent in path.parents:
            below.setdefault(parent, []).append(path)
            if parent == folder:
                break
    known: set[Path] = set()
    for paths in below.values():
        # Only folders of the right size are hashed: the sets are small, photo collections are not.
        if len(paths) in RENDERED_SETS.values() and fingerprint(file_sha256(p) for p in paths) in RENDERED_SETS:
            known.update(paths)
    return frozenset(known)


def _named_by(card: ModelCard | None, model: Path) -> Path | None:
    """The folder that the card of the Keras file names, relative to that file."""
    named = (card.training or {}).get("calibration") if card is not None else None
    if not isinstance(named, str) or Path(named).is_absolute():
        return None
    folder = model.parent / named
    return folder if folder.is_dir() else None
