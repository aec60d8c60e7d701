"""OpenCV's own log, which version 5 moved: off while we say in one line what it would say in many."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

SILENT = 0


def silence() -> None:
    """Turns it off for good."""
    _log().setLogLevel(SILENT)


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Turns it off for a while."""
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
