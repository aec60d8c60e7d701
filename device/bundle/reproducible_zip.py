"""Zip entries that are the same bytes each time, whatever the clock and the file system say."""

from __future__ import annotations

import zipfile

DATE = (1980, 1, 1, 0, 0, 0)
"""The first that a zip can hold."""
MODE = 0o100644


def add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Stored, not packed: what it goes into is packed as a whole, and zlib's output differs between versions."""
    info = zipfile.ZipInfo(name, DATE)
    info.create_system = 3
    info.external_attr = MODE << 16
    archive.writestr(info, content, zipfile.ZIP_STORED)
