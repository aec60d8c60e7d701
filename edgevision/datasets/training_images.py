"""The images that a model was trained and tested on: recorded in its model card, or listed in the split.csv beside it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import BadInput, MissingFile
from ..log import Log
from ..model_file.card import ModelCard
from .split import Split

log = Log("edgevision.data")
PARTS = ("train", "val")
"""Parts that made the model: one set its weights, the other chose between them."""
TEST = "test"
"""Part that gave the model its score."""
DIGEST_BYTES = 5
"""Bytes of each image's sha256 in the card; a new image is mistaken for one of 10,000 once in 10^8 times."""
MAX_IMAGES = 10_000
"""Largest number of images that a card lists (67 kB); a larger set is known only by its fingerprint and split.csv."""


@dataclass(frozen=True, slots=True)
class TrainingImages:
    """The images that a model was trained on or that chose between its weights."""

    digests: Mapping[bytes, str] = field(default_factory=dict)
    """First bytes of an image's sha256 -> train or val."""
    paths: Mapping[str, str] = field(default_factory=dict)
    """Path below the folder, CSV or zip -> train or val; used if there are no digests."""
    fingerprint: str | None = None
    """Fingerprint of the whole set with its labels; used if nothing else is known."""
    test_digests: frozenset[bytes] = frozenset()
    """First bytes of the sha256 of each image that gave the model its score."""

    def __bool__(self) -> bool:
        """Return whether single images can be recognized."""
        return bool(self.digests or self.paths)

    def part(self, path: str, sha256: str) -> str | None:
        """Return ``train`` or ``val`` for an image that made the model, else None.

        ``path``: its path below the folder, CSV or zip; ``sha256``: of the file, hexadecimal.
        """
        if self.digests:
            return self.digests.get(bytes.fromhex(sha256)[:DIGEST_BYTES])
        return self.paths.get(path)

    def part_by_content(self, sha256: str) -> str | None:
        """Return train, val or test for an image that the card lists, by the sha256 of its file; else None."""
        digest = bytes.fromhex(sha256)[:DIGEST_BYTES]
        return self.digests.get(digest) or (TEST if digest in self.test_digests else None)

    def parts(self, images: Iterable[tuple[str, str]], fingerprint: str) -> list[str | None]:
        """Return the part of each (path, sha256). A set whose fingerprint is the training's counts as trained on."""
        if not self and self.fingerprint == fingerprint:
            return ["train" for _ in images]
        return [self.part(path, sha256) for path, sha256 in images]


def card_entry(train: Iterable[str], val: Iterable[str], test: Iterable[str] = ()) -> dict[str, Any] | None:
    """Return the record of the images' sha256 for ``training.data.images`` of a card; None for too many images."""
    digests = {name: sorted(set(found)) for name, found in zip((*PARTS, TEST), (train, val, test), strict=True)}
    if sum(len(digests[name]) for name in PARTS) > MAX_IMAGES:
        return None
    if len(digests[TEST]) > MAX_IMAGES:
        del digests[TEST]
    joined = {name: b"".join(bytes.fromhex(one)[:DIGEST_BYTES] for one in found) for name, found in digests.items()}
    return {"digest_bytes": DIGEST_BYTES, **{name: base64.b64encode(data).decode() for name, data in joined.items()}}


def training_images(card: ModelCard | None, split_file: Path | None = None) -> TrainingImages:
    """Return what is known of a model's training images, by its card and by the split.csv of its training."""
    data = (card.training or {}).get("data") if card is not None else None
    found = data if isinstance(data, dict) else {}
    mark = found.get("fingerprint")
    return TrainingImages(
        digests=_digests(found.get("images")),
        paths=_listed(split_file) if split_file is not None else {},
        fingerprint=mark if isinstance(mark, str) else None,
        test_digests=frozenset(_digests(found.get("images"), (TEST,))),
    )


def _digests(entry: object, parts: tuple[str, ...] = PARTS) -> dict[bytes, str]:
    """Return the digests of a card's entry; an entry of another form is ignored, because the card may come from anywhere."""
    if not isinstance(entry, dict) or entry.get("digest_bytes") != DIGEST_BYTES:
        return {}
    found: dict[bytes, str] = {}
    for name in reversed(parts):  # train takes precedence
        try:
            data = base64.b64decode(entry.get(name) or "", validate=True)
        except (TypeError, ValueError, binascii.Error):
            return {}
        found |= {data[at : at + DIGEST_BYTES]: name for at in range(0, len(data), DIGEST_BYTES)}
    return found


def _listed(path: Path) -> dict[str, str]:
    """Return path -> part by a split.csv; empty if there is none that can be read."""
    try:
        rows = Split.read_csv(path).rows
    except MissingFile:
        return {}
    except BadInput as error:
        log.info("ignoring %s: %s", path, error)
        return {}
    return {row.path: row.split for row in rows if row.split in PARTS}
