"""``sudo python3 install.pyz BUNDLE.tar.xz``: install a bundle on this machine.

``--first-boot DIR`` and ``--setup DIR`` are used by an SD card prepared with ``edgevision flash``, at its first and
second boot.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from .base import interrupt
from .base.errors import Refused
from .base.status import Status, complain, reason
from .boot.boot_partition import FOLDER
from .boot.first_boot import first_boot, started_by_card
from .boot.second_boot import setup
from .boot.setup_unit import NAME, UNITS
from .manager import is_call, manage
from .release.first_answer import NotRunning
from .release.install import InstallOptions, install
from .removal import remove


def main(argv: list[str] | None = None) -> int:
    """Return the exit code: 0 installed, 1 refused or failed, 2 usage error, 130 Ctrl-C, 143 SIGTERM."""
    arguments = sys.argv[1:] if argv is None else argv
    if is_call(arguments):
        return manage(*arguments)
    parser = _parser()
    given = parser.parse_args(argv)
    _show_log(given.verbose)
    if [given.bundle, given.first_boot, given.setup, given.remove or None].count(None) != 3:
        parser.error("give exactly one of: a bundle, --remove, --first-boot DIR, --setup")
    root = given.root.resolve()  # /. and // also mean this machine
    if root == Path("/") and os.geteuid() != 0:
        complain("root privileges are required; run: sudo python3 install.pyz ...")
        return 1
    if root == Path("/") and (reason := _not_meant(given)) is not None:
        complain(reason)
        return 1
    os.umask(0o022)  # the service runs as another user and must be able to read the files
    if given.first_boot is not None:
        status = Status(given.first_boot / "status.json", step="firstboot")
        return _told(lambda: first_boot(given.first_boot.absolute(), root, status), status)
    if given.setup is not None:
        status = Status(given.setup / "status.json", given.setup / "setup.log", "firstboot")
        return _told(lambda: setup(given.setup.absolute(), root, status), status)
    status = Status(given.status)
    if given.remove:
        return _told(lambda: status.ok(remove(root, status, given.package)), status)
    wish = InstallOptions(given.bundle, root, given.trust, not given.no_start, given.allow_older, given.package)
    return _told(lambda: _install(wish, status), status)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="install.pyz", description="Install an edgevision bundle on this machine.")
    parser.add_argument("bundle", type=Path, nargs="?", help="Bundle from edgevision bundle, NAME-PYTHON-ARCH.tar.xz.")
    parser.add_argument(
        "--trust",
        type=Path,
        action="append",
        default=[],
        metavar="KEY",
        help="Public key (PEM) to trust; from now on every bundle must be signed with a trusted key.",
    )
    parser.add_argument(
        "--allow-older",
        action="store_true",
        help="Install a signed bundle although a newer one was installed before.",
    )
    parser.add_argument(
        "--remove",
        action="store_true",
        help="Remove the service and all releases; /etc/edgevision and /var/lib/edgevision stay.",
    )
    parser.add_argument("--package", metavar="NAME", help="Debian package that calls the installer.")
    parser.add_argument("--no-start", action="store_true", help="Do not start the service after the installation.")
    parser.add_argument("--root", type=Path, default=Path("/"), metavar="DIR", help="Install below DIR instead of /.")
    parser.add_argument("--status", type=Path, metavar="FILE", help="Write the current step to this file, as JSON.")
    parser.add_argument(
        "--first-boot", type=Path, metavar="DIR", help="First boot of a prepared SD card: apply the settings in DIR."
    )
    parser.add_argument(
        "--setup",
        type=Path,
        nargs="?",
        const=FOLDER,
        metavar="DIR",
        help="Second boot of a prepared SD card: install the bundle in DIR.",
    )
    parser.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="Log decisions on stderr, one per line; -vv: the commands that are run, too.",
    )
    return parser


def _show_log(verbose: int) -> None:
    level = {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)
    logging.basicConfig(level=level, format="%(name)s: %(message)s", stream=sys.stderr)


def _not_meant(given: argparse.Namespace) -> str | None:
    """Return why the settings of an SD card must not be applied here; they are not for a computer that reads the card."""
    if given.first_boot is not None and not started_by_card():
        return "--first-boot works only at the first boot of a prepared SD card; this machine was not booted from one"
    if given.setup is not None and not (Path("/") / UNITS / NAME).exists():
        return "--setup works only at the second boot of a prepared SD card; this machine has not had its first boot"
    return None


def _install(wish: InstallOptions, status: Status) -> None:
    status.ok(install(wish, status).describe())


def _told(work: Callable[[], None], status: Status) -> int:
    """Run ``work`` and return the exit code; report an error as one line."""
    try:
        interrupt.work_starts()
        work()
        interrupt.work_ended()
    except KeyboardInterrupt as error:
        ended = error if isinstance(error, interrupt.Ended) else interrupt.Ended(signal.SIGINT)
        status.failed(ended.message)
        complain(ended.message)
        return ended.exit_code
    except (Refused, NotRunning, OSError) as error:
        said = reason(error) if isinstance(error, OSError) else str(error)
        status.failed(said)
        complain(said)
        return 1
    return 0
