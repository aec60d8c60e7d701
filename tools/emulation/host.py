"""Requirements of the host (root, programs from apt), and commands that log their output."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("EDGEVISION_CACHE", REPO / ".cache")).resolve()
ROOTS = CACHE / "roots"
IMAGES = CACHE / "images"
LOG = CACHE / "logs" / "emulation.log"
TIED = ("setpriv", "--pdeathsig", "KILL")
"""Prefix of a command that ends it with its parent process, even if that is killed."""


class CannotRun(Exception):
    """The machine lacks a requirement; the message says which, and how to get it."""


def need_root() -> None:
    """Require root, which making and entering roots needs. Raises CannotRun."""
    if os.geteuid() != 0:
        raise CannotRun("root is required (for chroot and mount); run as root or with sudo")


def need_programs(packages: Mapping[str, str]) -> None:
    """Install missing programs (program -> Debian packages, separated by spaces) with apt. Raises CannotRun."""
    lacking = [names for program, names in packages.items() if shutil.which(program) is None]
    missing = sorted({package for names in lacking for package in names.split()})
    if not missing:
        return
    wanted = " ".join(missing)
    if shutil.which("apt-get") is None:
        raise CannotRun(f"missing Debian packages: {wanted}; there is no apt-get, so install them another way")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    say(f"installing {wanted}")
    try:
        run(["apt-get", "-q", "update"], "apt-get update", environment)
        run(
            ["apt-get", "-q", "install", "-y", "--no-install-recommends", *missing],
            f"apt-get install {wanted}",
            environment,
        )
    except CannotRun as error:
        raise CannotRun(f"cannot install {wanted} (check the network): {error}") from None


def run(
    command: Sequence[str | Path],
    what: str,
    environment: Mapping[str, str] | None = None,
    *,
    folder: Path | None = None,
) -> None:
    """Run a command with its output in the log. Raises CannotRun with the line that gives the reason."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("a+b") as log:
        log.write(f"\n$ {' '.join(map(str, command))}\n".encode())
        log.flush()
        start = log.tell()
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=folder, check=False
        )
        if done.returncode:
            log.seek(start)
            lines = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
            raise CannotRun(f"{what} failed: {_reason(lines) or f'exit {done.returncode}'} (log: {LOG})")


def _reason(lines: Sequence[str]) -> str:
    """Return the first line marked as an error by apt or pip, or else the last line."""
    marked = [line for line in lines if line.startswith(("E: ", "ERROR: "))]
    return (marked or list(lines[-1:]) or [""])[0].strip()


def say(text: str) -> None:
    """Print a line of progress."""
    print(f"emulation: {text}", flush=True)
