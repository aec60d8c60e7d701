"""Images in a device's folder, by the names that it lists. Files with names that could do harm are left out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from edgevision.errors import escaped

from ..collection.quota_store import collected_name, folder_name

MAX_IMAGE_BYTES = 64_000_000
"""Size of a file above which it cannot be from a camera."""
MAX_LISTED = 200_000
"""Number of files in a listing above which it is refused."""
_IMAGE = re.compile(r"[^/\\\0.\"\-][^/\\\0\"]{0,200}\.(?:jpe?g|png)", re.IGNORECASE)


class ListedFile(NamedTuple):
    """One line of a listing."""

    path: str
    """Path below the folder."""
    bytes: int
    kind: str
    """First letter of its mode: - for a regular file."""


class RemoteImage(NamedTuple):
    """An image that can be pulled."""

    label: str
    """Folder, which is the label that the device gave it, or _unsure."""
    name: str
    bytes: int

    @property
    def path(self) -> str:
        """LABEL/NAME."""
        return f"{self.label}/{self.name}"

    @property
    def time(self) -> str:
        """Time of the image as in its name, 20261130T041502Z; empty if the name has none."""
        found = collected_name(self.name)
        return found.time if found is not None else ""

    @property
    def score(self) -> float | None:
        """Best score of the model, 0..1, as in its name; None if the name has none."""
        found = collected_name(self.name)
        return found.score if found is not None else None


class Refused(NamedTuple):
    """A file that is not pulled."""

    name: str
    """As it can be shown."""
    reason: str


def images_of(listed: Iterable[ListedFile]) -> tuple[list[RemoteImage], list[Refused]]:
    """Return the images of a listing, and the files that are refused. Hidden files are left out.

    An image is LABEL/NAME, LABEL being a name that the collector would give a folder.
    """
    images: dict[str, RemoteImage] = {}
    refused: list[Refused] = []
    for one in listed:
        label, _, name = one.path.partition("/")
        if one.kind == "d" or any(part.startswith(".") and part not in ("..", ".") for part in one.path.split("/")):
            continue
        reason = _problem(one, label, name)
        if reason is None:
            images[one.path] = RemoteImage(label, name, one.bytes)
        elif name or one.kind != "-":  # other files beside the folders, such as a log, are nobody's business
            refused.append(Refused(escaped(one.path)[:200], reason))
    return list(images.values()), refused


def _problem(one: ListedFile, label: str, name: str) -> str | None:
    if one.kind != "-":
        return {"l": "a link", "b": "a drive", "c": "a device", "p": "a pipe", "s": "a socket"}.get(
            one.kind, "not a file"
        )
    if not one.path.isprintable() or _has_surrogate(one.path):
        return "a name that cannot be shown"
    if not _IMAGE.fullmatch(name) or folder_name(label) != label or label.startswith((".", "-")):
        return "not an image in the folder of a label"
    if not 0 < one.bytes <= MAX_IMAGE_BYTES:
        return f"its size, {one.bytes} bytes" if one.bytes else "it is empty"
    return None


def _has_surrogate(text: str) -> bool:
    return any(0xD800 <= ord(letter) < 0xE000 for letter in text)
