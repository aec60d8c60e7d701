"""Build a release from a bundle, repair a damaged one, and prove that one works on this machine."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..archive.manifest import CONFIG, MANIFEST, MODEL, SECOND_MODEL, UNIT, WHEELS, Manifest
from ..archive.requirements import check_room
from ..archive.verify import read
from ..base.atomic_files import place
from ..base.commands import run
from ..base.errors import Refused
from ..base.status import Status
from .credentials import is_credential
from .release_files import VENV, write_record

PROOF = "edgevision.device.bundle.verify_model"
SCRATCH, ASIDE = ".repair", ".venv.damaged"


def build(bundle: Path, keys: Sequence[Path], manifest: Manifest, release: Path, status: Status) -> None:
    """Fill the release's folder; its last file marks it as complete. Raises Refused, OSError."""
    status.step("unpack", f"to {release}")
    release.parent.mkdir(parents=True, exist_ok=True)
    check_room(manifest, release.parent)
    release.mkdir()
    try:
        _unpack(bundle, keys, manifest, release)
        _environment(manifest, release, release, status)
        prove(release, status)
        shutil.rmtree(release / WHEELS)
        _complete(release)
    except BaseException:
        shutil.rmtree(release, ignore_errors=True)
        raise


def repair(
    bundle: Path, keys: Sequence[Path], manifest: Manifest, release: Path, damaged: set[str], status: Status
) -> None:
    """Replace the damaged parts of a complete release; see ``release_files.damage``. Raises Refused, OSError."""
    status.step("unpack", f"repairing {release.name}: {', '.join(sorted(damaged))} missing or changed")
    with _scratch(release / SCRATCH) as fresh:
        check_room(manifest, release)
        _unpack(bundle, keys, manifest, fresh)
        for name in sorted({*damaged, MANIFEST} - {VENV}):
            _remove(release / name, only_folder=True)
            place(release / name, (fresh / name).read_bytes(), stat.S_IMODE((fresh / name).stat().st_mode))
        if VENV in damaged:
            _renew_environment(manifest, release, fresh, status)
        prove(release, status)
    _complete(release)


def prove(release: Path, status: Status) -> None:
    """Run the self-test of the release's model with its own libraries. Raises Refused."""
    status.step("prove", "running the model's self-test")
    for model in (release / MODEL, release / SECOND_MODEL):
        if model.exists():
            command: list[str | Path] = [release / VENV / "bin" / "python", "-I", "-B", "-m", PROOF, model]
            run(command, "the model's self-test" if model.name == MODEL else "the second model's self-test", release)


def _unpack(bundle: Path, keys: Sequence[Path], manifest: Manifest, folder: Path) -> None:
    if read(bundle, keys, folder).manifest != manifest:
        raise Refused("the bundle changed while it was being read; start the installation again")
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o600 if path.name == CONFIG and is_credential(folder / UNIT, CONFIG) else 0o644)


def _environment(manifest: Manifest, release: Path, unpacked: Path, status: Status) -> None:
    """Create a virtual environment from the bundled wheels with the bundled pip, so that no network is needed."""
    status.step("environment", f"installing {len(manifest.wheels)} libraries")
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


def _renew_environment(manifest: Manifest, release: Path, unpacked: Path, status: Status) -> None:
    """Build the environment again; if that fails, what was left of the damaged one comes back."""
    venv, aside = release / VENV, release / ASIDE
    _remove(aside)
    if os.path.lexists(venv):
        venv.rename(aside)
    try:
        _environment(manifest, release, unpacked, status)
    except BaseException:
        _remove(venv)
        if os.path.lexists(aside):
            aside.rename(venv)
        raise
    _remove(aside)


def _complete(release: Path) -> None:
    os.sync()
    write_record(release)
    os.sync()


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    _remove(folder)
    folder.mkdir()
    try:
        yield folder
    finally:
        _remove(folder)


def _remove(path: Path, only_folder: bool = False) -> None:
    """Remove whatever is there: a folder with its content, a file or a link."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif not only_folder:
        path.unlink(missing_ok=True)
