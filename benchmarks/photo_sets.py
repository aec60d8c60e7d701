"""Photo sets of ``training.py``: written as train/CLASS and test/CLASS; the seed draws what is learned from."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from edgevision.convert.synthetic import THINGS, draw_set

SMALL_CLASSES = (
    "bell_pepper espresso golden_retriever ice_cream mushroom orange pizza school_bus sports_car teapot"
).split()
"""Ten classes of Tiny ImageNet."""
SMALL_TRAIN = 100
"""Photos per class of the small photos that are learned from; the rest of a class is its test."""
SMALL_TEST = 100
DRAWN = tuple(THINGS)
DRAWN_TEST = 60
DRAWS = 5
"""Seed component of the draws."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the photos come from."""

    cats_and_dogs: Path | None
    tiny_imagenet: Path | None


@dataclass(frozen=True, slots=True)
class PhotoSet:
    """A set of photos."""

    title: str
    per_class: tuple[int, ...] = ()
    """Photos of each class of cats and dogs to learn from; empty: those of Tiny ImageNet."""
    drawn: int = 0
    """Drawn images of each class to learn from; 0: photos."""

    def write(self, sources: Sources, folder: Path, seed: int) -> Path:
        """Write the set into a folder and return it."""
        if self.drawn:
            draw_set(folder / "train", DRAWN, self.drawn, (DRAWS, seed))
            draw_set(folder / "test", DRAWN, DRAWN_TEST, DRAWS - 1)
            return folder
        if self.per_class:
            if sources.cats_and_dogs is None:
                raise SystemExit(f"{self.title}: give --cats-and-dogs DIR")
            return _cats_and_dogs(sources.cats_and_dogs, self.per_class, folder, seed)
        if sources.tiny_imagenet is None:
            raise SystemExit(f"{self.title}: give --tiny-imagenet FILE.zip")
        return _small_photos(sources.tiny_imagenet, folder, seed)


SETS = {
    "cats-dogs-50": PhotoSet("cats and dogs, 50 a class", (50, 50)),
    "cats-dogs-200": PhotoSet("cats and dogs, 200 a class", (200, 200)),
    "cats-dogs-800": PhotoSet("cats and dogs, 800 a class", (800, 800)),
    "cats-dogs": PhotoSet("cats and dogs, 1,000 a class", (1000, 1000)),
    "imbalanced": PhotoSet("800 cats and 80 dogs", (800, 80)),
    "small": PhotoSet("ten classes of 64 px photos, 100 a class"),
    "drawn": PhotoSet("five kinds of drawn objects, 60 a class", drawn=60),
}


def _cats_and_dogs(source: Path, counts: tuple[int, ...], folder: Path, seed: int) -> Path:
    for count, name in zip(counts, ("cats", "dogs"), strict=True):
        paths = sorted((source / "train" / name).iterdir())
        random = np.random.default_rng([DRAWS, seed])
        chosen = [paths[index] for index in random.permutation(len(paths))[:count]]
        for part, some in (("train", chosen), ("test", sorted((source / "test" / name).iterdir()))):
            place = folder / part / name
            place.mkdir(parents=True)
            for path in some:
                (place / path.name).symlink_to(path.absolute())
    return folder


def _small_photos(source: Path, folder: Path, seed: int) -> Path:
    with zipfile.ZipFile(source) as file:
        lines = file.read("classes.txt").decode().splitlines()
        ids = {names.split(",")[0].replace(" ", "_"): key for key, names in (line.split("\t") for line in lines)}
        for name in SMALL_CLASSES:
            entries = sorted(one for one in file.namelist() if one.startswith(f"train/{ids[name]}/"))
            test, rest = entries[:SMALL_TEST], entries[SMALL_TEST:]
            random = np.random.default_rng([DRAWS, seed])
            train = [rest[index] for index in random.permutation(len(rest))[:SMALL_TRAIN]]
            for part, some in (("train", train), ("test", test)):
                place = folder / part / name
                place.mkdir(parents=True)
                for entry in some:
                    (place / Path(entry).name).write_bytes(file.read(entry))
    return folder
