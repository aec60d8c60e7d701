"""The images of a YOLO data set and their splits, wherever its ``data.yaml`` was written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from ...errors import BadInput
from ..findings import counted
from ..readers import FileContainer, FolderSource
from .annotation_file import read_text
from .image_index import ImageIndex, folder_split, normal_path
from .yolo_config import YoloConfig

MAX_LIST_BYTES = 512 * 2**20
"""Largest text file that lists images."""


@dataclass(frozen=True, slots=True)
class YoloImages:
    """The images of a data set."""

    source: FileContainer
    """The folder or zip that holds them."""
    splits: dict[str, str | None]
    """Path of each image -> its split."""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def configured_images(source: FileContainer, name: str, config: YoloConfig) -> YoloImages:
    """Return the images that a ``data.yaml`` called ``name`` names. Raises BadInput.

    Paths in it are often those of another machine, or lead one folder too high (Roboflow); then the folder with the
    longest common ending is taken.
    """
    base = name.rpartition("/")[0]
    source, base = _moved(source, base, config)
    images = ImageIndex(source)
    found: dict[str, str | None] = {}
    missing, shared = [], 0
    for split, entries in config.splits.items():
        for entry in entries:
            paths = _images_of(source, images, base, config.root, entry)
            if paths is None:
                missing.append(f"{split}: {entry}")
            shared += sum(found.setdefault(path, split) != split for path in paths or ())
    if not found:
        given = "; ".join(missing) or "no split is given"
        raise BadInput(f"{name}: no images found ({given}); set path to the folder of the data set")
    warnings = [f"{name} names a folder or list that does not exist, which is left out: {one}" for one in missing]
    if shared:
        warnings.append(
            f"{counted(shared, 'image')} in two splits of {name}; each is used in the first of train, val and test"
        )
    return YoloImages(source, found, (), tuple(warnings))


def all_images(source: FileContainer, listed: Iterable[str]) -> YoloImages:
    """Return all images of a data set without a ``data.yaml``. ``listed``: Names of text files that list those of a split."""
    images = ImageIndex(source)
    splits: dict[str, str | None] = {path: folder_split(path) for path in images.paths}
    for name in listed:
        stem = PurePosixPath(name).stem
        split = {"train": "train", "valid": "val", "val": "val", "test": "test"}.get(stem)
        for path in _listed(source, images, name):
            splits[path] = split
    return YoloImages(source, splits)


def _moved(source: FileContainer, base: str, config: YoloConfig) -> tuple[FileContainer, str]:
    """Return the folder that ``path`` names, if it is outside of the data set and has the images; else what was given."""
    if not config.root or not isinstance(source, FolderSource):
        return source, base
    there = (source.path / base / config.root).resolve()
    here = source.path.resolve()
    inside = there == here or here in there.parents
    if inside or not any((there / entry).exists() for entries in config.splits.values() for entry in entries):
        return source, base
    return FolderSource(there), ""


def _images_of(source: FileContainer, images: ImageIndex, base: str, root: str, entry: str) -> list[str] | None:
    """Return the images of a folder, or of a list; None if there is no such folder or list."""
    for path in _candidates(base, root, entry):
        if path in source.folders or not path:
            start = f"{path}/" if path else ""
            return sorted(one for one in images.paths if one.startswith(start))
        if path.endswith(".txt") and source.has(path):
            return _listed(source, images, path)
    return None


def _candidates(base: str, root: str, entry: str) -> Iterable[str]:
    """Yield where a path may lead: as written first, then without more and more of its beginning."""
    for start in (f"{base}/{root}", base, ""):
        yield normal_path(f"{start}/{entry}")
    parts = [part for part in entry.split("/") if part not in ("", ".", "..")]
    for skipped in range(len(parts)):
        for start in dict.fromkeys((base, "")):
            yield normal_path("/".join((start, *parts[skipped:])))


def _listed(source: FileContainer, images: ImageIndex, name: str) -> list[str]:
    lines = read_text(source, name, MAX_LIST_BYTES).splitlines()
    found = (images.find(line.strip(), name.rpartition("/")[0]) for line in lines if line.strip())
    return [path for path in found if path is not None]
