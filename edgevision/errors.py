"""Exceptions for faults of the user's input or machine. The command line prints each as one line.

Each message says what is wrong, what was given and what to do. Each class derives from ``EdgeVisionError`` and, where
one fits, from the built-in exception that a Python user would catch.
"""

from __future__ import annotations


class EdgeVisionError(Exception):
    """Base class of all faults of the user's input or machine."""

    exit_code: int = 1
    """Exit status of the command line."""


class BadInput(EdgeVisionError, ValueError):
    """A value, file or folder cannot be used."""


class BadPicture(BadInput):
    """An image file is damaged, truncated or not an image."""


class BadModel(BadInput):
    """A model file is damaged, unsafe or not supported."""


class MissingFile(EdgeVisionError, FileNotFoundError):
    """A path does not exist."""


class OutputExists(EdgeVisionError, FileExistsError):
    """An output file already exists and would be overwritten."""


class CannotWrite(EdgeVisionError, OSError):
    """An output cannot be written: no permission, no space or no folder."""


class MissingDependency(EdgeVisionError, ImportError):
    """A command needs an optional library that is not installed."""


class UnknownName(EdgeVisionError, LookupError):
    """A name is unknown; the message suggests similar ones."""


class CameraError(EdgeVisionError, OSError):
    """A camera or stream cannot be opened."""


class CameraLost(CameraError):
    """A camera or stream stopped delivering frames."""


class CameraGone(CameraLost):
    """A camera is lost and cannot come back, so that waiting for it is useless."""


class EngineError(EdgeVisionError, RuntimeError):
    """A runtime or accelerator failed."""


class UsageError(EdgeVisionError):
    """A command line is invalid."""

    exit_code = 2


class GateNotMet(EdgeVisionError):
    """A limit set by the user, or a self-test, was not met."""

    exit_code = 3


class FlashRefused(EdgeVisionError):
    """A drive must not be written, or it cannot be told from one that must not."""

    exit_code = 10


class Cancelled(EdgeVisionError):
    """The user did not confirm."""

    exit_code = 11


class WriteFailed(EdgeVisionError, OSError):
    """An SD card could not be written completely."""

    exit_code = 12


class VerifyFailed(EdgeVisionError):
    """An SD card does not contain what was written to it."""

    exit_code = 13


def first_line(error: BaseException) -> str:
    """Return the first line of a library's error message, or the name of its class if the message is empty."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def nearest(name: str, known: list[str]) -> str:
    """Return a hint for a misspelled name, ``; did you mean 'x'?``, or an empty string."""
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
