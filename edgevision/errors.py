"""Everything that can go wrong by the user's input or machine; the command line turns each into one line.

Each error says what is wrong, what was given and what to do. It derives from ``EdgeVisionError`` and, where one fits,
from the built-in exception a Python user would catch.
"""

from __future__ import annotations


class EdgeVisionError(Exception):
    """Base of all faults of input or environment."""

    exit_code: int = 1
    """Exit status of the command line (see the table in README.md)."""


class BadInput(EdgeVisionError, ValueError):
    """A value, file or folder that cannot be used."""


class BadPicture(BadInput):
    """A picture that is damaged, truncated or no picture at all."""


class BadModel(BadInput):
    """A model file that is damaged, unsafe or not of a kind that can be used."""


class MissingFile(EdgeVisionError, FileNotFoundError):
    """A path that is not there."""


class OutputExists(EdgeVisionError, FileExistsError):
    """An output that would be overwritten."""


class CannotWrite(EdgeVisionError, OSError):
    """An output that cannot be written: no permission, no space, no folder."""


class MissingDependency(EdgeVisionError, ImportError):
    """An optional library that a command needs."""


class UnknownName(EdgeVisionError, LookupError):
    """A name that is not in a table of ours; the message lists the near ones."""


class CameraError(EdgeVisionError, OSError):
    """A camera or stream that cannot be opened."""


class CameraLost(CameraError):
    """A camera or stream that stopped delivering frames."""


class CameraGone(CameraLost):
    """A camera that is lost and cannot come back: nobody need wait for it."""


class EngineError(EdgeVisionError, RuntimeError):
    """A runtime or accelerator that failed."""


class UsageError(EdgeVisionError):
    """A command line that cannot be understood."""

    exit_code = 2


class GateNotMet(EdgeVisionError):
    """A limit that the user set, or a self-test, was not met."""

    exit_code = 3


class FlashRefused(EdgeVisionError):
    """A disk that must not be written, or cannot be told from one that must not."""

    exit_code = 10


class Cancelled(EdgeVisionError):
    """The user did not confirm."""

    exit_code = 11


class WriteFailed(EdgeVisionError, OSError):
    """A card that could not be written to its end."""

    exit_code = 12


class VerifyFailed(EdgeVisionError):
    """A card that does not give back what was written."""

    exit_code = 13


def first_line(error: BaseException) -> str:
    """What a library's error says first; its kind where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def nearest(name: str, known: list[str]) -> str:
    """A hint for a misspelt name: ``; did you mean 'x'?`` or the empty string."""
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
