"""Image files: one image, or all images in a folder in sorted order; unreadable ones are reported in place."""

from __future__ import annotations

import fnmatch
import glob
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgevision.errors import BadImage, BadInput, MissingFile
from edgevision.preprocessing import decode
from edgevision.preprocessing.image_folder import of_files, survey, walk

from ...stream.events import Unreadable
from ...stream.protocols import Reader
from ..wrappers.reader_thread import EveryFrame

if TYPE_CHECKING:
    from edgevision.types import Frame

    from ...stream.protocols import Source


class PictureReader(Reader):
    """Decodes image files one after the other as BGR frames."""

    def __init__(self, spec: str, paths: list[Path], notes: tuple[str, ...] = ()) -> None:
        """Read ``paths``; ``notes`` tell what was left out."""
        self.spec = spec
        self.description = "; ".join(("1 image" if len(paths) == 1 else f"{len(paths)} images", *notes))
        self._paths = paths
        self._index = 0

    def read(self) -> Frame | Unreadable | None:
        """Return the next image, or why it cannot be read; None after the last."""
        if self._index >= len(self._paths):
            return None
        index, path = self._index, self._paths[self._index]
        self._index += 1
        try:
            return replace(decode.read(path), index=index, source=str(path))
        except (BadImage, MissingFile) as error:
            return Unreadable(index, str(path), str(error))

    def close(self) -> None:
        """Do nothing: no resource is held."""


def open_folder(path: Path) -> Source:
    """Open all images in a folder and its subfolders. Raises BadInput if there are none."""
    found = survey(path)
    if not found.paths:
        kinds = ", ".join(sorted(decode.SUFFIXES))
        notes = "".join(f"; {note}" for note in found.notes)
        raise BadInput(f"no images found in {path} or its subfolders (file types: {kinds}){notes}")
    return EveryFrame(PictureReader(str(path), found.paths, found.notes))


def open_glob(pattern: str) -> Source:
    """Open all images that match a pattern such as ``photos/**/*.jpg``, sorted. Raises BadInput if there are none."""
    found = of_files(_matches(pattern))
    if not found.paths:
        notes = "".join(f"; {note}" for note in found.notes)
        raise BadInput(f"no image matches {pattern!r}, and no file or folder has this name{notes}")
    return EveryFrame(PictureReader(pattern, found.paths, found.notes))


def _matches(pattern: str) -> Iterator[Path]:
    """Yield the files that match; below ``**`` by a walk that links which lead back do not keep busy."""
    parts = Path(pattern).parts
    if "**" not in parts:
        yield from (Path(name) for name in glob.iglob(pattern))
        return
    deep = parts.index("**")
    for folder in glob.iglob(str(Path(*parts[:deep])) if deep else "."):
        if Path(folder).is_dir():
            names = (name for name in walk(Path(folder)).files if _fits(name.split("/"), parts[deep:]))
            yield from (Path(folder) / name for name in names)


def _fits(names: Sequence[str], patterns: Sequence[str]) -> bool:
    """Return whether a path matches; ``**`` stands for any number of folders, and at the end for any file."""
    if not patterns or not names:
        return not patterns and not names
    if patterns[0] != "**":
        return fnmatch.fnmatchcase(names[0], patterns[0]) and _fits(names[1:], patterns[1:])
    return len(patterns) == 1 or any(_fits(names[skip:], patterns[1:]) for skip in range(len(names)))


def open_picture(path: Path) -> Source:
    """Open one image file. Raises BadImage."""
    decode.read(path)  # a damaged single image is an error, not one report among many
    return EveryFrame(PictureReader(str(path), [path]))
