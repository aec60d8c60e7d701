"""Which model files ran once on this machine, by their SHA-256, in the state folder."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..files.state_folder import state_folder
from ..log import Log

if TYPE_CHECKING:
    from ..model_file.model_file import ModelFile

log = Log("edgevision.engines")
PACKAGE = Path(__file__).resolve().parent.parent
"""The installed package. The model files in it are as trustworthy as its code."""
FOLDER = "models-that-ran"
MAX_REMEMBERED = 1000
"""Largest number of remembered files; then all are forgotten, so that the folder stays small."""


def is_known_good(file: ModelFile) -> bool:
    """Return whether a file is part of the package, or ran once on this machine."""
    return is_remembered(file.sha256, FOLDER) or file.path.resolve().is_relative_to(PACKAGE)


def remember(file: ModelFile) -> None:
    """Remember that a file ran on this machine. Without a writable state folder it is tried again at each start."""
    remember_digest(file.sha256, FOLDER, file.path)


def is_remembered(digest: str, folder: str) -> bool:
    """Return whether a digest is in a folder of the state folder."""
    return (state_folder() / folder / digest).is_file()


def remember_digest(digest: str, folder: str, path: Path) -> None:
    """Add a digest to a folder of the state folder; ``path`` is the file to name if that is not possible."""
    target = state_folder() / folder
    try:
        target.mkdir(parents=True, exist_ok=True)
        seen = list(target.iterdir())
        for old in seen if len(seen) >= MAX_REMEMBERED else ():
            with suppress(OSError):
                old.unlink()
        (target / digest).touch()
    except OSError as error:
        log.info("cannot remember that %s runs here, so it is tried again at each start: %s", path, error)
