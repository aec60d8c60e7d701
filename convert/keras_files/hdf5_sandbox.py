"""Child process that reads HDF5 files first, because corrupt files crash the HDF5 library or make it hang.

It starts in 0.3 s and reads a file in a few milliseconds.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

from edgevision.errors import BadModel

from .hdf5_items import damage, read_all
from .sandbox import Limits, Report, Worker, serve

TIMEOUT_S = 20.0
"""Base time limit in seconds; one more second is allowed per 20 MB of the file."""
BYTES_PER_S = 20e6
MEMORY = 512 << 20
"""Memory in bytes beside twice the size of the file."""
READING = "reading"
_reader = Worker("edgevision.convert.keras_files.hdf5_sandbox")


def require_readable(path: Path, entry: str | None = None) -> None:
    """Read a whole HDF5 file, or one within an archive, in a child. Raises BadModel if that fails or crashes."""
    seconds = TIMEOUT_S + path.stat().st_size / BYTES_PER_S
    limits = Limits({READING: seconds}, MEMORY + 2 * _bytes(path, entry), "the HDF5 library")
    _reader.require([str(path.resolve()), str(path), entry], path, limits)


def _bytes(path: Path, entry: str | None) -> int:
    """Return the size of an HDF5 file, or of one within an archive."""
    if entry is None:
        return path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        return archive.getinfo(entry).file_size


def _read(request: Any, report: Report) -> None:
    """In the child: read the whole file. Raises BadModel."""
    path, name, entry = request
    report(READING)
    try:
        if entry is None:
            read_all(path, name)
        else:
            with zipfile.ZipFile(path) as archive:
                read_all(io.BytesIO(archive.read(entry)), name)  # reading all of it verifies the checksum
    except BadModel:
        raise
    # h5py raises almost any exception for a corrupt file: OSError, KeyError, RuntimeError, UnicodeDecodeError, MemoryError.
    except Exception as error:
        raise BadModel(damage(Path(path), name, error)) from None


if __name__ == "__main__":
    serve(_read)
