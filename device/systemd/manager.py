"""Asks systemd and its journal, by their own commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgevision.errors import EdgeVisionError, MissingDependency

from .unit import NAME, UNIT

TIMEOUT_S = 900.0
"""Longer than any TimeoutStartSec: systemd has the first word on a start that hangs."""
BOOTED = Path("/run/systemd/system")
"""Present where systemd runs the machine (sd_booted(3))."""
FIELDS = (
    "LoadState UnitFileState ActiveState SubState Result NRestarts StatusText MainPID MemoryCurrent "
    "ActiveEnterTimestamp InactiveEnterTimestamp ExecMainStatus"
).split()

Run = Callable[[Sequence[str]], "Answer"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said."""

    code: int
    text: str
    errors: str = ""


def run_command(command: Sequence[str]) -> Answer:
    """Runs a command of the system. Raises MissingDependency, EdgeVisionError."""
    if shutil.which(command[0]) is None:
        raise MissingDependency(f"{command[0]} is not there; this needs a machine that systemd runs")
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise EdgeVisionError(f"{' '.join(command)} did not answer within {TIMEOUT_S:.0f} s") from None
    return Answer(done.returncode, done.stdout, done.stderr)


class Manager:
    """systemd, as far as it is about our unit."""

    def __init__(self, run: Run = run_command) -> None:
        self._run = run

    def start(self) -> None:
        """Enables and starts the service, anew if it runs; waits for its first answer. Raises EdgeVisionError."""
        self._must("systemctl", "daemon-reload")
        self._must("systemctl", "enable", "--quiet", UNIT.name)
        answer = self._run(("systemctl", "restart", UNIT.name))
        if answer.code != 0:
            last = self.messages(1)
            said = f": {last[-1].removeprefix('edgevision: error: ')}" if last else ""
            raise EdgeVisionError(f"the service does not start{said}; more: edgevision service logs")

    def stop(self) -> None:
        """Stops and disables the service; it may be absent."""
        self._run(("systemctl", "disable", "--now", "--quiet", UNIT.name))

    def reload(self) -> None:
        """Lets systemd read unit files again."""
        self._run(("systemctl", "daemon-reload"))
        self._run(("systemctl", "reset-failed", UNIT.name))

    def show(self) -> dict[str, str]:
        """systemd's own names and values. Raises EdgeVisionError."""
        text = self._must("systemctl", "show", "--timestamp=unix", f"--property={','.join(FIELDS)}", UNIT.name)
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def messages(self, count: int) -> list[str]:
        """The last lines that the loop itself wrote, oldest first; none where the journal keeps silent."""
        command = ("journalctl", "--no-pager", "--quiet", "--output=cat", f"--lines={count}", f"--identifier={NAME}")
        try:
            answer = self._run((*command, f"_SYSTEMD_UNIT={UNIT.name}"))
        except EdgeVisionError:
            return []
        return [line for line in answer.text.splitlines() if line] if answer.code == 0 else []

    def _must(self, *command: str) -> str:
        answer = self._run(command)
        if answer.code != 0:
            reason = next(iter(answer.errors.strip().splitlines()), f"it ended with {answer.code}")
            raise EdgeVisionError(f"{' '.join(command[:2])} failed: {reason}")
        return answer.text


def require_package(python: str, run: Run = run_command) -> None:
    """Raises EdgeVisionError where a Python finds edgevision only with the help of somebody's environment."""
    answer = run(("env", "-i", "-C", "/", python, "-m", "edgevision", "--version"))
    if answer.code != 0:
        said = answer.errors.strip().splitlines() or [f"it ended with {answer.code}"]
        raise EdgeVisionError(
            f"{python} cannot run edgevision as a service would ({said[-1]}); install it there with pip"
        )


def require_systemd(booted: Path = BOOTED) -> None:
    """Raises MissingDependency, in one line, where something else runs the machine."""
    if not booted.is_dir():
        raise MissingDependency(
            "systemd does not run this machine, so there can be no service here; --dry-run shows the unit, and --root "
            "DIR installs it into another machine's root"
        )


def require_root(verb: str, user: int | None = None) -> None:
    """Raises EdgeVisionError with the line to type."""
    if (os.geteuid() if user is None else user) != 0:
        command = (
            Path(sys.argv[0]).resolve() if sys.argv[0].endswith("edgevision") else f"{sys.executable} -m edgevision"
        )
        raise EdgeVisionError(f"only the superuser may {verb} a service: sudo {command} service {verb} ...")
