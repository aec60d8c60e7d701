"""Reading of the images of an evaluation: each one once, ahead of time, with its sha256."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ..datasets.dataset import Skipped
from ..datasets.prefetch import in_order
from ..errors import BadImage, MissingFile
from ..preprocessing.decode import decode
from ..types import Frame

MAX_WAITING_PIXELS = 40_000_000
"""Total number of pixels of decoded images that wait, because images are decoded at full size."""
READERS = 2


class ImageSource(Protocol):
    """An image that is not read yet."""

    @property
    def path(self) -> str:
        """Path relative to the folder, the CSV's folder or the zip."""
        ...

    def data(self) -> bytes:
        """Read the encoded image. Raises MissingFile, BadImage."""
        ...


Source = TypeVar("Source", bound=ImageSource)


@dataclass(frozen=True, slots=True, eq=False)
class ReadImage(Generic[Source]):
    """A decoded image."""

    item: Source
    digest: str
    """sha256 of the file."""
    frame: Frame


def read_ahead(items: Iterable[Source], skipped: list[Skipped]) -> Iterator[ReadImage[Source]]:
    """Yield the images that can be read, in order; the others are added to ``skipped``."""
    results: Iterator[ReadImage[Source] | Skipped] = in_order(_read, items, READERS, is_full=_is_full)
    for one in results:
        if isinstance(one, Skipped):
            skipped.append(one)
        else:
            yield one


def _is_full(results: list[ReadImage[Source] | Skipped]) -> bool:
    decoded = [one.frame for one in results if isinstance(one, ReadImage)]
    return sum(frame.width * frame.height for frame in decoded) >= MAX_WAITING_PIXELS


def _read(item: Source) -> ReadImage[Source] | Skipped:
    try:
        data = item.data()
        return ReadImage(item, hashlib.sha256(data).hexdigest(), decode(data, item.path))
    except (BadImage, MissingFile) as error:
        return Skipped(item.path, str(error).removeprefix(f"{item.path}: "))
