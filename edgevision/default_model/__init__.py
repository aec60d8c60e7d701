"""The bundled default model: a few everyday things, for a first try with a camera; see docs/research/starter.md."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..model_file.card import ModelCard


def path() -> Path:
    """Return the path of the default model, made by ``tools/make_default_model.py``."""
    return Path(__file__).resolve().parent / "default.tflite"


def describe(card: ModelCard) -> str:
    """Return one line with the default model's labels and accuracy; ``card``: its model card."""
    text = f"the bundled default model recognizes {', '.join(card.labels)}"
    try:
        found = (card.quantization or {})["int8"]["accuracy"]
        low, high = 100 * found["low"], 100 * found["high"]
        text += f"; correct on {found['correct']} of {found['total']} small test images ({low:.0f} to {high:.0f} %)"
    except (KeyError, TypeError):  # the card may have no accuracy
        pass
    return text
