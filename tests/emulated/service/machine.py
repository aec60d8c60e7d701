"""The machine that the service tests run on: an emulated board, or namespaces of this machine."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from documents import parse

PATIENCE_S = 600
"""Seconds that anything may take: on an emulated board, starting Python and the runtime alone takes most of a minute."""


class Shell(Protocol):
    """A shell that runs commands as root."""

    def run(self, command: str, *, code: int = 0, timeout_s: float = ...) -> str: ...

    def try_run(self, command: str, *, timeout_s: float = ...) -> subprocess.CompletedProcess[str]: ...


@dataclass(frozen=True)
class ServiceMachine:
    """A machine, with the command, model and camera to test."""

    shell: Shell
    edgevision: str
    """The edgevision command."""
    model: str
    camera: str


class Service:
    """The installed service of a loop, as reported by systemd and ``edgevision service``."""

    def __init__(self, machine: ServiceMachine, name: str | None = None) -> None:
        self.unit = "edgevision" if name is None else f"edgevision@{name}"
        self.run, self.try_run = machine.shell.run, machine.shell.try_run
        self.edgevision = f"{machine.edgevision} service"

    def show(self, *names: str) -> list[str]:
        """Return the values of systemd properties, in the order of ``names``."""
        text = self.run(f"systemctl show {self.unit} {' '.join(f'-p {name}' for name in names)}")
        values = dict(line.split("=", 1) for line in text.splitlines())
        return [values[name] for name in names]

    def pid(self) -> int:
        """Return the loop's process id, 0 if it is not running."""
        return int(self.show("MainPID")[0])

    def is_up(self) -> bool:
        """Return whether the loop has made a prediction since its last start."""
        return self.show("ActiveState", "SubState") == ["active", "running"]

    def came_back(self, old: int) -> bool:
        """Return whether a process other than ``old`` is up."""
        return self.is_up() and self.pid() not in (0, old)

    def journal(self) -> str:
        """Return the journal of the unit."""
        return self.run(f"journalctl --no-pager -o cat -u {self.unit}")

    def status(self) -> dict[str, Any]:
        """Return the output of ``service status --json``, ignoring the exit code."""
        return parse(self.try_run(f"{self.edgevision} status --json").stdout, "service")


def until(what: str, condition: Callable[[], bool]) -> None:
    """Wait until a condition is true. ``what`` names it in the failure message."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < PATIENCE_S, f"timed out waiting for {what}"
        time.sleep(1)
