"""What an installed release consists of, so that a damaged one is found and repaired.

``installed.json`` is written last: it marks a release as complete and holds permissions and SHA-256 of every file of it, and
the targets of the links in its virtual environment. ``package`` comes later: it names the Debian package that the release
came with, if it came with one.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ..archive.manifest import WHEELS, Manifest
from ..base import strict_json
from ..base.atomic_files import place_text
from ..base.regular_files import read_bytes

DONE, VENV, PACKAGE = "installed.json", "venv", "package"
SCHEMA = "edgevision.installed/1"
LINK = "link:"
IN_VENV = f"{VENV}/"
MAX_RECORD = 32 * 2**20
"""Largest size of installed.json in bytes; a virtual environment has some ten thousand files."""


def write_record(release: Path) -> None:
    """Mark the release as complete. Raises OSError."""
    files = dict(_found(release))
    value = {"schema": SCHEMA, "release": release.name, "files": files}
    place_text(release / DONE, json.dumps(value, indent=1) + "\n")


def note_package(release: Path, package: str) -> None:
    """Note that a Debian package installed this release. Raises OSError."""
    place_text(release / PACKAGE, f"{package}\n")


def package_of(release: Path) -> str | None:
    """Return the Debian package that installed a release; None if it was installed another way."""
    try:
        return read_bytes(release / PACKAGE).decode("utf-8", "replace").strip()
    except OSError:
        return None


def damage(release: Path, manifest: Manifest) -> set[str]:
    """Return which parts of an installed release differ from the bundle or the record: names of files, and ``venv``."""
    recorded = _record(release)
    wanted = {name: entry.sha256 for name, entry in manifest.files.items() if not name.startswith(WHEELS)}
    wrong = {name for name, digest in wanted.items() if _digest(release / name) != digest}
    changed = {name for name, state in recorded.items() if _state(release / name) != state}
    if any(name.startswith(IN_VENV) for name in changed) or not any(name.startswith(IN_VENV) for name in recorded):
        wrong.add(VENV)
    return wrong | changed & wanted.keys()


def is_venv_intact(release: Path) -> bool:
    """Return whether the virtual environment of a release is as it was installed."""
    recorded = {name: state for name, state in _record(release).items() if name.startswith(IN_VENV)}
    return bool(recorded) and all(_state(release / name) == state for name, state in recorded.items())


def _record(release: Path) -> dict[str, str]:
    """Return path -> state of installed.json; empty if it is damaged."""
    try:
        value = strict_json.loads((release / DONE).read_bytes(), MAX_RECORD)
        return {str(name): str(state) for name, state in value["files"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _found(release: Path) -> Iterator[tuple[str, str]]:
    """Yield path and state of all files, except the record, in a fixed order."""
    for folder, folders, names in os.walk(release):
        folders.sort()
        for name in sorted([*names, *(one for one in folders if Path(folder, one).is_symlink())]):
            path = Path(folder, name)
            state = _state(path)
            if path != release / DONE and state is not None:
                yield path.relative_to(release).as_posix(), state


def _state(path: Path) -> str | None:
    """Return permissions and SHA-256 of a file, or the target of a link; None if neither exists or it cannot be read."""
    try:
        if path.is_symlink():
            return LINK + os.fsdecode(path.readlink())
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None
    digest = _digest(path)
    return None if digest is None else f"{mode:o}:{digest}"


def _digest(path: Path) -> str | None:
    """Return the SHA-256 of a file; None if it does not exist, is a link, or cannot be read."""
    try:
        if path.is_symlink():
            return None
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None
