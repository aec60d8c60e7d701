"""Writing files so that nothing is lost: aside first, then renamed; never over something that is there unless asked."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from .errors import CannotWrite, MissingFile, OutputExists


def require_file(path: Path, what: str) -> Path:
    """The path, if a file is there. Raises MissingFile."""
    if path.is_dir():
        raise MissingFile(f"{what} must be a file, but {path} is a folder")
    if not path.exists():
        raise MissingFile(f"no such {what}: {path}")
    return path


def refuse_pipe(path: Path, what: str) -> None:
    """For what is read at several places: a pipe has none, and waiting for its writer may never end. Raises MissingFile."""
    if path.is_fifo():
        raise MissingFile(f"{what} must be a file, but {path} is a pipe")


def require_absent(path: Path, overwrite: bool, option: str = "-o") -> None:
    """Refuses an output that exists, before any work is done. Raises OutputExists, CannotWrite.

    ``option``: with which the user named it.
    """
    if path.is_dir():
        raise OutputExists(f"cannot write {path}: it is a folder; give a file name")
    if path.exists() and not overwrite:
        raise OutputExists(f"{path} exists; give another name with {option}, or --overwrite to replace it")
    parent = path.parent
    while not parent.exists():
        parent = parent.parent
    if not os.access(parent, os.W_OK) or not parent.is_dir():
        raise CannotWrite(
            f"cannot write {path}: no permission to write in {parent}; choose another place with {option}"
        )


def refuse_source(output: Path, sources: Iterable[Path | None], what: str) -> None:
    """What is read is never written, whatever it is called. ``what``: is made. Raises OutputExists."""
    if output.exists() and any(output.samefile(one) for one in sources if one is not None and one.exists()):
        raise OutputExists(f"{output} is what {what} is made of; give another name with -o")


def write_bytes(path: Path, data: bytes, private: bool = False) -> None:
    """Writes aside and renames, so that a reader sees the old file or the whole new one. Raises CannotWrite.

    ``private``: nobody else may read it, at no moment.
    """
    part: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if not private:
            _public(Path(part))
        Path(part).replace(path)
    except OSError as error:
        if part is not None:
            with contextlib.suppress(OSError):
                Path(part).unlink()
        raise CannotWrite(f"cannot write {path}: {error.strerror or error}") from None


def write_text(path: Path, text: str, private: bool = False) -> None:
    """UTF-8; see write_bytes."""
    write_bytes(path, text.encode(), private)


def sha256(path: Path) -> str:
    """Of the whole file, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _public(path: Path) -> None:
    """The mode a plain open() would have given (mkstemp makes 0600)."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)
