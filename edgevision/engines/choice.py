"""The record of which engine was asked for and which one runs."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import EngineError


@dataclass(frozen=True, slots=True)
class Choice:
    """Which engine runs a model, and why that one."""

    requested: str = "cpu"
    """As the user typed it."""
    used: str = "cpu"
    """The name in the table, with the device where one was named."""
    fallback_reason: str | None = None
    """Why ``auto`` did not take a quicker one, where that is worth knowing."""


class Unsuited(EngineError):
    """An engine that has nothing to run in this file; with ``auto``, no fault."""

    def __init__(self, message: str, notable: bool) -> None:
        super().__init__(message)
        self.notable = notable
        """Whether ``auto`` should tell the user that it took another one."""
