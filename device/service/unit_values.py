"""Values in systemd unit files: one escaping for all of them (systemd.syntax(7), systemd.unit(5), systemd.exec(5)).

A value with a line break could add settings of its own, such as another ExecStart.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

from edgevision.errors import UsageError

SPECIAL = set(" \t\"'\\;")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}\$?")


def quoted(path: PurePosixPath, what: str = "path") -> str:
    """Quote a path: double % and put quotes around a path with spaces or special characters. Raises UsageError."""
    text = plain(str(path), what).replace("%", "%%")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if set(text) & SPECIAL else text


def argument(path: PurePosixPath, what: str = "path") -> str:
    """Return a path as an argument of ExecStart=, where $ starts a variable. Raises UsageError."""
    return quoted(path, what).replace("$", "$$")


def program(path: PurePosixPath, what: str) -> str:
    """Return a path as the program of ExecStart=, which systemd cannot escape a dollar sign in. Raises UsageError."""
    if "$" in str(path):
        raise UsageError(
            f"{what}: systemd cannot run a program with $ in its path, got {str(path)!r}; use another path"
        )
    return quoted(path, what)


def bound_path(path: PurePosixPath, what: str) -> str:
    """Return a path of BindReadOnlyPaths=, where a colon separates source and destination. Raises UsageError."""
    if ":" in str(path):
        raise UsageError(
            f"{what}: a service cannot be given a folder with : in its path, got {str(path)!r}; use another path"
        )
    return quoted(path, what)


def credential_path(path: PurePosixPath) -> str:
    """Return the path of LoadCredential=, which takes the rest of the line as it is. Raises UsageError."""
    return plain(str(path), "path").replace("%", "%%")


def user(name: str, what: str) -> str:
    """Return the name of a user. Raises UsageError."""
    if not _USER.fullmatch(name):
        raise UsageError(f"{what}: expected the name of a user, got {name!r:.80}")
    return name


def plain(text: str, what: str) -> str:
    """Return the text if it can stand in one line of a unit file. Raises UsageError."""
    if not text or any(unicodedata.category(one) in ("Cc", "Cs") for one in text):
        raise UsageError(f"{what}: expected a path without control characters and line breaks, got {text!r:.200}")
    return text
