"""The starter weights: initial weights from the package ``edgevision_starter``, for training without a network connection."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgevision.errors import BadInput, BadModel
from edgevision.files.atomic import sha256

from .backbones import BackboneSpec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

BACKBONE, ALPHA = "mobilenet_v2", 0.35
"""The only network these weights are for."""
IMAGE_SIZE = 96
"""Side in pixels that the weights were trained at; other sizes work too."""


@dataclass(frozen=True, slots=True)
class Starter:
    """The weights file and the facts from its card."""

    path: Path
    sha256: str
    accuracy: float
    """Validation accuracy at 96 px with the original head, 0..1."""
    classes: int

    def describe(self) -> str:
        """Return a readable summary."""
        return (
            f"the starter, a {BACKBONE} {ALPHA:g} trained on small images of {self.classes} classes "
            f"(validation accuracy {100 * self.accuracy:.1f} %)"
        )


def find() -> Starter:
    """Return the installed weights, verified against their card. Raises BadInput, BadModel."""
    try:
        import edgevision_starter
    except ImportError:
        raise BadInput(
            "the starter weights are not installed; run pip install edgevision-starter "
            "(in a checkout: pip install ./starter), or give --weights imagenet or --weights none"
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
        raise BadModel(f"{path} does not match its card; reinstall edgevision-starter")
    return found


def fits(backbone: str, alpha: float | None) -> bool:
    """Return whether the starter weights fit this network; ``alpha`` None means any width."""
    return backbone == BACKBONE and alpha in (None, ALPHA)


def assign(model: Any, choice: BackboneSpec) -> Starter:
    """Load the starter weights into a network without its top. Raises BadInput for another network, BadModel."""
    if not fits(choice.backbone, choice.alpha):
        raise BadInput(
            f"the starter weights are for {BACKBONE} {ALPHA:g}, not {choice.backbone} {choice.alpha:g}; "
            "omit --backbone and --alpha, or give --weights imagenet or --weights none"
        )
    found = find()
    arrays = _read(found.path)
    try:
        for variable in model.variables:
            variable.assign(arrays[variable.path].astype("float32"))
    except (KeyError, ValueError):
        raise BadModel(
            f"{found.path} does not contain the weights of a {BACKBONE} {ALPHA:g}; reinstall edgevision-starter"
        ) from None
    return found


def _read(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise BadModel(f"cannot read {path}: {error}") from None
