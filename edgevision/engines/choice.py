"""Record of the requested engine and the one in use."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import EngineError


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine that runs a model, and why it was chosen."""

    requested: str = "cpu"
    """The engine as the user typed it."""
    used: str = "cpu"
    """Name of the engine in use, with the device if one was named."""
    fallback_reason: str | None = None
    """Why ``auto`` did not use a faster engine, if the user should know."""


class Unsuited(EngineError):
    """The engine has nothing to run in this file; with ``auto``, this is not an error."""

    def __init__(self, message: str, notable: bool) -> None:
        super().__init__(message)
        self.notable = notable
        """Whether ``auto`` should tell the user that it used another engine."""
