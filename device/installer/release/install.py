"""Install a bundle as a new release, check that it works, and only then make it the current one.

    /opt/edgevision/releases/NAME-0123456789ab/   model, configuration, unit, venv, install.pyz
    /opt/edgevision/current -> releases/NAME-...  replaced by renaming, so that it always exists
    /etc/edgevision/keys/*.pem                    if there are any, every bundle must be signed with one of them

An interrupted installation leaves a release without ``installed.json``, which the next installation removes. A release
that is installed already is compared with the bundle, repaired if it is damaged, and tested again.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..archive import trusted_keys
from ..archive.manifest import RELEASE_ID
from ..archive.requirements import check_fits
from ..archive.verify import Checked, read
from ..base.atomic_files import place_link
from ..base.errors import Refused
from ..base.inside import inside
from ..base.status import Status
from . import newest
from .build import build, prove, repair
from .release_files import DONE, damage
from .service import place_service

log = logging.getLogger("edgevision.installer")
HOME = Path("opt/edgevision")
RELEASES, CURRENT = "releases", "current"


@dataclass(frozen=True, slots=True)
class InstallOptions:
    """Bundle to install, and options of the installation."""

    bundle: Path
    root: Path = Path("/")
    """Folder that holds /opt and /etc; a root other than / must be for this machine and Python."""
    trust: Sequence[Path] = ()
    """Public keys (PEM) to trust from now on."""
    start: bool = True
    allow_older: bool = False
    """Whether a signed bundle may be older than one installed before."""


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
    new_keys = trusted_keys.additions(wish.root, wish.trust)
    home = inside(wish.root, HOME)
    home.mkdir(parents=True, exist_ok=True)
    with _alone(inside(wish.root, HOME / ".lock")):
        _check_link(home)
        status.step("check", f"reading {wish.bundle}")
        keys = trusted_keys.read_keys(wish.root).required(wish.trust)
        checked = read(wish.bundle, keys)
        status.step("check", _told(checked), checked.manifest.id)
        newest.refuse_older(home, checked, wish.allow_older)
        check_fits(checked.manifest)
        release = inside(wish.root, HOME / RELEASES) / checked.manifest.id
        log.info("%d trusted keys; current release: %s", len(keys), _current(home) or "none")
        _make(wish, keys, checked, release, status)
        trusted_keys.add(wish.root, new_keys)
        status.step("switch", f"making {release.name} the current release")
        before = _current(home)
        place_link(home / CURRENT, f"{RELEASES}/{release.name}")
        newest.remember(home, checked)
        if before not in (None, release.name):
            _keep_two(release.parent, release.name, before)
        status.step("service", "installing the service")
        started = place_service(wish.root, release, wish.start)
    return Installed(release, started)


def _make(wish: InstallOptions, keys: Sequence[Path], checked: Checked, release: Path, status: Status) -> None:
    """Make sure that the release is there, complete and unchanged, and that its model works."""
    manifest = checked.manifest
    if not (release / DONE).is_file():
        _discard_half_made(release.parent)
        build(wish.bundle, keys, manifest, release, status)
        return
    status.step("check", f"{release.name} is installed already; comparing its files with the bundle")
    damaged = damage(release, manifest)
    if damaged:
        repair(wish.bundle, keys, manifest, release, damaged, status)
    else:
        prove(release, status)


def _told(checked: Checked) -> str:
    signed = f", signed by {checked.signed_by.name}" if checked.signed_by else ""
    return f"{checked.manifest.id}: all files match the manifest{signed}"


def _current(home: Path) -> str | None:
    """Return the name of the current release."""
    link = home / CURRENT
    return link.readlink().name if link.is_symlink() else None


def _check_link(home: Path) -> None:
    """Check early that the link to the current release can be replaced. Raises Refused."""
    link = home / CURRENT
    if link.is_dir() and not link.is_symlink():
        raise Refused(f"{link} is a folder, but must be a link to the current release; rename or remove it")


def _discard_half_made(releases: Path) -> None:
    """Remove incomplete releases of earlier attempts."""
    for folder in _releases(releases):
        if not (folder / DONE).is_file():
            log.info("removing the incomplete release %s", folder.name)
            _remove(folder)


def _keep_two(releases: Path, *names: str | None) -> None:
    """Remove all releases except the current and the previous one."""
    for folder in _releases(releases):
        if folder.name not in names:
            log.info("removing the old release %s", folder.name)
            _remove(folder)


def _releases(folder: Path) -> list[Path]:
    """Return what is named like a release; other files in the folder are not ours."""
    return [path for path in sorted(folder.glob("*")) if RELEASE_ID.fullmatch(path.name)]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock so that only one installer runs; it is released when the process ends. Raises Refused."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(f"another installer is running in {path.parent}; wait until it has finished") from None
        yield
    finally:
        os.close(handle)
