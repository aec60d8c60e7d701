"""Contact sheet of held-out images with the model's predictions, correct in green and wrong in red."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.preprocessing import decode
from edgevision.types import Label

if TYPE_CHECKING:
    from edgevision.types import Pixels

COLUMNS = 8
TILE_INCHES = 1.7
DPI = 120
RIGHT, WRONG, INK = "#1a7f37", "#c62828", "#24292f"


@dataclass(frozen=True, slots=True)
class TilePrediction:
    """Prediction of the model for one image."""

    path: Path
    truth: str
    label: Label

    @property
    def right(self) -> bool:
        """True if the top label is the true one."""
        return self.label.name == self.truth


def write_contact_sheet(path: Path, answers: Sequence[TilePrediction], title: str) -> None:
    """Write a PNG with one row per class, up to ``COLUMNS`` images each, mistakes first."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = choose(answers)
    width, height = COLUMNS * TILE_INCHES, len(rows) * TILE_INCHES + 0.7
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    if not all(answer.right for answer in answers):
        title += "; mistakes come first"
    figure.suptitle(title, x=0.5, y=1 - 0.22 / height, va="top", fontsize=15, color=INK)
    grid = figure.subplots(len(rows), COLUMNS, squeeze=False)
    figure.subplots_adjust(left=0.008, right=0.992, top=1 - 0.85 / height, bottom=0.02, wspace=0.05, hspace=0.28)
    for line, row in zip(grid, rows, strict=True):
        for axes, answer in zip(line, [*row, *[None] * (COLUMNS - len(row))], strict=True):
            _tile(axes, answer)
    FigureCanvasAgg(figure).print_png(str(path))


def choose(answers: Sequence[TilePrediction]) -> list[list[TilePrediction]]:
    """Return, for each class in order of appearance, its mistakes first, then correct ones, ``COLUMNS`` at most."""
    classes = list(dict.fromkeys(answer.truth for answer in answers))
    return [sorted((a for a in answers if a.truth == name), key=lambda a: a.right)[:COLUMNS] for name in classes]


def _tile(axes: Any, answer: TilePrediction | None) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    if answer is None:
        axes.set_visible(False)
        return
    colour = RIGHT if answer.right else WRONG
    axes.imshow(_rgb(answer.path), interpolation="bilinear")
    for side in axes.spines.values():
        side.set(color=colour, linewidth=3)
    said = f"{answer.label.name} {answer.label.score:.0%}"
    text, size = (said, 10.5) if answer.right else (f"{said}, not {answer.truth}", 9.0)
    axes.set_title(text, fontsize=size, color=colour, pad=4)


def _rgb(path: Path) -> Pixels:
    frame = decode.read(path)
    return frame.pixels if frame.order == "RGB" else np.ascontiguousarray(frame.pixels[..., ::-1])
