"""System facts and external commands of the installer."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from .errors import Refused

log = logging.getLogger("edgevision.installer")
BOOTED = Path("/run/systemd/system")
"""Exists if systemd is the init system (sd_booted(3))."""
ROOM = 5
"""Disk space needed, as a multiple of the bundle's content: the unpacked bundle and the installed libraries."""
SYSTEMS = {"3.11": "Raspberry Pi OS Bookworm", "3.13": "Raspberry Pi OS Trixie"}
TIMEOUT_S = 1800


def elsewhere(root: Path) -> list[str | Path]:
    """Return the options that make useradd(8), usermod(8) and groupmod(8) work on another root."""
    return [] if root == Path("/") else ["--prefix", root]


def run(command: Sequence[str | Path], what: str, folder: Path, given: bytes = b"") -> str:
    """Run a command without the user's pip and Python settings and return its output. Raises Refused, OSError.

    ``given``: standard input of the command.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "PYTHON"))}
    log.debug("running %s", " ".join(map(str, command)))  # secrets are given on standard input only
    environment |= {"PIP_CONFIG_FILE": os.devnull, "PYTHONNOUSERSITE": "1"}
    pipe = subprocess.PIPE
    # A process group of its own, so that what the command starts itself can be ended with it.
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, process_group=0
    ) as child:
        try:
            out, _ = child.communicate(given, TIMEOUT_S)
        except BaseException as error:
            with suppress(OSError):
                os.killpg(child.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise Refused(f"{what} did not finish within {TIMEOUT_S} s") from None
            raise
    said = out.decode(errors="replace")
    if child.returncode:
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        reason = next((line for line in lines if line.startswith("ERROR:")), lines[-1] if lines else "")
        raise Refused(f"{what} failed (exit {child.returncode}): {reason}")
    return said
