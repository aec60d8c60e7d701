"""Exceptions for faults of the user's input or machine. The command line prints each as one line.

Each message says what is wrong, what was given and what to do. Each class derives from ``EdgeVisionError`` and, where
one fits, from the built-in exception that a Python user would catch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

MAX_MESSAGE = 1000
"""Longest error message (characters)."""


class EdgeVisionError(Exception):
    """Base class of all faults of the user's input or machine: catch it to handle every one of them.

    Its text is one printable line of at most MAX_MESSAGE characters, whatever a file put into it.
    """

    exit_code: int = 1
    """Exit status of the command line."""

    def __str__(self) -> str:
        return one_line(super().__str__())


class BadInput(EdgeVisionError, ValueError):
    """Raised when a value, file or folder cannot be used, such as an array that is not an image."""


class BadImage(BadInput):
    """Raised when an image file is damaged, truncated or not an image."""


class BadModel(BadInput):
    """Raised when a model file is damaged, unsafe or not supported."""


class UsageError(EdgeVisionError, ValueError):
    """Raised when options contradict each other, or a required one is missing."""

    exit_code = 2


class UnknownName(EdgeVisionError, LookupError):
    """Raised when no camera, engine, architecture or the like has the given name; the message suggests similar names."""


class MissingFile(EdgeVisionError, FileNotFoundError):
    """Raised when a file or folder that is to be read does not exist."""


class OutputExists(EdgeVisionError, FileExistsError):
    """Raised when an output file already exists and may not be overwritten."""


class CannotWrite(EdgeVisionError, OSError):
    """Raised when an output cannot be written: no permission, no space or no folder."""


class MissingDependency(EdgeVisionError, ImportError):
    """Raised when an optional library or program is not installed; the message says how to install it."""


class CameraError(EdgeVisionError, OSError):
    """Raised when a camera or stream cannot be opened: not found, in use, or without a frame."""


class CameraLost(CameraError):
    """Raised by a source whose camera or stream stopped delivering frames, unplugged for example."""


class CameraGone(CameraLost):
    """Raised by a source whose camera is lost and cannot come back, so that waiting for it is useless."""


class EngineError(EdgeVisionError, RuntimeError):
    """Raised when a runtime or accelerator cannot run a model, or fails while it runs."""


class GateNotMet(EdgeVisionError):
    """Raised when a limit set by the user, or a self-test, was not met."""

    exit_code = 3


class RolledBack(EdgeVisionError):
    """Raised when a device went back to the release before, because the new one did not work."""

    exit_code = 4


class RemoteUnreachable(EdgeVisionError, ConnectionError):
    """Raised when a device cannot be reached, or the connection to it broke."""

    exit_code = 5


class FlashRefused(EdgeVisionError):
    """Raised before writing an SD card, if the drive must not be written or cannot be told from one that must not."""

    exit_code = 10


class Cancelled(EdgeVisionError):
    """Raised when the user did not confirm a question of the command line."""

    exit_code = 11


class WriteFailed(EdgeVisionError, OSError):
    """Raised when an SD card could not be written completely."""

    exit_code = 12


class VerifyFailed(EdgeVisionError, OSError):
    """Raised when an SD card does not contain what was written to it."""

    exit_code = 13


class StoppedBySignal(KeyboardInterrupt):
    """Raised in the command line by SIGTERM and SIGHUP, and handled wherever Ctrl-C is."""

    def __init__(self, number: int) -> None:
        """``number``: number of the signal."""
        super().__init__(number)
        self.exit_code = 128 + number


class RenamedSetting(FutureWarning):
    """Warning: a setting was given by its former name. The command line prints it as a note."""


def one_line(text: str) -> str:
    """Return a message as one printable line; of a longer one, the middle is left out."""
    if len(text) > MAX_MESSAGE:
        text = _shortened(text)
    return text if text.isprintable() else _shortened(escaped(text))


def escaped(text: str) -> str:
    r"""Show control characters, line breaks and the like as ``\x1b``."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def _shortened(text: str) -> str:
    """Keep the beginning, which says what is wrong, and the end, which says what to do."""
    if len(text) <= MAX_MESSAGE:
        return text
    mark = f" ... ({len(text)} characters) ... "
    half = (MAX_MESSAGE - len(mark)) // 2
    return text[:half] + mark + text[-half:]


INSTALL = {
    # missing library: the command that installs it
    "tensorflow": "pip install 'edgevision[convert]'",
    "keras": "pip install 'edgevision[convert]'",
    "tf_keras": "pip install 'edgevision[convert]'",
    "h5py": "pip install 'edgevision[convert]'",
    "matplotlib": "pip install 'edgevision[convert]'",
    "yaml": "pip install pyyaml",
    "optuna": "pip install optuna",
    "ray": "pip install 'edgevision[ray]'",
    "cv2": "pip install opencv-python-headless",
    "ai_edge_litert": "pip install ai-edge-litert",
    "picamera2": "sudo apt install python3-picamera2",
}


def missing_dependency(error: ModuleNotFoundError) -> MissingDependency | None:
    """Return the error that says how to install a missing library; None for a module that is not one of INSTALL."""
    library = (error.name or "").partition(".")[0]
    if library not in INSTALL:
        return None
    return MissingDependency(f"{library} is not installed, but is needed here; install it with: {INSTALL[library]}")


@contextmanager
def missing_dependencies() -> Iterator[None]:
    """Raise MissingDependency instead of ModuleNotFoundError for the libraries of INSTALL."""
    try:
        yield
    except ModuleNotFoundError as error:
        found = missing_dependency(error)
        if found is None:
            raise
        raise found from error


def first_line(error: BaseException) -> str:
    """Return the first line of a library's error message, or the name of its class if the message is empty."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def not_utf8(error: UnicodeEncodeError) -> str:
    """Return what to do about a text with bytes that are not UTF-8, which a file name or an argument may contain."""
    part = error.object[max(0, error.start - 20) : error.end + 20].strip()
    shown = part.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return f"{shown!r:.120} contains bytes that are not UTF-8; rename the file or folder, or type the argument again"


def nearest(name: str, known: list[str]) -> str:
    """Return a hint for a misspelled name, ``; did you mean 'x'?``, or an empty string."""
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
