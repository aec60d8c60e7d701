"""Labeling of what a device collected, from its live page."""

from __future__ import annotations

from pathlib import Path

from edgevision.errors import BadModel, MissingFile, UsageError

from .guesses import Guesser, Predictor
from .opening import Opened, open_folder


def open_collected(model: Predictor, folder: Path) -> Opened:
    """Open the folder of collected images with the guesses of the running model, if they fit. Raises EdgeVisionError."""
    if not folder.is_dir():
        raise MissingFile(
            "no images are collected yet; save some on the live page, or start the run with --collect FOLDER"
        )
    try:
        return open_folder(folder, Guesser(model, folder))
    except (BadModel, UsageError):  # a segmenter, or a classifier for a folder that has boxes already
        return open_folder(folder)
