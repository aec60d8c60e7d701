"""One picture, or every picture below a folder in sorted order; what cannot be read gets its line all the same."""

from __future__ import annotations

import glob
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgevision import pictures
from edgevision.errors import BadInput, BadPicture, MissingFile

from ..items import Unreadable
from .prefetch import EveryFrame

if TYPE_CHECKING:
    from edgevision.data import Frame

    from ..protocols import Source


class PictureReader:
    """Decodes picture files one after the other, BGR."""

    def __init__(self, spec: str, paths: list[Path]) -> None:
        self.spec = spec
        self.description = "1 picture" if len(paths) == 1 else f"{len(paths)} pictures"
        self._paths = paths
        self._index = 0

    def read(self) -> Frame | Unreadable | None:
        """The next picture, or why there is none in its place; None after the last."""
        if self._index >= len(self._paths):
            return None
        index, path = self._index, self._paths[self._index]
        self._index += 1
        try:
            return replace(pictures.read(path), index=index, source=str(path))
        except (BadPicture, MissingFile) as error:
            return Unreadable(index, str(path), str(error))

    def close(self) -> None:
        """Nothing is held."""


def open_folder(path: Path) -> Source:
    """All pictures below a folder. Raises BadInput when there are none."""
    found = pictures.find(path)
    if not found:
        kinds = ", ".join(sorted(pictures.SUFFIXES))
        raise BadInput(f"no pictures in {path} or below (looked for {kinds})")
    return EveryFrame(PictureReader(str(path), found))


def open_glob(pattern: str) -> Source:
    """All pictures that a pattern such as ``photos/**/*.jpg`` names, in sorted order. Raises BadInput: there are none."""
    paths = (Path(name) for name in glob.glob(pattern, recursive=True))
    found = sorted(path for path in paths if path.suffix.lower() in pictures.SUFFIXES and path.is_file())
    if not found:
        raise BadInput(f"no picture is named by {pattern!r}, and no file or folder has this name")
    return EveryFrame(PictureReader(pattern, found))


def open_picture(path: Path) -> Source:
    """One picture file. Raises BadPicture."""
    pictures.read(path)  # a single picture that is damaged is the user's error, not one line among many
    return EveryFrame(PictureReader(str(path), [path]))
