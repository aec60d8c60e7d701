"""Outputs of a run: a small checkpoint and record after each epoch, and the finished backbone with its card."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.files import atomic
from tools.pretrain.checkpoint import Arrays, Progress, save_arrays
from tools.pretrain.evaluate import Scorer, interval
from tools.pretrain.model import ALPHA, HEAD, is_statistic

if TYPE_CHECKING:
    from tools.pretrain.data import PictureSet

CHECKPOINT_FILE = "starter_checkpoint.npz"
RECORD_FILE = "record.json"
WEIGHTS_FILE = "starter.npz"
CARD_FILE = "starter.card.json"


def write_checkpoint(out: Path, average: Arrays, progress: Progress, pictures: PictureSet) -> None:
    """Write the averaged weights, including the head, in half precision, and the record of the run so far."""
    save_arrays(out / CHECKPOINT_FILE, halved(average))
    _write_json(out / RECORD_FILE, record(progress, pictures))


def write_starter(
    out: Path, average: Arrays, progress: Progress, pictures: PictureSet, description: str, sides: list[int]
) -> dict[str, Any]:
    """Write the backbone without its head, and its card, which is returned; the accuracy is that of the stored weights.

    ``description``: description of the data, for the card; ``sides``: image sides to evaluate at (pixels).
    """
    stored = halved(average)
    backbone = {name: array for name, array in stored.items() if not name.startswith(f"{HEAD}/")}
    card = {
        "schema": "edgevision.starter/1",
        "backbone": {"name": "MobileNetV2", "alpha": ALPHA, "include_top": False},
        "parameters": int(sum(array.size for array in backbone.values())),
        "input": {"order": "RGB", "mean": [127.5], "std": [127.5], "sides_px": sides},
        "description": description,
        "accuracy": {str(side): _accuracy(stored, pictures, side) for side in sides},
        "accuracy_of": "the backbone with its linear head, weights as stored; the head is not in the file",
        **record(progress, pictures),
    }
    save_arrays(out / WEIGHTS_FILE, backbone)
    card["sha256"] = atomic.sha256(out / WEIGHTS_FILE)
    _write_json(out / CARD_FILE, card)
    return card


def halved(values: Arrays) -> Arrays:
    """Return half-precision arrays, except for batch normalization's statistics, whose small variances would vanish."""
    return {name: array if is_statistic(name) else array.astype(np.float16) for name, array in values.items()}


def record(progress: Progress, pictures: PictureSet) -> dict[str, Any]:
    """Return the record of a run: data, duration, history, machine and versions."""
    return {
        "data": {
            "source": pictures.source,
            "fingerprint": pictures.fingerprint,
            "classes": len(pictures.classes),
            "train_pictures": len(pictures.train.labels),
            "val_pictures": len(pictures.val.labels),
            "stored_side_px": int(pictures.train.pictures.shape[1]),
            "skipped": pictures.skipped,
        },
        "seed": progress.seed,
        "epochs": progress.epoch,
        "steps": progress.total_steps,
        "hours": round(progress.seconds / 3600, 3),
        "history": progress.history,
        "machine": {"cores": os.cpu_count(), "architecture": platform.machine()},
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in ("tensorflow", "keras", "numpy")},
        },
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _accuracy(stored: Arrays, pictures: PictureSet, side: int) -> dict[str, Any]:
    total = len(pictures.val.labels)
    correct = Scorer(side, len(pictures.classes)).correct(stored, pictures.val)
    low, high = interval(correct, total)
    return {
        "value": correct / total,
        "low": low,
        "high": high,
        "correct": correct,
        "total": total,
        "method": "Wilson, 95 %",
    }


def _write_json(path: Path, value: dict[str, Any]) -> None:
    atomic.write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")
