"""The starter: weights of our own, from the package ``edgevision_starter``, to begin with where there is no connection."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgevision.errors import BadInput, BadModel
from edgevision.files import sha256

from .backbones import Choice

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

BACKBONE, ALPHA = "mobilenet_v2", 0.35
"""The one network that these weights fit."""
IMAGE_SIZE = 96
"""Pixels of a side that they were made for; they work at others too."""


@dataclass(frozen=True, slots=True)
class Starter:
    """The weights' file and what its card says."""

    path: Path
    sha256: str
    accuracy: float
    """Of the validation pictures at 96 px, 0..1, when these weights still had their head."""
    classes: int

    def describe(self) -> str:
        """For people."""
        return (
            f"the starter, a {BACKBONE} {ALPHA:g} trained on small pictures of {self.classes} classes "
            f"(right on {100 * self.accuracy:.1f} % of new ones)"
        )


def find() -> Starter:
    """The installed weights, checked against their card. Raises BadInput, BadModel."""
    try:
        import edgevision_starter
    except ImportError:
        raise BadInput(
            "the starter weights are not installed; pip install edgevision-starter "
            "(from a checkout: pip install ./starter), or give --weights imagenet or none"
        ) from None
    path = edgevision_starter.path()
    try:
        card = json.loads(edgevision_starter.card_path().read_text(encoding="utf-8"))
        found = Starter(
            path, sha256(path), float(card["accuracy"][str(IMAGE_SIZE)]["value"]), int(card["data"]["classes"])
        )
        good = found.sha256 == card["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        good = False
    if not good:
        raise BadModel(f"{path} and its card do not belong together; install edgevision-starter again")
    return found


def fits(backbone: str, alpha: float | None) -> bool:
    """Whether the starter is for this network; ``alpha`` None: any will do."""
    return backbone == BACKBONE and alpha in (None, ALPHA)


def assign(model: Any, choice: Choice) -> Starter:
    """Gives a network without its top the starter's weights. Raises BadInput for another network, BadModel."""
    if not fits(choice.backbone, choice.alpha):
        raise BadInput(
            f"the starter weights are for {BACKBONE} {ALPHA:g}, not {choice.backbone} {choice.alpha:g}; "
            "leave out --backbone and --alpha, or give --weights imagenet or none"
        )
    found = find()
    arrays = _read(found.path)
    try:
        for variable in model.variables:
            variable.assign(arrays[variable.path].astype("float32"))
    except (KeyError, ValueError):
        raise BadModel(f"{found.path} does not hold the weights of a {BACKBONE} {ALPHA:g}") from None
    return found


def _read(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise BadModel(f"{path} cannot be read: {error}") from None
