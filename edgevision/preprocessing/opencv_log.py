"""Control of OpenCV's log, which version 5 moved. It is off while this package reports faults in one line each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

SILENT = 0


def silence() -> None:
    """Turn the log off permanently."""
    _log().setLogLevel(SILENT)


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Turn the log off inside a ``with`` block."""
    log = _log()
    level = log.getLogLevel()
    log.setLogLevel(SILENT)
    try:
        yield
    finally:
        log.setLogLevel(level)


def _log() -> Any:
    import cv2

    return cv2.utils.logging if hasattr(cv2.utils, "logging") else cv2
