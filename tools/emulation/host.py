"""What the host must have: root rights, programs from apt; and how commands are run, with their output in a log."""

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
"""Before a command: it ends with whoever started it, even one that is killed. Nothing is left running."""


class CannotRun(Exception):
    """The machine lacks something; one line that says what and how to get it."""


def need_root() -> None:
    """Roots are made and entered by root alone. Raises CannotRun."""
    if os.geteuid() != 0:
        raise CannotRun("this needs root rights (chroot, mount); run it as root or with sudo")


def need_programs(packages: Mapping[str, str]) -> None:
    """Installs what is missing, program -> Debian package, through apt. Raises CannotRun."""
    missing = sorted({package for program, package in packages.items() if shutil.which(program) is None})
    if not missing:
        return
    wanted = " ".join(missing)
    if shutil.which("apt-get") is None:
        raise CannotRun(f"these Debian packages are missing and there is no apt-get here to install them: {wanted}")
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
        raise CannotRun(f"cannot install {wanted} (is the network there?): {error}") from None


def run(
    command: Sequence[str | Path],
    what: str,
    environment: Mapping[str, str] | None = None,
    *,
    folder: Path | None = None,
) -> None:
    """Runs a command to its end, its output in the log. Raises CannotRun with the line that says why."""
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
            raise CannotRun(f"{what} failed: {_reason(lines) or f'exit {done.returncode}'} (all of it: {LOG})")


def _reason(lines: Sequence[str]) -> str:
    """The first line that apt or pip marks as an error; what follows is its consequence. Otherwise the last one."""
    marked = [line for line in lines if line.startswith(("E: ", "ERROR: "))]
    return (marked or list(lines[-1:]) or [""])[0].strip()


def say(text: str) -> None:
    """One line of progress."""
    print(f"emulation: {text}", flush=True)
