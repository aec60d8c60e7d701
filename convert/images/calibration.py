"""Selection and record of the calibration images, whose activations set the int8 ranges.

Accuracy depends on this choice: the images must resemble what the camera will see. Other images lower the accuracy, so
none are ever generated as a substitute.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from edgevision.errors import BadImage, BadInput, MissingFile
from edgevision.log import Log
from edgevision.preprocessing import decode

from .counts import COUNT, MIN_COUNT

if TYPE_CHECKING:
    from edgevision.model_file.card import ModelCard
    from edgevision.types import Pixels

log = Log("edgevision.calibration")
MIN_DEVIATION = 2.0
"""Smallest standard deviation of an image's pixels (0..255); below it, the image is blank, such as a lens cap, and useless."""
DEFAULT_FOLDER = Path("calibration_images")
CHOOSING_SHARE = 0.2
"""Share of the calibration images that form the selection set, which chooses between repairs."""
RENDERED_SETS = {"052685b165cf0a1de39bb7d5c97183dd88b1f7085c7a23b707139091c4a246d1": 40}
"""Synthetic image sets of the demo and the tests: fingerprint of the folder -> number of its images."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image file, identified by its content."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """An image that is left out, and the reason."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class CalibrationSet:
    """The images that make the model, and the other images of the folder. The sets are disjoint."""

    folder: Path
    chosen: tuple[Picture, ...]
    """Images for calibration."""
    others: tuple[Path, ...]
    """Files not examined yet; they may include copies of the chosen images."""
    skipped: tuple[Skipped, ...]
    rendered: bool
    """Whether the images are synthetic and so resemble no camera's."""
    selection: tuple[Picture, ...] = ()
    """The selection set, which chooses between repairs (see ``set_aside``)."""

    @property
    def fingerprint(self) -> str:
        """Identifier of the calibration images, independent of their names and order."""
        return fingerprint(picture.sha256 for picture in self.chosen)

    @property
    def used(self) -> frozenset[str]:
        """sha256 of every image used to make the model."""
        return frozenset(picture.sha256 for picture in (*self.chosen, *self.selection))


def choose(folder: Path, count: int = COUNT, seed: int = 0) -> CalibrationSet:
    """Choose ``count`` distinct images of a folder, spread evenly over its subfolders. Raises MissingFile, BadInput.

    The same folder and seed give the same images. Corrupt and blank images are skipped and listed. Synthetic images are
    used only if the folder has nothing else.
    """
    every = _find(folder)
    rendered = _rendered(every, folder)
    found = [path for path in every if path not in rendered] or every
    order = _spread(found, folder, random.Random(seed))
    chosen, skipped, seen = _take(order, count)
    log.info("%s: %d calibration images of %d, %d skipped", folder, len(chosen), len(found), len(skipped))
    for one in skipped:
        log.debug("skipped %s: %s", one.path, one.reason)
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
    """Return the same images with a random fifth moved to the selection set."""
    count = max(1, round(CHOOSING_SHARE * len(calibration.chosen)))
    log.info("%d of the calibration images form the selection set", count)
    drawn = set(random.Random(seed).sample(range(len(calibration.chosen)), count))
    by_number = list(enumerate(calibration.chosen))
    return replace(
        calibration,
        chosen=tuple(picture for number, picture in by_number if number not in drawn),
        selection=tuple(picture for number, picture in by_number if number in drawn),
    )


def find_folder(given: Path | None, model: Path, card: ModelCard | None) -> Path:
    """Return the calibration folder: the given one, else the one named by the model card, else ./calibration_images.

    Raises BadInput if none of them has photos.
    """
    if given is not None:
        return given
    named = _named_by(card, model)
    if named is not None:
        log.info("calibration images: %s, named by the model card", named)
        return named
    if DEFAULT_FOLDER.is_dir():
        found = decode.find(DEFAULT_FOLDER)
        if len(found) > len(_rendered(found, DEFAULT_FOLDER)):
            log.info("calibration images: ./%s, because no folder was given", DEFAULT_FOLDER)
            return DEFAULT_FOLDER
    raise BadInput(
        "no calibration images: give --calibration FOLDER with about 100 photos like those the camera will see, "
        f"or put them into ./{DEFAULT_FOLDER}/"
    )


def fingerprint(digests: Iterable[str]) -> str:
    """Return the sha256 over the sorted sha256 of the files, which identifies the set whatever the file names."""
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file. Raises BadImage if it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise BadImage(f"{path}: cannot read the file: {error.strerror}") from None


def _find(folder: Path) -> list[Path]:
    if not folder.exists():
        raise MissingFile(f"calibration folder not found: {folder}")
    if not folder.is_dir():
        raise BadInput(f"--calibration needs a folder of images, but {folder} is a file")
    found = decode.find(folder)
    if not found:
        raise BadInput(
            f"no images in {folder} (supported: {', '.join(sorted(decode.SUFFIXES))}); "
            "add about 100 photos like those the camera will see"
        )
    return found


def _spread(found: Sequence[Path], folder: Path, chance: random.Random) -> Iterator[Path]:
    """Yield one image of each subfolder in turn; each subfolder is in random order."""
    groups: dict[Path, list[Path]] = {}
    for path in found:
        groups.setdefault(path.relative_to(folder).parent, []).append(path)
    ordered = [groups[name] for name in sorted(groups)]
    for group in ordered:
        chance.shuffle(group)
    for turn in zip_longest(*ordered):
        yield from (path for path in turn if path is not None)


def _take(order: Iterable[Path], count: int) -> tuple[list[Picture], list[Skipped], set[Path]]:
    """Return the first ``count`` usable images, the images skipped before them, and all files examined."""
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
                skipped.append(Skipped(path, "duplicate of another image"))
                continue
            hashes.add(digest)
            if is_blank(decode.read(path).pixels):
                skipped.append(Skipped(path, "blank: almost a single color"))
                continue
        except BadImage as error:
            skipped.append(Skipped(path, str(error).removeprefix(f"{path}: ")))
            continue
        chosen.append(Picture(path, digest))
    return chosen, skipped, seen


def is_blank(pixels: Pixels) -> bool:
    """Return whether an image is blank: every channel is nearly constant."""
    step = max(1, min(pixels.shape[:2]) // 256)  # a sample of the pixels is enough
    sample = pixels[::step, ::step].reshape(-1, pixels.shape[2] if pixels.ndim == 3 else 1)
    return bool(sample.std(axis=0).max() < MIN_DEVIATION)


def _too_few(folder: Path, found: int, chosen: Sequence[Picture], skipped: Sequence[Skipped]) -> str:
    reasons = "".join(f"; {s.path.name}: {s.reason}" for s in skipped[:2])
    more = f" and {len(skipped) - 2} more" if len(skipped) > 2 else ""
    return (
        f"too few calibration images: {folder} has {len(chosen)} usable, distinct images among {found}{reasons}{more}; "
        f"at least {MIN_COUNT} are required, about {COUNT} recommended"
    )


def _rendered(found: Sequence[Path], folder: Path) -> frozenset[Path]:
    """Return the images below any folder that holds one of the synthetic sets."""
    below: dict[Path, list[Path]] = {}
    for path in found:
        for parent in path.parents:
            below.setdefault(parent, []).append(path)
            if parent == folder:
                break
    known: set[Path] = set()
    for paths in below.values():
        # Hash only folders with the right number of images: the sets are small, photo collections are not.
        if len(paths) in RENDERED_SETS.values() and fingerprint(file_sha256(p) for p in paths) in RENDERED_SETS:
            known.update(paths)
    return frozenset(known)


def _named_by(card: ModelCard | None, model: Path) -> Path | None:
    """Return the folder named by the card of the Keras file, relative to that file; None if it does not exist."""
    named = (card.training or {}).get("calibration") if card is not None else None
    if not isinstance(named, str) or Path(named).is_absolute():
        return None
    folder = model.parent / named
    return folder if folder.is_dir() else None
