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
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

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


class IntactVenv(NamedTuple):
    """An undamaged virtual environment, each of whose files was just read."""

    release: Path
    states: Mapping[str, str]
    """Name in the release -> permissions and SHA-256, or target of a link."""

    def state(self, name: str, path: Path) -> str | None:
        """Return the state of a file of another release if it is a hard link to the file with this name here, else None."""
        known = self.states.get(name)
        if known is None or known.startswith(LINK):
            return None
        try:
            return known if os.path.samestat(path.lstat(), (self.release / name).lstat()) else None
        except OSError:
            return None


def write_record(release: Path, shared: IntactVenv | None = None) -> None:
    """Mark the release as complete. Raises OSError.

    ``shared``: the environment whose files it links; they are not read again, which takes a small device a minute.
    """
    files = dict(_found(release, shared))
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
    found = {name: _state(release / name) for name in {**wanted, **recorded}}
    wrong = {name for name, digest in wanted.items() if _sha256(found[name]) != digest}
    changed = {name for name, state in recorded.items() if found[name] != state}
    if any(name.startswith(IN_VENV) for name in changed) or not any(name.startswith(IN_VENV) for name in recorded):
        wrong.add(VENV)
    return wrong | changed & wanted.keys()


def intact_venv(release: Path) -> IntactVenv | None:
    """Return the virtual environment of a release if it is as it was installed, else None."""
    recorded = {name: state for name, state in _record(release).items() if name.startswith(IN_VENV)}
    intact = bool(recorded) and all(_state(release / name) == state for name, state in recorded.items())
    return IntactVenv(release, recorded) if intact else None


def _record(release: Path) -> dict[str, str]:
    """Return path -> state of installed.json; empty if it is damaged."""
    try:
        value = strict_json.loads((release / DONE).read_bytes(), MAX_RECORD)
        return {str(name): str(state) for name, state in value["files"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _found(release: Path, shared: IntactVenv | None) -> Iterator[tuple[str, str]]:
    """Yield path and state of all files, except the record, in a fixed order."""
    for folder, folders, names in os.walk(release):
        folders.sort()
        for name in sorted([*names, *(one for one in folders if Path(folder, one).is_symlink())]):
            path = Path(folder, name)
            place = path.relative_to(release).as_posix()
            state = (shared.state(place, path) if shared else None) or _state(path)
            if place != DONE and state is not None:
                yield place, state


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


def _sha256(state: str | None) -> str | None:
    """Return the SHA-256 in the state of a file; None for a link and for what is not there."""
    return None if state is None or state.startswith(LINK) else state.partition(":")[2]


def _digest(path: Path) -> str | None:
    """Return the SHA-256 of a file; None if it does not exist, is a link, or cannot be read."""
    try:
        if path.is_symlink():
            return None
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None
