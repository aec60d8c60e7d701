"""The model that comes along: a few everyday things, for a first look through a camera; see docs/starter.md."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgevision.card import ModelCard


def path() -> Path:
    """``everyday.tflite``; ``tools/everyday.py`` makes it."""
    return Path(__file__).resolve().parent / "everyday.tflite"


def describe(card: ModelCard) -> str:
    """What it knows and how often it is right, for people; ``card``: its own."""
    text = f"the model that comes along tells {', '.join(card.labels)}"
    try:
        found = (card.quantization or {})["int8"]["accuracy"]
        low, high = 100 * found["low"], 100 * found["high"]
        text += f"; right on {found['correct']} of {found['total']} small test pictures ({low:.0f} to {high:.0f} %)"
    except (KeyError, TypeError):  # a card need not say
        pass
    return text
