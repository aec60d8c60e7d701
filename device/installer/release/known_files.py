"""Wheels that the device has already, by their hash: a deployment does not send them again.

/opt/edgevision/wheels/SHA256    those of the releases that are kept
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from ..archive.manifest import MANIFEST, WHEELS, Entry, Manifest, parse
from ..base.errors import Refused
from ..base.inside import inside
from ..base.regular_files import read_bytes
from .switch import CURRENT, HOME, loops

STORE = "wheels"
_NAME = re.compile(r"[0-9a-f]{64}")


def known(root: Path) -> dict[str, Path]:
    """Return hash -> file of what a bundle may leave out; the hash of a file is checked when it is used."""
    return _current_files(root) | _stored(root)


def keep(root: Path, release: Path, manifest: Manifest) -> None:
    """Move the wheels of a release that was just built into the store. Raises OSError."""
    store = inside(root, HOME / STORE)
    store.mkdir(parents=True, exist_ok=True)
    for name in manifest.wheels:
        if (release / name).exists():  # else it is there already
            (release / name).replace(store / manifest.files[name].sha256)
    shutil.rmtree(release / WHEELS, ignore_errors=True)


def prune(root: Path, releases: list[Path]) -> None:
    """Remove the wheels that none of these releases has. Raises OSError."""
    wanted = {entry.sha256 for release in releases for entry in _wheels(release).values()}
    for digest, path in _stored(root).items():
        if digest not in wanted:
            path.unlink()


def twin(releases: Path, manifest: Manifest) -> Path | None:
    """Return an installed release with exactly the same libraries; None if there is none."""
    wanted = {name: manifest.files[name] for name in manifest.wheels}
    found = (path.parent for path in sorted(releases.glob(f"*/{MANIFEST}")))
    return next((one for one in found if one.name != manifest.id and _wheels(one) == wanted), None)


def _stored(root: Path) -> dict[str, Path]:
    folder = inside(root, HOME / STORE)
    return {path.name: path for path in folder.iterdir() if _NAME.fullmatch(path.name)} if folder.is_dir() else {}


def _current_files(root: Path) -> dict[str, Path]:
    releases = [inside(root, loop.home / CURRENT) for loop in loops(root)]
    return {
        entry.sha256: release / name
        for release in releases
        for name, entry in _files(release).items()
        if not name.startswith(WHEELS)
    }


def _wheels(release: Path) -> dict[str, Entry]:
    return {name: entry for name, entry in _files(release).items() if name.startswith(WHEELS)}


def _files(release: Path) -> Mapping[str, Entry]:
    """Return name -> entry of a release's files; empty if its manifest cannot be read."""
    try:
        return parse(read_bytes(release / MANIFEST)).files
    except (OSError, Refused):
        return {}
