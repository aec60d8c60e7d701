"""What the image libraries write to stderr by themselves: kept off the terminal, and read for what it says of an image."""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Iterator
from typing import Any

import cv2

SILENT = 0
"""Level of OpenCV's log that lets nothing through."""


class _CStderr:
    """The C library's ``stderr``, which libjpeg and libpng write to, replaced by a file in memory while images are decoded.

    Python's own stderr and the file descriptor 2, which child processes inherit, stay as they are.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._users = 0
        self._alone = False
        self._file: tuple[int, int] | None = None
        self._usual: int | None = None
        library = ctypes.CDLL(None)
        # Only in glibc is the variable known to be writable.
        known = hasattr(library, "gnu_get_libc_version") and hasattr(os, "memfd_create")
        self._library = library if known else None

    @contextlib.contextmanager
    def captured(self, alone: bool = False) -> Iterator[Any]:
        """Capture what is written inside a ``with`` block; yield a function that returns it.

        Blocks of other threads run at the same time, so the text may be theirs, unless ``alone`` is set.
        """
        with self._condition:
            self._condition.wait_for(lambda: not self._alone and not (alone and self._users))
            self._users += 1
            self._alone = alone
            start = self._begin() if self._users == 1 else self._size()
        try:
            yield lambda: self._text(start)
        finally:
            with self._condition:
                self._users -= 1
                self._alone = False
                if not self._users:
                    self._end()
                self._condition.notify_all()

    def _slot(self) -> ctypes.c_void_p:
        return ctypes.c_void_p.in_dll(self._library, "stderr")  # type: ignore[arg-type]  # checked by the callers

    def _begin(self) -> int:
        if self._library is None:
            return 0
        if self._file is None:
            self._file = self._open(self._library)
        os.ftruncate(self._file[0], 0)
        slot = self._slot()
        self._usual, slot.value = slot.value, self._file[1]
        return 0

    def _end(self) -> None:
        if self._library is not None:
            self._slot().value = self._usual

    def _size(self) -> int:
        return os.fstat(self._file[0]).st_size if self._file is not None else 0

    def _text(self, start: int) -> str:
        if self._file is None or self._size() <= start:
            return ""
        return os.pread(self._file[0], 1 << 16, start).decode("utf-8", "replace")

    @staticmethod
    def _open(library: ctypes.CDLL) -> tuple[int, int]:
        descriptor = os.memfd_create("edgevision-native-log")
        library.fdopen.restype = ctypes.c_void_p
        library.fdopen.argtypes = [ctypes.c_int, ctypes.c_char_p]
        library.setvbuf.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
        stream = library.fdopen(descriptor, b"a")
        library.setvbuf(stream, None, 2, 0)  # unbuffered, so that a text is in the file at once
        return descriptor, stream


_C_STDERR = _CStderr()


def captured(alone: bool = False) -> contextlib.AbstractContextManager[Any]:
    """Capture what the image libraries write inside a ``with`` block; yield a function that returns the text so far.

    The text may come from an image that another thread decodes at the same time; ``alone`` waits for the others.
    """
    return _C_STDERR.captured(alone)


def silence() -> None:
    """Turn OpenCV's log off permanently."""
    _log().setLogLevel(SILENT)


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Turn OpenCV's log off inside a ``with`` block."""
    log = _log()
    level = log.getLogLevel()
    log.setLogLevel(SILENT)
    try:
        yield
    finally:
        log.setLogLevel(level)


def _log() -> Any:
    return cv2.utils.logging if hasattr(cv2.utils, "logging") else cv2  # version 5 moved it
