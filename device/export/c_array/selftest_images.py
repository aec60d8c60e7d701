"""The images of the self-test: those of the model file, else drawn ones."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING

from edgevision.preprocessing import decode

from ..drawn_images import drawn_frames

if TYPE_CHECKING:
    from edgevision.model_file.card import ModelCard
    from edgevision.types import Frame

MAX_BYTES = 100_000
"""Bytes of prepared images in the sources, unless a single one has more."""
MAX_IMAGES = 3


def choose_frames(card: ModelCard, files: Mapping[str, bytes]) -> tuple[list[Frame], str]:
    """Return some images, and where they are from: ``model`` or ``drawn``. Raises BadImage."""
    rule = card.preprocessing
    count = max(1, min(MAX_IMAGES, MAX_BYTES // (rule.width * rule.height * rule.channels)))
    own = [] if card.selftest is None else [one.picture for one in card.selftest.cases if one.picture in files]
    if own:
        return [decode.decode(files[name], name) for name in own[:count]], "model"
    return list(islice(drawn_frames(0, count), count)), "drawn"
