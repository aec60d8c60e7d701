"""``sudo python3 install.pyz BUNDLE.tar.xz``: installs a bundle on this machine, or says in one line why not."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from .install import Wish, install
from .packed import Refused
from .status import Status, complain


def main(argv: list[str] | None = None) -> int:
    """0 done, 1 refused or failed, 2 usage, 130 Ctrl-C."""
    parser = argparse.ArgumentParser(prog="install.pyz", description="Install an edgevision bundle on this machine.")
    parser.add_argument("bundle", type=Path, help="NAME-PYTHON-ARCH.tar.xz, as edgevision bundle writes it")
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
    given = parser.parse_args(argv)
    root = given.root.absolute()
    if root == Path("/") and os.geteuid() != 0:
        complain("installing takes root rights: sudo python3 install.pyz ...")
        return 1
    os.umask(0o022)  # the service runs as another user
    status = Status(given.status)
    try:
        install(Wish(given.bundle, root, given.trust, not given.no_start), status)
    except KeyboardInterrupt:
        status.failed("interrupted")
        complain("interrupted")
        return 130
    except (Refused, OSError) as error:
        said = f"{error.strerror or error}: {error.filename}" if isinstance(error, OSError) else str(error)
        status.failed(said)
        complain(said)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
