"""How often a classifier's answer stays the same if the whole image is stretched into its input, as MediaPipe does it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from edgevision.errors import BadImage, BadInput, MissingFile
from edgevision.log import Log
from edgevision.model import Model
from edgevision.preprocessing import decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from edgevision.types import Frame

log = Log("edgevision.export")
MAX_IMAGES = 500
"""Largest number of photos that are used; of more, evenly spaced ones."""


class WholeFrame(NamedTuple):
    """A comparison of stretched images with those that the model was trained on."""

    images: int
    """Number of images, at least 1."""
    same: int
    """Number of images with the same top class."""
    source: str
    """Name of the folder with the photos; empty for the generated images of the model's self-test."""

    def describe(self) -> str:
        """Return a sentence on the result, with what it was measured on."""
        on = (
            f"photos of {self.source}"
            if self.source
            else "generated images of its self-test, which say little of photos"
        )
        return f"the top class stays the same on {self.same} of {self.images} {on}"

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        source = "photos" if self.source else "selftest"
        return {"images": self.images, "same": self.same, "source": source, "folder": self.source or None}


def compare(model: Model, files: Mapping[str, bytes], photos: Path | None) -> WholeFrame | None:
    """Compare on a folder of photos, else on the images of the self-test; ``files``: entries of the model file.

    None for a model that stretches images anyway, for a detector, and without images. Raises MissingFile, BadInput.
    """
    if photos is not None and not photos.is_dir():
        raise MissingFile(f"folder {photos} not found; give a folder of photos with --images")
    if model.card.task == "detection" or model.card.preprocessing.resize == "stretch":
        return None
    frames = _photos(photos) if photos is not None else _selftest(model, files)
    stretch = replace(model.card.preprocessing, resize="stretch", crop_fraction=1.0)
    other = Model(model.path, model.card.with_(preprocessing=stretch), model.engine, model.sha256)
    images = same = 0
    for frame in frames:
        images += 1
        same += int(model.scores(frame).argmax() == other.scores(frame).argmax())
    if photos is not None and not images:
        raise BadInput(f"no image of {photos} could be read; give a folder of photos with --images")
    return WholeFrame(images, same, photos.resolve().name if photos else "") if images else None


def _photos(folder: Path) -> Iterable[Frame]:
    found = decode.find(folder)
    for path in found[:: -(-len(found) // MAX_IMAGES) or 1]:
        try:
            yield decode.read(path)
        except BadImage as error:
            log.warning("left out: %s", error)


def _selftest(model: Model, files: Mapping[str, bytes]) -> Iterable[Frame]:
    test = model.card.selftest
    for case in test.cases if test is not None else ():
        yield decode.decode(files[case.picture], case.picture)
