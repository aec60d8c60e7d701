"""Build a release from a bundle, repair a damaged one, and prove that one works on this machine."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..archive.manifest import CONFIG, MANIFEST, MODEL, SECOND_MODEL, Manifest
from ..archive.requirements import check_room
from ..archive.verify import read
from ..base.atomic_files import place
from ..base.commands import run
from ..base.errors import Refused
from ..base.status import Status
from . import known_files
from .credentials import is_credential
from .environment import environment_of, make_environment
from .release_files import VENV, IntactVenv, write_record

PROOF = "edgevision.device.bundle.verify_model"
SCRATCH, ASIDE = ".repair", ".venv.damaged"


def build(root: Path, bundle: Path, keys: Sequence[Path], manifest: Manifest, release: Path, status: Status) -> None:
    """Fill the release's folder; its last file marks it as complete. Raises Refused, OSError."""
    status.step("unpack", f"to {release}")
    release.parent.mkdir(parents=True, exist_ok=True)
    check_room(manifest, release.parent)
    release.mkdir()
    try:
        other = environment_of(manifest, release.parent)
        _unpack(root, bundle, keys, manifest, release, manifest.wheels if other is not None else ())
        make_environment(manifest, release, release, other, status)
        prove(release, status)
        known_files.keep(root, release, manifest)
        _complete(release, other)
    except BaseException:
        shutil.rmtree(release, ignore_errors=True)
        raise


def repair(
    root: Path, bundle: Path, keys: Sequence[Path], manifest: Manifest, release: Path, damaged: set[str], status: Status
) -> None:
    """Replace the damaged parts of a complete release; see ``release_files.damage``. Raises Refused, OSError."""
    status.step("unpack", f"repairing {release.name}: {', '.join(sorted(damaged))} missing or changed")
    with _scratch(release / SCRATCH) as fresh:
        check_room(manifest, release)
        _unpack(root, bundle, keys, manifest, fresh)
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


def _unpack(
    root: Path, bundle: Path, keys: Sequence[Path], manifest: Manifest, folder: Path, skip: Sequence[str] = ()
) -> None:
    """Unpack a bundle that was checked before, and what it leaves out from what the device has."""
    if read(bundle, keys, folder, known_files.known(root), skip).manifest != manifest:
        raise Refused("the bundle changed while it was being read; start the installation again")
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o600 if path.name == CONFIG and is_credential(folder / manifest.loop.unit, CONFIG) else 0o644)


def _renew_environment(manifest: Manifest, release: Path, unpacked: Path, status: Status) -> None:
    """Build the environment again; if that fails, what was left of the damaged one comes back."""
    venv, aside = release / VENV, release / ASIDE
    _remove(aside)
    if os.path.lexists(venv):
        venv.rename(aside)
    try:
        make_environment(manifest, release, unpacked, None, status)
    except BaseException:
        _remove(venv)
        if os.path.lexists(aside):
            aside.rename(venv)
        raise
    _remove(aside)


def _complete(release: Path, shared: IntactVenv | None = None) -> None:
    os.sync()
    write_record(release, shared)
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
