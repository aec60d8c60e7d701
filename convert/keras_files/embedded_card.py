"""Saves a Keras model with its model card, as the zip entry ``edgevision.json`` of the ``.keras`` archive."""

from __future__ import annotations

import contextlib
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from edgevision.errors import CannotWrite
from edgevision.model_file.card import ENTRY, ModelCard

FIXED_DATE = (1980, 1, 1, 0, 0, 0)
"""Earliest date of the zip format; a fixed date makes the entry reproducible."""


def save_keras(model: Any, card: ModelCard, path: Path) -> None:
    """Write a model and its card atomically (temporary file, then rename); replaces an existing file.

    Raises CannotWrite.
    """
    part: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=".keras")
        os.close(handle)
        part = Path(name)
        model.save(part)
        with zipfile.ZipFile(part, "a") as archive:
            archive.writestr(zipfile.ZipInfo(ENTRY, FIXED_DATE), card.dumps())
        part.chmod(0o644)
        part.replace(path)
    except BaseException as error:
        if part is not None:
            with contextlib.suppress(OSError):
                part.unlink()
        if not isinstance(error, OSError):
            raise
        raise CannotWrite(f"cannot write {path}: {error.strerror or error}") from None
