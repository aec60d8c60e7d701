"""Selection and record of the calibration images, whose activations set the int8 ranges.

Accuracy depends on this choice: the images must resemble what the camera will see. Other images lower the accuracy, so
none are ever generated as a substitute.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from edgevision.errors import BadImage, BadInput
from edgevision.log import Log
from edgevision.preprocessing import decode

from .counts import COUNT, MIN_COUNT
from .image_files import ImageFile, file_sha256, find, in_folder

if TYPE_CHECKING:
    from edgevision.datasets.training_images import TrainingImages
    from edgevision.model_file.card import ModelCard
    from edgevision.types import Frame, Pixels

log = Log("edgevision.calibration")
Taken = tuple[list["Picture"], list["Skipped"], set[Path]]
"""Chosen images, skipped images, and the paths of all images examined."""
PROBED = 200
"""Number of images among which at least one must be of the training; otherwise the folder is another one."""
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
    file: ImageFile | None = None
    """Source of the image if it is not a plain file."""

    def read(self) -> Frame:
        """Return the decoded image. Raises MissingFile, BadImage."""
        return self.file.read() if self.file is not None else decode.read(self.path)

    @property
    def source(self) -> ImageFile:
        """The image, to be read again."""
        return self.file or ImageFile(self.path, self.path.name)


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
    others: tuple[ImageFile, ...]
    """Images not used; they may include copies of the chosen images."""
    skipped: tuple[Skipped, ...]
    rendered: bool
    """Whether the images are synthetic and so resemble no camera's."""
    notes: tuple[str, ...] = ()
    """Lines about files of the folder that were left out."""
    selection: tuple[Picture, ...] = ()
    """The selection set, which chooses between repairs (see ``set_aside``)."""
    from_training: bool = False
    """Whether the images are those of the model's training, so that the others of the folder are new to it."""

    @property
    def fingerprint(self) -> str:
        """Identifier of the calibration images, independent of their names and order."""
        return fingerprint(picture.sha256 for picture in self.chosen)

    @property
    def used(self) -> frozenset[str]:
        """sha256 of every image used to make the model."""
        return frozenset(picture.sha256 for picture in (*self.chosen, *self.selection))


def choose(folder: Path, count: int = COUNT, seed: int = 0, training: TrainingImages | None = None) -> CalibrationSet:
    """Choose ``count`` distinct images of a folder, CSV or zip, spread evenly over its subfolders or classes.

    The same images and seed give the same choice. Corrupt and blank images are skipped and listed. Synthetic images are
    used only if the folder has nothing else. Images that the model was trained on (``training``) are preferred, so that
    those it has not seen are left for the evaluation. Raises MissingFile, BadInput.
    """
    every, notes = _find(folder)
    rendered = _rendered(every, folder)
    found = [image for image in every if image.path not in rendered] or every
    order = _spread(found, random.Random(seed))
    chosen, skipped, seen = _take_known(order, count, training) if training else ([], [], set())
    from_training = bool(chosen)
    if not from_training:
        chosen, skipped, seen = _take(order, count)
    log.info("%s: %d calibration images of %d, %d skipped", folder, len(chosen), len(found), len(skipped))
    for one in skipped:
        log.debug("skipped %s: %s", one.path, one.reason)
    if len(chosen) < min(MIN_COUNT, count):
        raise BadInput(_too_few(folder, len(found), chosen, skipped))
    return CalibrationSet(
        folder=folder,
        chosen=tuple(chosen),
        others=tuple(sorted((image for image in found if image.path not in seen), key=lambda image: image.path)),
        skipped=tuple(skipped),
        rendered=found[0].path in rendered,
        from_training=from_training,
        notes=notes,
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
    """Return the calibration images: the given ones, else the folder that the card names, else ./calibration_images.

    Raises BadInput if none of them has photos.
    """
    if given is not None:
        return given
    named = _named_by(card, model)
    if named is not None:
        log.info("calibration images: %s, named by the model card", named)
        return named
    if DEFAULT_FOLDER.is_dir():
        found = in_folder(DEFAULT_FOLDER, decode.find(DEFAULT_FOLDER))
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


def _find(folder: Path) -> tuple[list[ImageFile], tuple[str, ...]]:
    found, notes = find(folder)
    if not found:
        why = "".join(f"; {note}" for note in notes)
        raise BadInput(
            f"no images in {folder} (supported: {', '.join(sorted(decode.SUFFIXES))}); "
            f"add about 100 photos like those the camera will see{why}"
        )
    return found, notes


def _spread(found: Sequence[ImageFile], chance: random.Random) -> list[ImageFile]:
    """Return one image of each subfolder, or of each label of a CSV, in turn; each group is in random order."""
    groups: dict[tuple[str, ...], list[ImageFile]] = {}
    for image in found:
        groups.setdefault(image.labels or PurePosixPath(image.name).parent.parts, []).append(image)
    ordered = [groups[name] for name in sorted(groups)]
    for group in ordered:
        chance.shuffle(group)
    return [image for turn in zip_longest(*ordered) for image in turn if image is not None]


def _take_known(order: Sequence[ImageFile], count: int, training: TrainingImages) -> Taken:
    """Return the first ``count`` usable images that the model was trained on; none if there are fewer than MIN_COUNT.

    The search ends early in a folder that seems to have nothing to do with the training.
    """
    known: list[ImageFile] = []
    unreadable: list[Skipped] = []
    for number, image in enumerate(order):
        if len(known) >= 2 * count or (number >= PROBED and not known):
            break
        try:
            if training.part(image.name, image.sha256()):
                known.append(image)
        except BadImage as error:
            unreadable.append(Skipped(image.path, str(error).removeprefix(f"{image.path}: ")))
    chosen, skipped, seen = _take(known, count)
    if len(chosen) < MIN_COUNT:
        return [], [], set()
    return chosen, [*unreadable, *skipped], seen | {one.path for one in unreadable}


def _take(order: Iterable[ImageFile], count: int) -> Taken:
    """Return the first ``count`` usable images, the images skipped before them, and all files examined."""
    chosen: list[Picture] = []
    skipped: list[Skipped] = []
    seen: set[Path] = set()
    hashes: set[str] = set()
    for image in order:
        if len(chosen) == count:
            break
        path = image.path
        seen.add(path)
        try:
            digest = image.sha256()
            if digest in hashes:
                skipped.append(Skipped(path, "duplicate of another image"))
                continue
            hashes.add(digest)
            if is_blank(image.read().pixels):
                skipped.append(Skipped(path, "blank: almost a single color"))
                continue
        except BadImage as error:
            skipped.append(Skipped(path, str(error).removeprefix(f"{path}: ")))
            continue
        chosen.append(Picture(path, digest, image))
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


def _rendered(found: Sequence[ImageFile], folder: Path) -> frozenset[Path]:
    """Return the images below any folder that holds one of the synthetic sets; a CSV or zip is not examined."""
    below: dict[Path, list[Path]] = {}
    for path in (image.path for image in found if image.item is None):
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
