"""How the outputs of a detector can be read, for ``edgevision inspect``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import BadModel
from ..model_file.detector import output_view
from ..output_layouts.registry import open_layout, recognize, title

if TYPE_CHECKING:
    from ..model_file.card import ModelCard
    from ..model_file.model_file import ModelFile


def layouts_json(file: ModelFile, card: ModelCard | None) -> list[dict[str, Any]]:
    """Return the layouts that the outputs of a model can have: one if it is known, none if it is not a detector.

    ``card``: the card with which the file is opened; None if it is refused.
    """
    if card is not None and card.task != "detection":
        return []
    chosen = card.detector.layout if card is not None and card.detector is not None else None
    try:
        view = output_view(file, 0 if card is None else len(card.labels))
        found = [] if view is None else [open_layout(view, chosen)] if chosen else recognize(view)
    except BadModel:
        return []
    return [{"name": one.name, "description": title(one.name), "classes": one.classes} for one in found]
