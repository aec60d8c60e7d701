"""Safe file access: atomic writes (temporary file, then rename), and checks against overwriting."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ..errors import BadInput, CannotWrite, OutputExists, not_utf8
from ..input_file import open_file, other_kind
from ..input_file import require_file as require_file  # most callers need both
from ..log import Log

log = Log("edgevision.files")
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)
"""Errors of a file system without hard links, such as FAT."""


def require_absent(path: Path, overwrite: bool, option: str = "-o") -> None:
    """Refuse an existing or unwritable output before any work is done. Raises OutputExists, CannotWrite.

    ``option``: the option that sets the output.
    """
    _refuse_other_kinds(path)
    if path.exists() and not overwrite:
        raise OutputExists(f"{path} already exists; give another name with {option}, or replace it with --overwrite")
    parent = path.parent
    while not parent.exists():
        parent = parent.parent
    if not os.access(parent, os.W_OK) or not parent.is_dir():
        raise CannotWrite(
            f"cannot write {path}: no permission to write in {parent}; choose another folder with {option}"
        )


def refuse_source(output: Path, sources: Iterable[Path | None], what: str) -> None:
    """Refuse an output that is one of the inputs. ``what``: what is made from the inputs. Raises OutputExists."""
    if output.exists() and any(output.samefile(one) for one in sources if one is not None and one.exists()):
        raise OutputExists(f"{output} is an input of {what}; give another name with -o")


def write_bytes(path: Path, data: bytes, private: bool = False) -> None:
    """Write a file atomically: a reader sees either the old file or the complete new one. Raises CannotWrite.

    ``private``: at no time is the file readable by other users.
    """
    _write(path, data, private, lambda part: part.replace(path))


def write_new(path: Path, data: bytes, private: bool = False) -> None:
    """Write a file atomically unless one with content exists, also if another process makes it meanwhile.

    Raises OutputExists, CannotWrite.
    """
    _write(path, data, private, lambda part: _name_new(part, path))


def _name_new(part: Path, path: Path) -> None:
    """Give a temporary file its name; a hard link is made only if there is no such name. Raises OutputExists, OSError."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size == 0:
            path.unlink()
    try:
        os.link(part, path)
    except FileExistsError:
        raise OutputExists(f"{path} already exists; choose another name") from None
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if path.exists():
            raise OutputExists(f"{path} already exists; choose another name") from None
        part.replace(path)
        return
    part.unlink()


def _write(path: Path, data: bytes, private: bool, name_it: Callable[[Path], object]) -> None:
    import tempfile  # imported late, like hashlib below: most callers only check paths

    from .. import cleanup

    _refuse_other_kinds(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        part = Path(name)
        with cleanup.at_once(lambda _: part.unlink()), _removed_if_unfinished(part):  # a slow disk outlasts a signal
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            if not private:
                _public(part)
            name_it(part)
        log.debug("wrote %s (%d bytes)", path, len(data))
    except OutputExists:
        raise
    except OSError as error:
        raise CannotWrite(f"cannot write {path}: {error.strerror or error}") from None


@contextlib.contextmanager
def _removed_if_unfinished(part: Path) -> Iterator[None]:
    """Remove a temporary file if the block raises."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def write_text(path: Path, text: str, private: bool = False) -> None:
    """Write text as UTF-8, as ``write_bytes`` does. Raises CannotWrite, and BadInput for text that is not UTF-8."""
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise BadInput(f"cannot write {path}: {not_utf8(error)}") from None
    write_bytes(path, data, private)


def sha256(path: Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits."""
    import hashlib

    with open_file(path, "file") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _refuse_other_kinds(path: Path) -> None:
    """Refuse an output that is a folder, a pipe or a device: a file would take its place. Raises OutputExists."""
    try:
        kind = other_kind(path.stat().st_mode)
    except OSError:  # it does not exist, or is not reachable; writing tells
        return
    if kind is not None:
        raise OutputExists(f"cannot write {path}: it is {kind}; give a file name")


def _public(path: Path) -> None:
    """Set the mode that a plain open() would give; mkstemp creates files with 0600."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)
