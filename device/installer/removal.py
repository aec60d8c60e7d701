"""Remove what installations and deployments left on a machine, by hand or when a Debian package is removed.

Keys and settings in /etc/edgevision and what the service kept in /var/lib/edgevision stay.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from .archive.manifest import UNIT
from .base.atomic_files import read_text
from .base.commands import BOOTED, run
from .base.errors import Refused
from .base.inside import inside
from .base.loop import PREFIX, UNITS, loop_of_unit
from .base.status import Status
from .release import state as states
from .release.install import UPDATE_FILE, alone
from .release.release_files import package_of
from .release.switch import HOME, release_folder
from .remote import sudoers


def remove(root: Path, status: Status, package: str | None = None) -> str:
    """Remove the service and all releases, and return what was done. Raises Refused, OSError.

    ``package``: Debian package that is removed; a release that ``edgevision deploy`` installed after it stays.
    """
    home = inside(root, HOME)
    if not home.is_dir():
        return "nothing is installed"
    with alone(home):
        state = states.load(home)
        if (
            package is not None
            and state.current is not None
            and package_of(release_folder(root, state.current)) is None
        ):
            return (
                f"{state.current} was not installed by a package and keeps running; to remove it too, run: "
                f"sudo python3 /{HOME}/manager.pyz --remove"
            )
        _refuse_if_used(root)
        status.step("remove", f"the service and everything in /{HOME}", state.current or "")
        _remove_service(root)
        _remove_folder(home)
    return "removed edgevision"


def _refuse_if_used(root: Path) -> None:
    """Refuse if a loop with a name runs from the releases. Raises Refused, OSError."""
    for path in sorted(inside(root, UNITS).glob(f"{PREFIX}@*.service")):
        found = loop_of_unit(path.name)
        if found is not None and f"/{HOME}/" in read_text(path):
            raise Refused(
                f"{found.service} runs from /{HOME}; first: sudo edgevision service uninstall --name {found.name}"
            )


def _remove_service(root: Path) -> None:
    running = root == Path("/") and BOOTED.exists()
    unit = inside(root, UNITS / UNIT, follow=False)
    if running and unit.exists():
        run(["systemctl", "disable", "--quiet", "--now", UNIT], "stopping the service", root)
    rules = inside(root, sudoers.FOLDER).glob(f"{sudoers.PREFIX}*")
    wanted, updater = (
        inside(root, path, follow=False) for path in (UNITS / "multi-user.target.wants" / UNIT, UPDATE_FILE)
    )
    for path in (wanted, unit, updater, *rules):
        path.unlink(missing_ok=True)
    if running:
        run(["systemctl", "daemon-reload"], "systemctl daemon-reload", root)
        for name in (UNIT, UPDATE_FILE.name):
            with suppress(Refused):  # it is only there after a failure
                run(["systemctl", "reset-failed", name], "systemctl reset-failed", root)


def _remove_folder(home: Path) -> None:
    """Remove the releases; the state goes first, so that what an interruption leaves is never started again."""
    (home / states.FILE).unlink(missing_ok=True)
    (home / "current").unlink(missing_ok=True)
    shutil.rmtree(home)
