"""Write a large file atomically: a temporary file is renamed when complete, and removed after a failure."""

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
"""Suffix of the temporary file."""
NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
ENDING = ("SIGTERM", "SIGHUP")
"""Signals that end a program at once unless it handles them; Python already handles SIGINT."""


@contextmanager
def half_made(output: Path) -> Iterator[BinaryIO]:
    """Open a new file that is renamed to ``output`` if the block succeeds and removed if it fails.

    A killed process leaves the file behind. It is locked while its process lives, and the next call in the same folder
    removes unlocked ones. Only its owner can read it. Raises CannotWrite.
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
                if sys.platform != "win32":  # still locked: no other process can claim it in between
                    part.replace(output)
            if sys.platform == "win32":  # an open file cannot be renamed on Windows
                part.replace(output)
            with suppress(OSError):  # not supported by every system
                sync_folder(output.parent)
        except BaseException as error:
            with suppress(OSError):
                part.unlink()
            if isinstance(error, OSError) and error.filename is None and error.errno is not None:
                room = "; free some space there, or choose another folder" if error.errno in NO_ROOM else ""
                raise CannotWrite(f"cannot write {output}: {error.strerror}{room}") from None
            raise


def _remove_orphans(folder: Path) -> None:
    """Remove files that killed processes of this user left: gigabytes, with secrets in them."""
    for path in folder.glob(f"*{SUFFIX}"):
        with suppress(OSError), os.fdopen(os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)), "r+b") as stream:
            if _is_ours(stream) and _lock(stream):
                path.unlink()


def _claim(part: Path) -> BinaryIO:
    """Open, lock and empty the file. Raises CannotWrite if another process is using it."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    while True:
        stream = os.fdopen(os.open(part, flags, 0o600), "r+b")
        if not _is_ours(stream):
            stream.close()
            raise CannotWrite(f"{part} belongs to another user and would receive secrets; remove it")
        if not _lock(stream):
            stream.close()
            raise CannotWrite(f"another edgevision process is writing this file ({part}); wait for it, or stop it")
        if _same(stream, part):
            stream.truncate(0)
            return stream
        stream.close()  # The other process renamed or removed it before we locked it: try again.


def _is_ours(stream: BinaryIO) -> bool:
    """Return whether the file is ours, and make it private; in a shared folder anybody could have created it."""
    if sys.platform == "win32":
        return True
    if os.fstat(stream.fileno()).st_uid != os.geteuid():
        return False
    os.fchmod(stream.fileno(), 0o600)
    return True


def _lock(stream: BinaryIO) -> bool:
    """Lock the file; return False if another process has it. The lock ends with the process."""
    if sys.platform == "win32":
        return True  # An open file cannot be replaced there anyway.
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
    """Make SIGTERM and SIGHUP raise an exception as Ctrl-C does, so that the block cleans up.

    The command line does so everywhere; then nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _: FrameType | None) -> NoReturn:
        signal.signal(number, signal.SIG_IGN)  # a second signal must not interrupt the cleanup
        raise SystemExit(128 + number)

    numbers = [getattr(signal, name) for name in ENDING if hasattr(signal, name)]
    before = {number: signal.signal(number, end) for number in numbers if signal.getsignal(number) == signal.SIG_DFL}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
