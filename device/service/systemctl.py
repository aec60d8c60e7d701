"""Calls of systemctl and journalctl."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgevision import children
from edgevision.errors import EdgeVisionError, MissingDependency
from edgevision.log import Log

from ..installer.base.loop import UNNAMED, Loop

log = Log("edgevision.service")
TIMEOUT_S = 900.0
"""Seconds for a command, more than any TimeoutStartSec, so that systemd itself ends a start that hangs."""
BOOTED = Path("/run/systemd/system")
"""Folder that exists if the machine was booted with systemd (sd_booted(3))."""
FIELDS = (
    "LoadState UnitFileState ActiveState SubState Result NRestarts StatusText MainPID MemoryCurrent "
    "ActiveEnterTimestamp InactiveEnterTimestamp ExecMainStatus"
).split()

Run = Callable[[Sequence[str]], "CommandResult"]


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The result of a command."""

    code: int
    text: str
    errors: str = ""


def run_command(command: Sequence[str]) -> CommandResult:
    """Run a system command. Raises MissingDependency if it is missing, EdgeVisionError if it hangs."""
    log.debug("running %s", " ".join(command))
    if shutil.which(command[0]) is None:
        raise MissingDependency(f"{command[0]} not found; services need a machine that runs systemd")
    try:
        done = children.run(command, TIMEOUT_S, text=True, errors="replace")
    except subprocess.TimeoutExpired:
        raise EdgeVisionError(f"{' '.join(command)} did not finish within {TIMEOUT_S:.0f} s") from None
    return CommandResult(done.returncode, done.stdout, done.stderr)


class Manager:
    """systemd's control of the unit of a loop."""

    def __init__(self, run: Run = run_command, loop: Loop = UNNAMED) -> None:
        self._run, self.loop = run, loop

    def start(self) -> None:
        """Enable and start or restart the service, and wait for its first prediction. Raises EdgeVisionError."""
        self._must("systemctl", "daemon-reload")
        self._must("systemctl", "enable", "--quiet", self.loop.unit)
        answer = self._run(("systemctl", "restart", self.loop.unit))
        if answer.code != 0:
            last = self.messages(1)
            said = f": {last[-1].removeprefix('edgevision: error: ')}" if last else ""
            logs = f"edgevision service logs{self.loop.option}"
            raise EdgeVisionError(f"the service did not start{said}; see {logs}")

    def stop(self) -> None:
        """Stop and disable the service, which may be absent."""
        self._run(("systemctl", "disable", "--now", "--quiet", self.loop.unit))

    def reload(self) -> None:
        """Make systemd read the unit files again."""
        self._run(("systemctl", "daemon-reload"))
        self._run(("systemctl", "reset-failed", self.loop.unit))

    def show(self) -> dict[str, str]:
        """Return the unit's properties by systemd's names. Raises EdgeVisionError."""
        text = self._must("systemctl", "show", "--timestamp=unix", f"--property={','.join(FIELDS)}", self.loop.unit)
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def messages(self, count: int) -> list[str]:
        """Return the last ``count`` lines written by the loop, oldest first; empty if the journal is not readable."""
        command = (
            "journalctl",
            "--no-pager",
            "--quiet",
            "--output=cat",
            f"--lines={count}",
            f"--identifier={self.loop.slug}",
        )
        try:
            answer = self._run((*command, f"_SYSTEMD_UNIT={self.loop.unit}"))
        except EdgeVisionError:
            return []
        return [line for line in answer.text.splitlines() if line] if answer.code == 0 else []

    def _must(self, *command: str) -> str:
        answer = self._run(command)
        if answer.code != 0:
            reason = next(iter(answer.errors.strip().splitlines()), f"exit status {answer.code}")
            raise EdgeVisionError(f"{' '.join(command[:2])} failed: {reason}")
        return answer.text


def require_package(python: str, run: Run = run_command) -> None:
    """Require that ``python`` finds edgevision with an empty environment. Raises EdgeVisionError."""
    answer = run(("env", "-i", "-C", "/", python, "-P", "-m", "edgevision", "--version"))
    if answer.code != 0:
        said = answer.errors.strip().splitlines() or [f"exit status {answer.code}"]
        raise EdgeVisionError(
            f"{python} cannot run edgevision in a service ({said[-1]}); install edgevision for this Python with pip"
        )


def require_systemd(booted: Path = BOOTED) -> None:
    """Require a machine that was booted with systemd. Raises MissingDependency."""
    if not booted.is_dir():
        raise MissingDependency(
            "this machine does not run systemd, which services need; use --dry-run to show the unit file, or --root DIR "
            "to install into another machine's root file system"
        )


def require_root(verb: str, user: int | None = None) -> None:
    """Require root. Raises EdgeVisionError with the command to run instead."""
    if (os.geteuid() if user is None else user) != 0:
        command = (
            Path(sys.argv[0]).resolve() if sys.argv[0].endswith("edgevision") else f"{sys.executable} -P -m edgevision"
        )
        raise EdgeVisionError(f"only root may {verb} a service; run: sudo {command} service {verb} ...")
