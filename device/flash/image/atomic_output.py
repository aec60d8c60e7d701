"""A large file that is made beside its place and renamed into it when it is whole; what is broken off leaves nothing."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import BinaryIO, NoReturn

from edgevision.errors import CannotWrite

from ...installer.base.atomic_files import sync_folder

SUFFIX = ".edgevision-part"
"""Behind the name of what is being made."""
NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
ENDING = ("SIGTERM", "SIGHUP")
"""What ends a program at once unless it asks for it; SIGINT does ask already."""


@contextmanager
def half_made(output: Path) -> Iterator[BinaryIO]:
    """A new file, open for reading and writing, that becomes ``output`` when the block ends well and is gone when not.

    A process that is killed leaves it behind; it is locked as long as its maker lives, and the next one in this folder
    removes those without a maker. Nobody but its owner may read it. Raises CannotWrite.
    """
    part = output.with_name(output.name + SUFFIX)
    with ended_by_signals():
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            _remove_orphans(output.parent)
            stream = _claim(part)
        except OSError as error:
            raise CannotWrite(f"cannot write {output}: {error.strerror or error}") from None
        try:
            with stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
                if sys.platform != "win32":  # still locked: nobody can take it in between
                    part.replace(output)
            if sys.platform == "win32":  # a file that is open cannot be renamed there
                part.replace(output)
            with suppress(OSError):  # not every system can be told to
                sync_folder(output.parent)
        except BaseException as error:
            with suppress(OSError):
                part.unlink()
            if isinstance(error, OSError) and error.filename is None and error.errno is not None:
                room = "; make room there, or choose another place" if error.errno in NO_ROOM else ""
                raise CannotWrite(f"cannot write {output}: {error.strerror}{room}") from None
            raise


def _remove_orphans(folder: Path) -> None:
    """What killed processes of this user left: gigabytes, with secrets in them."""
    for path in folder.glob(f"*{SUFFIX}"):
        with suppress(OSError), os.fdopen(os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)), "r+b") as stream:
            if _is_ours(stream) and _lock(stream):
                path.unlink()


def _claim(part: Path) -> BinaryIO:
    """Opens the file, locks it, and empties it. Raises CannotWrite where another process is at it."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    while True:
        stream = os.fdopen(os.open(part, flags, 0o600), "r+b")
        if not _is_ours(stream):
            stream.close()
            raise CannotWrite(f"{part} belongs to somebody else, and what is made there holds secrets; remove it")
        if not _lock(stream):
            stream.close()
            raise CannotWrite(f"another edgevision is making this file now ({part}); wait for it, or end it")
        if _same(stream, part):
            stream.truncate(0)
            return stream
        stream.close()  # Its maker finished or removed it between our opening and locking it.


def _is_ours(stream: BinaryIO) -> bool:
    """Whether nobody else may look into it; in a folder for all, anybody can have put it there."""
    if sys.platform == "win32":
        return True
    if os.fstat(stream.fileno()).st_uid != os.geteuid():
        return False
    os.fchmod(stream.fileno(), 0o600)
    return True


def _lock(stream: BinaryIO) -> bool:
    """Whether nobody else has it; the lock ends with the process, however that ends."""
    if sys.platform == "win32":
        return True  # Where a file that is open cannot be replaced in any case.
    import fcntl

    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _same(stream: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the block as Ctrl-C does: by an exception, so that all is cleaned up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _: FrameType | None) -> NoReturn:
        signal.signal(number, signal.SIG_IGN)  # the second one must not break off the cleaning up
        raise SystemExit(128 + number)

    numbers = [getattr(signal, name) for name in ENDING if hasattr(signal, name)]
    before = {number: signal.signal(number, end) for number in numbers if signal.getsignal(number) != signal.SIG_IGN}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
