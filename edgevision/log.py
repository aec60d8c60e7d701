"""Loggers of the library that import the standard ``logging`` only once somebody uses it.

The import takes about 3 ms of every start. Without it in the process no handler can exist, so what is below a warning
would go nowhere anyway.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

_prepare: Callable[[], None] | None = None


class Log:
    """A logger of ``logging`` by its name, ``edgevision.AREA``. Texts are %-formatted, and only if they are shown."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def debug(self, text: str, *values: object) -> None:
        """Log a detail."""
        if "logging" in sys.modules:
            _logger(self.name).debug(text, *values, stacklevel=2)

    def info(self, text: str, *values: object) -> None:
        """Log a decision: what is opened, chosen, skipped or tried again, and why."""
        if "logging" in sys.modules:
            _logger(self.name).info(text, *values, stacklevel=2)

    def warning(self, text: str, *values: object) -> None:
        """Log what the user should look at although the work goes on."""
        _logger(self.name).warning(text, *values, stacklevel=2)


def before_first(action: Callable[[], None] | None) -> None:
    """Call ``action`` once, before the next record, or nothing: the command line adds its handler there."""
    global _prepare
    _prepare = action


def _logger(name: str) -> logging.Logger:
    global _prepare
    import logging

    if _prepare is not None:
        action, _prepare = _prepare, None
        action()
    return logging.getLogger(name)
