"""The image that is written: any whole disk in a file, with what is known of it before it is read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from edgevision.errors import BadInput, EdgeVisionError, WriteFailed
from edgevision.files.atomic import require_file

from ..image.boot_partition import read_boot_files
from ..image.payload import IMAGE as IMAGE_JSON
from ..image.unpack import packed_as


@dataclass(frozen=True, slots=True)
class Image:
    """A file that was found to be an image."""

    path: Path
    bytes: int
    prepared: dict[str, Any] | None
    """image.json, where ``flash image`` made it."""

    @property
    def said(self) -> str:
        """For whom it is, in words."""
        if self.prepared is None:
            return "as it is; it was not prepared by edgevision flash image"
        told = {key: str(self.prepared.get(key) or "?") for key in ("hostname", "release")}
        return f"prepared for {told['hostname']} with {told['release']}"


class ImageSource:
    """The bytes of an image, in turn."""

    def __init__(self, stream: BinaryIO, bytes: int) -> None:
        self.bytes = bytes
        self._stream, self._done = stream, 0

    def fill(self, into: memoryview) -> None:
        """The next so many bytes. Raises WriteFailed."""
        at = 0
        while at < len(into):
            try:
                count = self._stream.readinto(into[at:])  # type: ignore[attr-defined]
            except OSError as error:
                raise WriteFailed(f"the image cannot be read at {self._done / 1e6:.1f} MB: {error.strerror}") from None
            if not count:
                raise WriteFailed(
                    f"the image ended at {self._done / 1e6:.1f} MB; it became shorter while it was written"
                )
            at, self._done = at + count, self._done + count

    def finish(self) -> None:
        """Raises WriteFailed where there is more than was said."""
        if self._stream.read(1):
            raise WriteFailed("the image became longer while it was written")


def examine(path: Path) -> Image:
    """Raises MissingFile, BadInput."""
    require_file(path, "image")
    if not path.is_file():
        raise BadInput(f"{path} is no file, and the image must be one")
    with path.open("rb") as stream:
        head = stream.read(512)
        size = stream.seek(0, 2)
    packed = packed_as(head)
    if packed:
        raise BadInput(f"{path} is packed ({packed}); unpack it first, or prepare it: edgevision flash image")
    if head[510:] != b"\x55\xaa":
        raise BadInput(f"{path} is no image of a disk: it has no partition table")
    return Image(path, size, _prepared(path))


def _prepared(path: Path) -> dict[str, Any] | None:
    try:
        raw = read_boot_files(path, (IMAGE_JSON,)).get(IMAGE_JSON)
        value = json.loads(raw) if raw else None
    except (EdgeVisionError, ValueError, RecursionError):
        return None  # Another system's image; check tells of ours that are damaged.
    return value if isinstance(value, dict) else None
