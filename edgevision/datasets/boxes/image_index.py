"""Finding the image that an annotation names, wherever the annotation was made."""

from __future__ import annotations

from collections import defaultdict
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import unquote

from ...preprocessing import SUFFIXES
from ..readers import FileContainer
from ..split_names import split_of


class ImageIndex:
    """The images of a folder or zip, by name.

    Annotations name images by a path on the annotator's machine, a path of an upload, or a bare file name. An image is
    found if its path ends as the given one does; the longest common ending decides.
    """

    def __init__(self, source: FileContainer) -> None:
        self._files = frozenset(name for name in source.files if _suffix(name) in SUFFIXES)
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self._files):
            self._by_name[name.rpartition("/")[2].lower()].append(name)
            self._by_stem[PurePosixPath(name).stem].append(name)

    @property
    def paths(self) -> frozenset[str]:
        """All images."""
        return self._files

    def find(self, given: str, base: str = "", split: str | None = None) -> str | None:
        """Return the path of the image that ``given`` names; None if there is none, or several fit equally well.

        ``base``: Folder of the annotation file, preferred, without a slash at its end. ``split``: Preferred split.
        """
        name = given.replace("\\", "/")
        for wanted in dict.fromkeys((name, unquote(name))):
            direct = [normal_path(f"{base}/{wanted}" if base else wanted), normal_path(wanted)]
            found = next((path for path in direct if path in self._files), None)
            found = found or self._best(self._by_name.get(wanted.rpartition("/")[2].lower(), []), wanted, base, split)
            if found is not None:
                return found
        return None

    def with_stem(self, stem: str, base: str, given: str) -> str | None:
        """Return the image whose name without suffix is ``stem``, as near to the folder ``base`` as possible.

        ``given``: What the annotation calls it, which decides between images of the same name and folder.
        """
        return self._best(self._by_stem.get(stem, []), given.replace("\\", "/"), base, None)

    def _best(self, candidates: list[str], wanted: str, base: str, split: str | None) -> str | None:
        """Return the only best candidate: by common ending, then by split, then by distance to the annotation file."""
        if len(candidates) < 2:
            return candidates[0] if candidates else None
        ranked = sorted(
            ((_common_ending(path, wanted), split_in(path) == split, _common_start(path, base)), path)
            for path in candidates
        )
        return ranked[-1][1] if ranked[-1][0] > ranked[-2][0] else None


def split_in(path: str) -> Literal["train", "val", "test"] | None:
    """Return the split that a folder on the path, or else the file name, stands for; the innermost folder counts."""
    *folders, name = path.split("/")
    for part in (*reversed(folders), PurePosixPath(name).stem):
        meaning = split_of(part)
        if meaning is not None and meaning[0] in ("train", "val", "test"):
            return meaning[0]  # type: ignore[return-value]
    return None


def folder_split(path: str) -> str | None:
    """Return the split that a folder on the path stands for."""
    return split_in(path.rpartition("/")[0] + "/")


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def normal_path(path: str) -> str:
    """Return a path without ``.``, with ``..`` resolved as far as there are folders before it."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _common_ending(path: str, wanted: str) -> int:
    return _common(path.split("/")[::-1], wanted.split("/")[::-1])


def _common_start(path: str, base: str) -> int:
    return _common(path.split("/"), base.split("/"))


def _common(left: list[str], right: list[str]) -> int:
    count = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        count += 1
    return count
