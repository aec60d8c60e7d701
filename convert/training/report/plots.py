"""Training plots as PNG files; narrow and with large text, so that they are readable on a phone."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.files.atomic import write_bytes

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

    from edgevision.types import Pixels

    from ..linear_probe.learning_curve import LearningCurve
    from ..monitor.history import Epoch, EpochRow

WIDTH = 6.4
"""Width in inches; 960 pixels at 150 DPI."""
DPI = 150
BLUE, ORANGE, GRAY, INK, RED, GREEN = "#2563eb", "#ea580c", "#94a3b8", "#1e293b", "#dc2626", "#16a34a"
MAX_NAMES = 40
"""Maximum number of classes for which a confusion matrix shows names."""
CELL_TEXT = 15
"""Maximum number of classes for which a confusion matrix shows a number in each cell."""


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """An image of a contact sheet."""

    pixels: Pixels
    """uint8 RGB, (height, width, 3)"""
    caption: str = ""
    good: bool | None = None
    """Color of the caption: True green, False red, None neutral."""


def curves(history: Sequence[Epoch], kept: int, path: Path) -> None:
    """Plot training and validation loss and accuracy over the epochs; the ``kept`` epoch is marked."""
    figure = _figure(WIDTH, 6.4)
    loss, accuracy = figure.subplots(2, 1, sharex=True)
    x = [row.epoch for row in history]
    _pair(loss, x, [row.loss for row in history], [row.val_loss for row in history])
    percent = [100 * row.accuracy for row in history]
    val = [None if row.val_accuracy is None else 100 * row.val_accuracy for row in history]
    _pair(accuracy, x, percent, val)
    for axes in (loss, accuracy):
        for start in _phase_starts(history)[1:]:
            axes.axvline(start - 0.5, color=GRAY, linewidth=1, linestyle=(0, (4, 3)))
        axes.axvline(kept, color=GREEN, linewidth=1.2, alpha=0.8)
    for start, name in zip(_phase_starts(history), dict.fromkeys(row.phase for row in history), strict=False):
        loss.annotate(
            name, (start - 0.4, 1.02), xycoords=("data", "axes fraction"), color=INK, fontsize=10, va="bottom"
        )
    loss.set_ylabel("loss")
    accuracy.set_ylabel("accuracy, %")
    accuracy.set_xlabel(f"epoch (the weights of epoch {kept} are kept)")
    accuracy.xaxis.get_major_locator().set_params(integer=True)
    loss.legend(loc="upper right", framealpha=0.9, edgecolor="none")
    _save(figure, path)


@dataclass(frozen=True, slots=True)
class Curve:
    """A measure over the epochs."""

    name: str
    values: Sequence[float | None]
    """0..1 for each epoch; None if it was not measured."""


def detector_curves(history: Sequence[EpochRow], axis: str, measures: Sequence[Curve], kept: int, path: Path) -> None:
    """Plot the training loss and the validation of a detector over the epochs; the ``kept`` epoch is marked."""
    figure = _figure(WIDTH, 6.4)
    loss, validation = figure.subplots(2, 1, sharex=True)
    x = [row.epoch for row in history]
    _line(loss, x, [row.loss for row in history], BLUE, "training")
    for measure, color in zip(measures, (ORANGE, BLUE), strict=False):
        known = [(at, 100 * value) for at, value in zip(x, measure.values, strict=True) if value is not None]
        _line(validation, [at for at, _ in known], [value for _, value in known], color, measure.name)
    for axes in (loss, validation):
        axes.axvline(kept, color=GREEN, linewidth=1.2, alpha=0.8)
    loss.set_ylabel("training loss")
    validation.set_ylabel(axis)
    validation.set_xlabel(f"epoch (the weights of epoch {kept} are kept)")
    validation.xaxis.get_major_locator().set_params(integer=True)
    if any(value is not None for measure in measures for value in measure.values):
        validation.legend(loc="lower right", framealpha=0.9, edgecolor="none")
    _save(figure, path)


def confusion(matrix: npt.NDArray[np.int64], labels: Sequence[str], path: Path) -> None:
    """Plot a confusion matrix (classes, classes); rows are the true classes, colors the share within the row."""
    count = len(labels)
    side = min(12.0, max(4.6, 1.8 + 0.42 * count))
    figure = _figure(side, side)
    axes = figure.subplots()
    totals = np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    shares = matrix / totals
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if count <= CELL_TEXT:
        for row, column in np.ndindex(matrix.shape):
            color = "white" if shares[row, column] > 0.55 else INK
            axes.text(
                column, row, str(matrix[row, column]), ha="center", va="center", color=color, fontsize=_font(count)
            )
    if count <= MAX_NAMES:
        size = max(6.0, min(11.0, 200 / count))
        axes.set_xticks(
            range(count), [_short(name, 18) for name in labels], rotation=60 if count > 4 else 0, fontsize=size
        )
        axes.set_yticks(range(count), [_short(name, 18) for name in labels], fontsize=size)
        if count > 4:
            for label in axes.get_xticklabels():
                label.set_ha("right")
                label.set_rotation_mode("anchor")
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.grid(False)
    _save(figure, path)


def learning_curve(curve: LearningCurve, path: Path) -> None:
    """Plot the accuracy over the number of photos: measured, and extrapolated with its interval."""
    figure = _figure(WIDTH, 4.0)
    axes = figure.subplots()
    for points, color, label in ((curve.measured, BLUE, "cross-validated"), (curve.predicted, ORANGE, "extrapolated")):
        x, y = [point.photos for point in points], [100 * point.accuracy for point in points]
        below = [100 * (point.accuracy - point.low) for point in points]
        above = [100 * (point.high - point.accuracy) for point in points]
        axes.errorbar(
            x, y, [below, above], color=color, marker="o", markersize=4, linewidth=1.8, capsize=3, label=label
        )
    axes.set_xscale("log", base=2)
    shown = [point.photos for point in (*curve.measured, *curve.predicted)]
    axes.set_xticks(shown, [str(count) for count in shown])
    axes.minorticks_off()
    axes.set_xlabel("photos")
    axes.set_ylabel("accuracy, %")
    axes.legend(loc="lower right", framealpha=0.9, edgecolor="none")
    _save(figure, path)


def score_histogram(photos: Floats, negatives: Floats, threshold: float, path: Path) -> None:
    """Plot the best scores of photos of the classes and of negatives, each as a share of its kind; (n,) and (m,)."""
    figure = _figure(WIDTH, 3.6)
    axes, edges = figure.subplots(), np.linspace(0.0, 1.0, 21)
    for scores, color, label in (
        (photos, BLUE, f"{len(photos)} photos"),
        (negatives, ORANGE, f"{len(negatives)} negatives"),
    ):
        shares = 100 * np.histogram(scores, edges)[0] / max(1, len(scores))
        axes.stairs(shares, edges, color=color, fill=True, alpha=0.45, label=label)
    axes.axvline(threshold, color=INK, linewidth=1.4, linestyle=(0, (4, 3)), label=f"threshold {threshold:.3g}")
    axes.set_xlabel("best score")
    axes.set_ylabel("share, %")
    axes.legend(loc="upper center", framealpha=0.9, edgecolor="none")
    _save(figure, path)


def contact_sheet(tiles: Sequence[Tile], columns: int, path: Path) -> None:
    """Write a contact sheet of captioned images, row by row; without images, write nothing."""
    if not tiles:
        return
    rows = -(-len(tiles) // columns)
    cell = WIDTH / columns
    lines = max(tile.caption.count("\n") + 1 if tile.caption else 0 for tile in tiles)
    figure = _figure(WIDTH, rows * (cell + 0.16 * lines) + 0.1)
    grid = np.atleast_1d(figure.subplots(rows, columns, squeeze=False))
    for axes, tile in zip(grid.flat, [*tiles, *([None] * (rows * columns - len(tiles)))], strict=True):
        axes.axis("off")
        if tile is not None:
            axes.imshow(tile.pixels, interpolation="lanczos")
            color = {None: INK, True: GREEN, False: RED}[tile.good]
            axes.set_title(tile.caption, fontsize=8.5, color=color, pad=3)
    _save(figure, path)


def _pair(axes: Any, x: Sequence[int], train: Sequence[float], val: Sequence[float | None]) -> None:
    _line(axes, x, train, BLUE, "training")
    known = [(i, v) for i, v in zip(x, val, strict=True) if v is not None]
    if known:
        _line(axes, [i for i, _ in known], [v for _, v in known], ORANGE, "validation")


def _line(axes: Any, x: Sequence[int], y: Sequence[float], color: str, label: str) -> None:
    marker = "o" if len(x) <= 40 else None
    axes.plot(x, y, color=color, marker=marker, markersize=3.5, linewidth=1.8, label=label)


def _phase_starts(history: Sequence[Epoch]) -> list[int]:
    phases = [row.phase for row in history]
    return [history[phases.index(name)].epoch for name in dict.fromkeys(phases)]


def _figure(width: float, height: float) -> Any:
    # Without pyplot: no global state, no display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Any, path: Path) -> None:
    for axes in figure.axes:
        _style(axes)
    out = io.BytesIO()
    with warnings.catch_warnings():
        # Long labels leave no room for the layout; the plot is drawn all the same.
        warnings.filterwarnings("ignore", "constrained_layout not applied")
        figure.savefig(out, format="png")
    write_bytes(path, out.getvalue())


def _style(axes: Any) -> None:
    axes.tick_params(colors=INK, labelsize=axes.xaxis.get_ticklabels()[0].get_fontsize() if axes.images else 11)
    axes.xaxis.label.set_size(12)
    axes.yaxis.label.set_size(12)
    if not axes.images:
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        axes.grid(axis="y", color="#e2e8f0", linewidth=0.8)
        axes.set_axisbelow(True)


def _font(count: int) -> float:
    return max(8.0, min(16.0, 60 / count))


def _short(name: str, length: int) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"
