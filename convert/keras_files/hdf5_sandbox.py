"""Reads HDF5 files in a child process first: damaged ones crash the HDF5 library, or keep it busy for ever.

The child stays for the next file (a start takes 0.3 s, a file a few milliseconds) and ends with its parent.
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

from edgevision.errors import BadModel

from . import sandbox
from .hdf5_items import damage, read_all

TIMEOUT_S = 20.0
"""For any file, and a second more for each 20 MB of it."""
BYTES_PER_S = 20e6
_lock = threading.Lock()
_reader: subprocess.Popen[bytes] | None = None


def require_readable(path: Path, entry: str | None = None) -> None:
    """Has a child read all of an HDF5 file, or of one within an archive. Raises BadModel where that fails or crashes."""
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
    # -P: nothing is imported from the current folder.
    command = [sys.executable, "-P", "-m", "edgevision.convert.keras_files.hdf5_sandbox"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def _ask(process: subprocess.Popen[bytes], path: Path, entry: str | None) -> str | None:
    """What is wrong with the file, or None. A child that crashed or was stopped has ended afterwards."""
    assert process.stdin is not None and process.stdout is not None
    limit = TIMEOUT_S + path.stat().st_size / BYTES_PER_S
    try:
        process.stdin.write(json.dumps([str(path.resolve()), str(path), entry]).encode() + b"\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], limit)
    except OSError:
        ready = [process.stdout]
    if not ready:
        process.kill()
        process.wait()
        return f"{path}: it was not read within {limit:.0f} s: damaged, or made to do harm"
    answer = process.stdout.readline()
    if not answer:
        how = sandbox.how(process.wait())
        return f"{path}: it crashed the HDF5 library ({how}); damaged, or made to do harm"
    fault: str | None = json.loads(answer)
    return fault


def _read(path: str, name: str, entry: str | None) -> str | None:
    """In the child: reads everything there is; what is wrong with it, in one line."""
    try:
        if entry is None:
            read_all(path, name)
        else:
            with zipfile.ZipFile(path) as archive:
                read_all(io.BytesIO(archive.read(entry)), name)  # read whole, so that its checksum is compared
    except BadModel as error:
        return str(error)
    # h5py turns damage into nearly any exception: OSError, KeyError, RuntimeError, UnicodeDecodeError, MemoryError ...
    except Exception as error:
        return damage(Path(path), name, error)
    return None


def _main(lines: Any) -> None:
    sandbox.within_bounds()
    answers = sys.stdout
    for line in lines:
        path, name, entry = json.loads(line)
        print(json.dumps(_read(path, name, entry)), file=answers, flush=True)


if __name__ == "__main__":
    _main(sys.stdin)
