"""Texts that the terminal summary and the HTML page of a conversion share."""

from __future__ import annotations

from .record import ConvertReport


def points(drop: float, unit: str = " points") -> str:
    """Format a difference of accuracies, -1..1, such as ``0.3 points lost`` or ``0.7 points gained``."""
    return f"{100 * abs(drop):.1f}{unit} {'gained' if drop <= -0.0005 else 'lost'}"


def measured_on(report: ConvertReport) -> str:
    """Return what images the figures are of, such as ``24 held-out images, none of them used in training``."""
    held, count = report.heldout, report.comparison.pictures
    some = f"{count} image{'s' * (count != 1)}"
    if held.only_trained_on:
        return f"{some} that the model was trained on (not independent)"
    if not held.independent:
        return f"{some} of the selection set (not independent)"
    if held.training_known:
        return f"{count} held-out image{'s' * (count != 1)}, none of them used in training"
    return f"{some} that had no part in the conversion; whether the model was trained on them is not known"
