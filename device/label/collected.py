"""Labeling of what a device collected, from its live page."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edgevision.errors import BadModel, MissingFile, UsageError

from .guesses import Guesser, Predictor
from .opening import Opened, open_folder

if TYPE_CHECKING:
    from starlette.types import ASGIApp


def collected_page(model: Predictor, folder: Path) -> ASGIApp:
    """Return the labeling page of the collected images; the folder is opened when somebody uses it."""
    from .app import label_routes
    from .service import LabelService

    return label_routes(LabelService(partial(open_collected, model, folder)))


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
