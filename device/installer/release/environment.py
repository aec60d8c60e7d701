"""The virtual environment of a release: built from its wheels, or shared with a release that has the same ones."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import sys
from pathlib import Path

from ..archive.manifest import WHEELS, Manifest
from ..base.atomic_files import place
from ..base.commands import run
from ..base.errors import Refused
from ..base.status import Status
from .known_files import twin
from .release_files import DONE, VENV, IntactVenv, intact_venv

log = logging.getLogger("edgevision.installer")
MAX_SCRIPT = 2**20
"""Largest file in bytes that may hold the path of its environment."""


def environment_of(manifest: Manifest, releases: Path) -> IntactVenv | None:
    """Return the undamaged environment of a release with exactly the same libraries, to share; None if there is none."""
    other = twin(releases, manifest)
    return intact_venv(other) if other is not None and (other / DONE).is_file() else None


def make_environment(
    manifest: Manifest, release: Path, unpacked: Path, other: IntactVenv | None, status: Status
) -> None:
    """Fill the release's ``venv``. Needs no network. Raises Refused, OSError.

    ``unpacked``: folder that holds the wheels. ``other``: what ``environment_of`` returned.
    """
    if other is not None:
        status.step("environment", f"the {len(manifest.wheels)} libraries of {other.release.name}")
        _share(other.release, release)
        return
    status.step("environment", f"installing {len(manifest.wheels)} libraries")
    _install(manifest, release, unpacked)


def _share(other: Path, release: Path) -> None:
    """Link the files of another release's environment, which nobody writes to in place, and correct the paths in it."""
    shutil.copytree(other / VENV, release / VENV, symlinks=True, copy_function=os.link)
    before, after = os.fsencode(other / VENV), os.fsencode(release / VENV)
    for path in (release / VENV / "pyvenv.cfg", *(release / VENV / "bin").iterdir()):
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_SCRIPT:
            continue
        content = path.read_bytes()
        if before in content:
            place(path, content.replace(before, after), stat.S_IMODE(path.stat().st_mode))


def _install(manifest: Manifest, release: Path, unpacked: Path) -> None:
    """Create the environment with the bundled pip."""
    pips = [name for name in manifest.wheels if name.startswith(f"{WHEELS}pip-")]
    if len(pips) != 1:
        raise Refused("the bundle must hold exactly one pip wheel to install its libraries; build the bundle again")
    run([sys.executable, "-I", "-m", "venv", "--without-pip", release / VENV], "python -m venv", release)
    python, pip = release / VENV / "bin" / "python", unpacked / pips[0] / "pip"
    wheels = [unpacked / name for name in manifest.wheels if name not in pips]
    quiet = ("-q", "--no-input", "--disable-pip-version-check", "--no-cache-dir")
    command: list[str | Path] = [python, "-I", pip, "install", *quiet, "--no-index", "--no-deps", *wheels]
    run(command, "installing the libraries", release)
    run([python, "-I", pip, "check", "--disable-pip-version-check"], "checking the libraries", release)
