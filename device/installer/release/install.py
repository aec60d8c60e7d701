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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ..archive import trusted_keys
from ..archive.manifest import INSTALLER, RELEASE_ID, Manifest
from ..archive.requirements import check_fits
from ..archive.verify import Checked, read
from ..base.atomic_files import place
from ..base.errors import Refused
from ..base.inside import inside
from ..base.loop import UNITS, UNNAMED, Loop
from ..base.regular_files import read_bytes
from ..base.status import Status
from . import known_files, newest
from . import state as states
from .build import build, prove, repair
from .other_loops import refuse_conflict
from .release_files import DONE, damage, note_package
from .service import place_service
from .state import ReleaseState, Stage, linked
from .switch import CURRENT, HOME, RELEASES, Switched, boot_id, change, loops, release_folder

log = logging.getLogger("edgevision.installer")
MANAGER = "manager.pyz"
"""Installer of the last confirmed release, in a place that does not change with the current one: the unit and deployments
call it."""
UPDATE_FILE = UNITS / "edgevision-update.service"
"""Unit of updates, which a manager writes when it starts one. The manager of an older release starts a transient unit of
this name instead, and systemd refuses that where there is such a file."""


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
    package: str | None = None
    """Debian package that installs it; None: none."""


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


@dataclass(frozen=True, slots=True)
class Staged:
    """A release that is complete and works, beside the current one."""

    root: Path
    folder: Path
    new_keys: Mapping[str, bytes]
    """Name -> content of the keys that the device trusts once it switches."""
    number: int | None
    """Release number; None: it is not signed."""

    loop: Loop
    """Loop that it belongs to."""

    @property
    def name(self) -> str:
        """Name of the release."""
        return self.folder.name


def install(wish: InstallOptions, status: Status) -> Installed:
    """Verify the bundle, build the release, check it and make it the current one. Raises Refused, OSError."""
    with staged(wish, status) as release:
        if wish.package is not None:
            note_package(release.folder, wish.package)
        switch(release, "confirmed", status)
        finish(wish.root, release.folder, release.number, release.loop)
        status.step("service", "installing the service")
        started = place_service(wish.root, release.folder, wish.start, release.loop)
    return Installed(release.folder, started)


@contextmanager
def staged(wish: InstallOptions, status: Status, loop: Loop | None = None) -> Iterator[Staged]:
    """Verify the bundle and build the release, while no other installer runs. Raises Refused, OSError.

    ``loop``: the loop that the bundle has to be for; None: any.
    """
    new_keys = trusted_keys.additions(wish.root, wish.trust)
    home = inside(wish.root, HOME)
    home.mkdir(parents=True, exist_ok=True)
    with alone(home):
        status.step("check", f"reading {wish.bundle}")
        keys = trusted_keys.read_keys(wish.root).required(wish.trust)
        checked = read(wish.bundle, keys, store=known_files.known(wish.root))
        status.step("check", _told(checked), checked.manifest.id)
        _check_loop(wish.root, checked.manifest, loop)
        newest.refuse_older(home, checked, wish.allow_older)
        check_fits(checked.manifest)
        release = release_folder(wish.root, checked.manifest.id)
        mine = checked.manifest.loop
        log.info("%d trusted keys; current release: %s", len(keys), linked(inside(wish.root, mine.home)) or "none")
        _make(wish, keys, checked.manifest, release, status)
        refuse_conflict(wish.root, mine, release)
        yield Staged(wish.root, release, new_keys, newest.number_of(checked), mine)


def switch(release: Staged, stage: Stage, status: Status, floor_fps: float | None = None) -> Switched:
    """Make a staged release the current one. Raises Refused, OSError."""
    trusted_keys.add(release.root, release.new_keys)
    status.step("switch", f"making {release.name} the current release")

    def other(state: ReleaseState) -> ReleaseState:
        new = state.switched(release.name, stage, boot_id())
        return new if stage == "confirmed" else replace(new, floor_fps=floor_fps, number=release.number)

    return change(release.root, other, release.loop)


def finish(root: Path, release: Path, number: int | None, loop: Loop = UNNAMED) -> None:
    """Finish a switch that stays: remember the number, keep the manager, remove old releases. Raises Refused, OSError."""
    home = inside(root, HOME)
    newest.remember(home, number)
    _place_manager(root, (release / INSTALLER).read_bytes())
    prune(root, loop)


def _place_manager(root: Path, manager: bytes) -> None:
    """Replace the manager; another one may need another unit, or none. Raises OSError."""
    path = inside(root, HOME / MANAGER)
    try:
        same = read_bytes(path) == manager
    except OSError:
        same = False
    if not same:
        inside(root, UPDATE_FILE, follow=False).unlink(missing_ok=True)
        place(path, manager, 0o755)


def prune(root: Path, loop: Loop = UNNAMED) -> list[str]:
    """Remove all releases except the current and the previous one of each loop, and return their names.

    ``loop``: the loop that was changed. Raises Refused, OSError.
    """
    releases = inside(root, HOME / RELEASES)
    others = [states.load(inside(root, one.home)) for one in loops(root) if one != loop]
    kept = {name for one in (change(root, _same, loop).after, *others) for name in (one.current, one.previous)}
    gone = [one for one in _releases(releases) if one.name not in kept]
    for folder in gone:
        log.info("removing the old release %s", folder.name)
        _remove(folder)
    known_files.prune(root, [one for one in _releases(releases) if one not in gone])
    return [folder.name for folder in gone]


def _same(state: ReleaseState) -> ReleaseState:
    return state


def _check_loop(root: Path, manifest: Manifest, wanted: Loop | None) -> None:
    """Refuse a bundle for another loop, and early a link that cannot be replaced. Raises Refused."""
    if wanted is not None and manifest.loop != wanted:
        raise Refused(f"the bundle is for {manifest.loop.service}, and the request is for {wanted.service}")
    _check_link(inside(root, manifest.loop.home))


def _make(wish: InstallOptions, keys: Sequence[Path], manifest: Manifest, release: Path, status: Status) -> None:
    """Make sure that the release is there, complete and unchanged, and that its model works."""
    if not (release / DONE).is_file():
        _discard_half_made(release.parent)
        build(wish.root, wish.bundle, keys, manifest, release, status)
        return
    status.step("check", f"{release.name} is installed already; comparing its files with the bundle")
    damaged = damage(release, manifest)
    if damaged:
        repair(wish.root, wish.bundle, keys, manifest, release, damaged, status)
    else:
        prove(release, status)


def _told(checked: Checked) -> str:
    signed = f", signed by {checked.signed_by.name}" if checked.signed_by else ""
    return f"{checked.manifest.id}: all files match the manifest{signed}"


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


def _releases(folder: Path) -> list[Path]:
    """Return what is named like a release; other files in the folder are not ours."""
    return [path for path in sorted(folder.glob("*")) if RELEASE_ID.fullmatch(path.name)]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Hold a lock so that only one installer runs; it is released when the process ends. Raises Refused."""
    path = home / ".lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(f"another installer is running in {home}; wait until it has finished") from None
        yield
    finally:
        os.close(handle)
