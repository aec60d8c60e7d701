"""What the tests of the service need of a machine, whether it is a board or namespaces of this one."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

PATIENCE_S = 600
"""How long anything may take: on an emulated board a start of Python and the runtime alone takes most of a minute."""


class Shell(Protocol):
    """Runs shell lines as root."""

    def run(self, command: str, *, code: int = 0, timeout_s: float = ...) -> str: ...

    def try_run(self, command: str, *, timeout_s: float = ...) -> subprocess.CompletedProcess[str]: ...


@dataclass(frozen=True)
class ServiceMachine:
    """Where the service is tried, and with what."""

    shell: Shell
    edgevision: str
    """The command."""
    model: str
    camera: str


class Service:
    """The installed service, as systemd and its own command tell of it."""

    def __init__(self, machine: ServiceMachine) -> None:
        self.run, self.try_run = machine.shell.run, machine.shell.try_run
        self.edgevision = f"{machine.edgevision} service"

    def show(self, *names: str) -> list[str]:
        """Values of systemd's properties, in the order of the names."""
        text = self.run(f"systemctl show edgevision {' '.join(f'-p {name}' for name in names)}")
        values = dict(line.split("=", 1) for line in text.splitlines())
        return [values[name] for name in names]

    def pid(self) -> int:
        """Of the loop; 0 while there is none."""
        return int(self.show("MainPID")[0])

    def is_up(self) -> bool:
        """Whether a frame was recognised since the last start."""
        return self.show("ActiveState", "SubState") == ["active", "running"]

    def came_back(self, old: int) -> bool:
        """Whether another process recognises frames."""
        return self.is_up() and self.pid() not in (0, old)

    def journal(self) -> str:
        """What the service and systemd wrote about it."""
        return self.run("journalctl --no-pager -o cat -u edgevision")

    def status(self) -> dict[str, Any]:
        """``service status --json``, whatever its exit status."""
        found: dict[str, Any] = json.loads(self.try_run(f"{self.edgevision} status --json").stdout)
        return found


def until(what: str, condition: Callable[[], bool]) -> None:
    """Waits for something to become so."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < PATIENCE_S, f"waited in vain: {what}"
        time.sleep(1)
