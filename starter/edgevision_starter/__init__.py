"""Paths of the starter weights and their card, which ``edgevision.convert`` reads."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def path() -> Path:
    """Return the path of ``starter.npz``: arrays named ``layer/variable``, of MobileNetV2 0.35 without its top."""
    return _HERE / "starter.npz"


def card_path() -> Path:
    """Return the path of ``starter.card.json``: training data, training time and accuracy of the weights."""
    return _HERE / "starter.card.json"
