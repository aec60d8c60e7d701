"""``sudo python3 install.pyz BUNDLE.tar.xz``: installs a bundle on this machine, or says in one line why not.

``--first-boot DIR`` and ``--setup DIR`` are for a card that ``edgevision flash`` prepared, at its first two starts.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from .base.errors import Refused
from .base.status import Status, complain, reason
from .boot.boot_partition import FOLDER
from .boot.first_boot import first_boot, started_by_card
from .boot.second_boot import setup
from .boot.setup_unit import NAME, UNITS
from .boot.wait_for_first_answer import NotRunning
from .release.install import Wish, install


def main(argv: list[str] | None = None) -> int:
    """0 done, 1 refused or failed, 2 usage, 130 Ctrl-C."""
    parser = _parser()
    given = parser.parse_args(argv)
    if [given.bundle, given.first_boot, given.setup].count(None) != 2:
        parser.error("give a bundle, or --first-boot DIR, or --setup")
    root = given.root.resolve()  # /. and // are this machine, too
    if root == Path("/") and os.geteuid() != 0:
        complain("installing takes root rights: sudo python3 install.pyz ...")
        return 1
    if root == Path("/") and (reason := _not_meant(given)) is not None:
        complain(reason)
        return 1
    os.umask(0o022)  # the service runs as another user
    if given.first_boot is not None:
        status = Status(given.first_boot / "status.json", step="firstboot")
        return _told(lambda: first_boot(given.first_boot.absolute(), root, status), status)
    if given.setup is not None:
        status = Status(given.setup / "status.json", given.setup / "setup.log", "firstboot")
        return _told(lambda: setup(given.setup.absolute(), root, status), status)
    status = Status(given.status)
    return _told(lambda: _install(Wish(given.bundle, root, given.trust, not given.no_start), status), status)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="install.pyz", description="Install an edgevision bundle on this machine.")
    parser.add_argument("bundle", type=Path, nargs="?", help="NAME-PYTHON-ARCH.tar.xz, as edgevision bundle writes it")
    parser.add_argument(
        "--trust",
        type=Path,
        action="append",
        default=[],
        metavar="KEY",
        help="a public key (PEM): from now on no bundle is taken that none of the trusted keys signed",
    )
    parser.add_argument("--no-start", action="store_true", help="install, and do not start the service now")
    parser.add_argument("--root", type=Path, default=Path("/"), metavar="DIR", help="install below DIR instead of /")
    parser.add_argument("--status", type=Path, metavar="FILE", help="keep the current step in this file, as JSON")
    parser.add_argument(
        "--first-boot", type=Path, metavar="DIR", help="for a prepared card's first start: take over what DIR brings"
    )
    parser.add_argument(
        "--setup",
        type=Path,
        nargs="?",
        const=FOLDER,
        metavar="DIR",
        help="for its second start: install what DIR brings",
    )
    return parser


def _not_meant(given: argparse.Namespace) -> str | None:
    """Why this machine is not the one that a card's settings are for: they must not reach the one that reads the card."""
    if given.first_boot is not None and not started_by_card():
        return "--first-boot is for the first start of a prepared card, and this machine was not started by one"
    if given.setup is not None and not (Path("/") / UNITS / NAME).exists():
        return "--setup is for the second start of a prepared card, and this machine had no first one"
    return None


def _install(wish: Wish, status: Status) -> None:
    status.ok(install(wish, status).describe())


def _told(work: Callable[[], None], status: Status) -> int:
    """The exit status; whatever went wrong is one line."""
    try:
        work()
    except KeyboardInterrupt:
        status.failed("interrupted")
        complain("interrupted")
        return 130
    except (Refused, NotRunning, OSError) as error:
        said = reason(error) if isinstance(error, OSError) else str(error)
        status.failed(said)
        complain(said)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
