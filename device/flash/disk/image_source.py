"""The OS image to write: any disk image in a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from edgevision.errors import BadInput, EdgeVisionError, WriteFailed
from edgevision.files import strict_json
from edgevision.input_file import open_file

from ..image.boot_partition import read_boot_files
from ..image.payload import IMAGE as IMAGE_JSON
from ..image.unpack import packed_as


@dataclass(frozen=True, slots=True)
class Image:
    """A file that is a disk image."""

    path: Path
    bytes: int
    prepared: dict[str, Any] | None
    """Content of image.json, if prepared with ``flash image``."""

    @property
    def said(self) -> str:
        """Description of its purpose."""
        if self.prepared is None:
            return "not prepared with edgevision flash image"
        told = {key: str(self.prepared.get(key) or "?") for key in ("hostname", "release")}
        return f"prepared for {told['hostname']} with {told['release']}"


class ImageSource:
    """Sequential reader of an image."""

    def __init__(self, stream: BinaryIO, bytes: int) -> None:
        self.bytes = bytes
        self._stream, self._done = stream, 0

    def fill(self, into: memoryview) -> None:
        """Fill the buffer with the next bytes. Raises WriteFailed."""
        at = 0
        while at < len(into):
            try:
                count = self._stream.readinto(into[at:])  # type: ignore[attr-defined]
            except OSError as error:
                raise WriteFailed(f"cannot read the OS image at {self._done / 1e6:.1f} MB: {error.strerror}") from None
            if not count:
                raise WriteFailed(
                    f"the OS image became shorter while being written: it ended at {self._done / 1e6:.1f} MB"
                )
            at, self._done = at + count, self._done + count

    def finish(self) -> None:
        """Check that the image has ended. Raises WriteFailed."""
        if self._stream.read(1):
            raise WriteFailed("the OS image became longer while being written")


def examine(path: Path) -> Image:
    """Check that a file is an unpacked disk image. Raises MissingFile, BadInput."""
    with open_file(path, "OS image") as stream:
        head = stream.read(512)
        size = stream.seek(0, 2)
    packed = packed_as(head)
    if packed:
        raise BadInput(f"{path} is compressed ({packed}); unpack it first, or prepare it: edgevision flash image")
    if head[510:] != b"\x55\xaa":
        raise BadInput(f"{path} is not a disk image: no partition table found")
    return Image(path, size, _prepared(path))


def _prepared(path: Path) -> dict[str, Any] | None:
    try:
        raw = read_boot_files(path, (IMAGE_JSON,)).get(IMAGE_JSON)
        value = strict_json.loads(raw, "it") if raw else None
    except EdgeVisionError:
        return None  # Another OS image; damaged ones of ours are reported by the check command.
    return value if isinstance(value, dict) else None
