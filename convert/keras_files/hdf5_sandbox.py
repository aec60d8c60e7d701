"""Child process that reads HDF5 files first, because corrupt files crash the HDF5 library or make it hang.

The child is reused for further files (it starts in 0.3 s and reads a file in a few milliseconds) and ends with its parent.
"""

from __future__ import annotations

import io
import json
import select
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

from edgevision import children
from edgevision.errors import BadModel

from . import sandbox
from .hdf5_items import damage, read_all

TIMEOUT_S = 20.0
"""Base time limit in seconds; one more second is allowed per 20 MB of the file."""
BYTES_PER_S = 20e6
_lock = threading.Lock()
_reader: subprocess.Popen[bytes] | None = None


def require_readable(path: Path, entry: str | None = None) -> None:
    """Read a whole HDF5 file, or one within an archive, in a child. Raises BadModel if that fails or crashes."""
    global _reader
    with _lock:
        if _reader is None or _reader.poll() is not None:
            _reader = _start()
        fault = _ask(_reader, path, entry)
        if fault is not None and _reader.poll() is not None:
            _reader = None
    if fault is not None:
        raise BadModel(fault)


def _start() -> subprocess.Popen[bytes]:
    command = children.module("edgevision.convert.keras_files.hdf5_sandbox")
    return children.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def _ask(process: subprocess.Popen[bytes], path: Path, entry: str | None) -> str | None:
    """Return what is wrong with the file, or None. A child that crashed or timed out has exited on return."""
    assert process.stdin is not None and process.stdout is not None
    limit = TIMEOUT_S + path.stat().st_size / BYTES_PER_S
    try:
        process.stdin.write(json.dumps([str(path.resolve()), str(path), entry]).encode() + b"\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], limit)
    except OSError:
        ready = [process.stdout]
    if not ready:
        children.end(process)
        return f"{path}: reading took longer than {limit:.0f} s; corrupt or malicious file"
    answer = process.stdout.readline()
    if not answer:
        how = sandbox.how(process.wait())
        return f"{path}: the HDF5 library crashed ({how}); corrupt or malicious file"
    fault: str | None = json.loads(answer)
    return fault


def _read(path: str, name: str, entry: str | None) -> str | None:
    """Read the whole file in the child; return in one line what is wrong with it, or None."""
    try:
        if entry is None:
            read_all(path, name)
        else:
            with zipfile.ZipFile(path) as archive:
                read_all(io.BytesIO(archive.read(entry)), name)  # reading all of it verifies the checksum
    except BadModel as error:
        return str(error)
    # h5py raises almost any exception for a corrupt file: OSError, KeyError, RuntimeError, UnicodeDecodeError, MemoryError.
    except Exception as error:
        return damage(Path(path), name, error)
    return None


def _main(lines: Any) -> None:
    children.die_with_parent()
    sandbox.within_bounds()
    answers = sys.stdout
    for line in lines:
        path, name, entry = json.loads(line)
        print(json.dumps(_read(path, name, entry)), file=answers, flush=True)


if __name__ == "__main__":
    _main(sys.stdin)
