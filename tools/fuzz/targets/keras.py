"""Keras files: what is read before anything is loaded."""

from __future__ import annotations

import io
import json
import zipfile
from functools import cache
from pathlib import Path

from edgevision.convert.keras_files.minimal_config import minimal
from edgevision.convert.keras_files.scan import Scan, scan

from ..outcome import ROOT

CONFIG = "config.json"


def read_config(data: bytes, folder: Path) -> None:
    """Put an architecture into a ``.keras`` file and scan it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in _small_archive().items():
            archive.writestr(name, data if name == CONFIG else content)
    read_archive(made.getvalue(), folder)


def read_archive(data: bytes, folder: Path) -> None:
    """Scan a ``.keras`` file."""
    path = folder / "model.keras"
    path.write_bytes(data)
    _use(scan(path))


def read_h5(data: bytes, folder: Path) -> None:
    """Scan a ``.h5`` file."""
    path = folder / "model.h5"
    path.write_bytes(data)
    _use(scan(path))


def _use(found: Scan) -> None:
    json.dumps(minimal(found.config, found.keras_2)).encode()


@cache
def _small_archive() -> dict[str, bytes]:
    with zipfile.ZipFile(ROOT / "tests" / "data" / "made_before" / "model.keras") as archive:
        return {name: archive.read(name) for name in archive.namelist()}
