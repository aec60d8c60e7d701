"""Reproducible zip entries: independent of the clock and of file attributes."""

from __future__ import annotations

import zipfile

DATE = (1980, 1, 1, 0, 0, 0)
"""Earliest date that a zip file can hold."""
MODE = 0o100644


def add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a file without compression: the bundle is compressed as a whole, and zlib output differs between versions."""
    info = zipfile.ZipInfo(name, DATE)
    info.create_system = 3
    info.external_attr = MODE << 16
    archive.writestr(info, content, zipfile.ZIP_STORED)
