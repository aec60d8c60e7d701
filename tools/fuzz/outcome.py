"""What a reader may do with hostile input: succeed, or refuse it with one clear line, in limited time."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from edgevision.device.installer.base.errors import Refused

from edgevision.errors import MAX_MESSAGE, EdgeVisionError

ROOT = Path(__file__).resolve().parents[2]


class Finding(NamedTuple):
    """A way in which a reader failed on an input."""

    place: str
    """Error and line of code; equal for inputs that show the same fault."""
    detail: str
    """Traceback, or what is wrong with the message."""


def check(read: Callable[[bytes, Path], None], data: bytes, folder: Path, max_seconds: float) -> Finding | None:
    """Give an input to a reader; return what went wrong, or None. ``folder``: for files that the reader needs."""
    started = perf_counter()
    try:
        read(data, folder)
    except (EdgeVisionError, Refused) as error:
        finding = _bad_message(error)
    except Exception as error:
        finding = Finding(f"{type(error).__name__} at {_place(error)}", "".join(traceback.format_exception(error)))
    else:
        finding = None
    seconds = perf_counter() - started
    if finding is None and seconds > max_seconds:
        return Finding("slow", f"took {seconds:.1f} s; at most {max_seconds:g} s are allowed")
    return finding


def _bad_message(error: Exception) -> Finding | None:
    message = str(error)
    if not message:
        return Finding(f"empty message at {_place(error)}", "")
    if not message.isprintable():
        return Finding(f"control characters in the message at {_place(error)}", repr(message[:2000]))
    if len(message) > MAX_MESSAGE:
        return Finding(f"long message at {_place(error)}", f"{len(message)} characters: {message[:2000]}")
    return None


def _place(error: Exception) -> str:
    """Return file and line of the innermost code of ours that the error passed through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(ROOT) and "/.venv/" not in frame.filename]
    last = (ours or list(frames))[-1]
    name = Path(last.filename)
    return f"{name.relative_to(ROOT) if name.is_relative_to(ROOT) else name}:{last.lineno}"
