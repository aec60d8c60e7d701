"""The starter weights: where they and their card lie. Nothing is loaded here; ``edgevision.convert`` reads them."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def path() -> Path:
    """``starter.npz``: arrays named ``layer/variable``, of MobileNetV2 0.35 without its top."""
    return _HERE / "starter.npz"


def card_path() -> Path:
    """``starter.card.json``: what the weights were trained on, for how long, and how good they are."""
    return _HERE / "starter.card.json"
