"""Install a bundle as a new release, check that it works, and only then make it the current one.

    /opt/edgevision/releases/NAME-0123456789ab/   model, configuration, unit, venv, install.pyz
    /opt/edgevision/current -> releases/NAME-...  replaced by renaming, so that it always exists
    /etc/edgevision/keys/*.pem                    if there are any, every bundle must be signed with one of them

An interrupted installation leaves a release without ``installed.json``, which the next installation removes.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..archive import signature
from ..archive.manifest import MANIFEST, MODEL, WHEELS, Manifest
from ..archive.requirements import check_fits, check_room
from ..archive.verify import Checked, read
from ..base.atomic_files import sync_folder
from ..base.commands import run
from ..base.errors import Refused
from ..base.status import Status
from .service import place_service

log = logging.getLogger("edgevision.installer")
HOME = Path("opt/edgevision")
KEYS = Path("etc/edgevision/keys")
RELEASES, CURRENT, DONE, VENV = "releases", "current", "installed.json", "venv"
PROOF = "edgevision.device.bundle.verify_model"


@dataclass(frozen=True, slots=True)
class InstallOptions:
    """Bundle to install, and options of the installation."""

    bundle: Path
    root: Path = Path("/")
    """Folder that holds /opt and /etc; a root other than / must be for this machine and Python."""
    trust: Sequence[Path] = ()
    """Public keys (PEM) to trust from now on."""
    start: bool = True


@dataclass(frozen=True, slots=True)
class Installed:
    """The installed release."""

    folder: Path
    started: bool
    """Whether the service was started with it."""

    @property
    def name(self) -> str:
        """Name of the release."""
        return self.folder.name

    def describe(self) -> str:
        """Return a summary of one line."""
        return f"installed {self.folder}; " + ("the service runs" if self.started else "the service starts at boot")


def install(wish: InstallOptions, status: Status) -> Installed:
    """Verify the bundle, build the release, check it and make it the current one. Raises Refused, OSError."""
    for key in wish.trust:
        signature.require_public(key)
    home = wish.root / HOME
    home.mkdir(parents=True, exist_ok=True)
    with _alone(home):
        status.step("check", f"reading {wish.bundle}")
        keys = [*wish.trust, *sorted((wish.root / KEYS).glob("*.pem"))]
        checked = read(wish.bundle, keys)
        status.step("check", _told(checked), checked.manifest.id)
        check_fits(checked.manifest)
        release = home / RELEASES / checked.manifest.id
        log.info("%d trusted keys; current release: %s", len(keys), _current(home) or "none")
        if (release / DONE).exists():
            log.info("%s is installed already: only made current", release.name)
        else:
            _discard_half_made(home)
            _build(wish.bundle, keys, checked.manifest, release, status)
        _trust(wish)
        status.step("switch", f"making {release.name} the current release")
        before = _current(home)
        _switch(home, release)
        if before not in (None, release.name):
            _keep_two(home, release.name, before)
        status.step("service", "installing the service")
        started = place_service(wish.root, release, wish.start)
    return Installed(release, started)


def _told(checked: Checked) -> str:
    signed = f", signed by {checked.signed_by.name}" if checked.signed_by else ""
    return f"{checked.manifest.id}: all files match the manifest{signed}"


def _build(bundle: Path, keys: Sequence[Path], manifest: Manifest, release: Path, status: Status) -> None:
    """Fill the release's folder; its last file marks it as complete."""
    status.step("unpack", f"to {release}")
    check_room(manifest, release.parents[1])
    release.mkdir(parents=True)
    try:
        if read(bundle, keys, release).manifest != manifest:
            raise Refused("the bundle changed while it was being read; start the installation again")
        status.step("environment", f"installing {len(manifest.wheels)} libraries")
        _environment(manifest, release)
        status.step("prove", "running the model's self-test")
        python = release / VENV / "bin" / "python"
        run([python, "-m", PROOF, release / MODEL], "the model's self-test", release)
        shutil.rmtree(release / WHEELS)
        os.sync()
        (release / DONE).write_bytes((release / MANIFEST).read_bytes())
        os.sync()
    except BaseException:
        shutil.rmtree(release, ignore_errors=True)
        raise


def _environment(manifest: Manifest, release: Path) -> None:
    """Create a virtual environment from the bundled wheels with the bundled pip, so that no network is needed."""
    pips = [name for name in manifest.wheels if name.startswith(f"{WHEELS}pip-")]
    if len(pips) != 1:
        raise Refused("the bundle must hold exactly one pip wheel to install its libraries; build the bundle again")
    run([sys.executable, "-I", "-m", "venv", "--without-pip", release / VENV], "python -m venv", release)
    python, pip = release / VENV / "bin" / "python", release / pips[0] / "pip"
    wheels = [release / name for name in manifest.wheels if name not in pips]
    quiet = ("-q", "--no-input", "--disable-pip-version-check", "--no-cache-dir")
    run([python, pip, "install", *quiet, "--no-index", "--no-deps", *wheels], "installing the libraries", release)
    run([python, pip, "check", "--disable-pip-version-check"], "checking the libraries", release)


def _switch(home: Path, release: Path) -> None:
    """Create a new link and rename it, so that the link always points to the old or the new release."""
    new = home / f".{CURRENT}.new"
    new.unlink(missing_ok=True)
    new.symlink_to(Path(RELEASES) / release.name)
    new.replace(home / CURRENT)
    sync_folder(home)


def _trust(wish: InstallOptions) -> None:
    """Install the keys given, for future bundles."""
    folder = wish.root / KEYS
    for key in wish.trust:
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{key.name.removesuffix('.pem')}.pem"
        if not (target.exists() and target.samefile(key)):
            shutil.copyfile(key, target)


def _current(home: Path) -> str | None:
    """Return the name of the current release."""
    link = home / CURRENT
    return link.readlink().name if link.is_symlink() else None


def _discard_half_made(home: Path) -> None:
    """Remove incomplete releases of earlier attempts."""
    for folder in (home / RELEASES).glob("*"):
        if not (folder / DONE).exists():
            log.info("removing the incomplete release %s", folder.name)
            shutil.rmtree(folder)


def _keep_two(home: Path, *names: str | None) -> None:
    """Remove all releases except the current and the previous one."""
    for folder in (home / RELEASES).glob("*"):
        if folder.name not in names:
            log.info("removing the old release %s", folder.name)
            shutil.rmtree(folder)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold a lock so that only one installer runs; it is released when the process ends. Raises Refused."""
    with (home / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(f"another installer is running in {home}; wait until it has finished") from None
        yield
