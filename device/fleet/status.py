"""``edgevision fleet status``: what each device of an inventory runs, and how well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision.errors import BadInput, EdgeVisionError

from ..deploy.device_info import Installed, read_installed
from ..installer.archive.manifest import MODEL
from ..outputs.metrics.text_server import is_loopback
from ..outputs.parse import parse_spec
from .ansible import AnsibleOptions, Event, failure, play, said

PLAYBOOK = "status.yml"


@dataclass(frozen=True, slots=True)
class HostStatus:
    """The state of one device."""

    host: str
    address: str
    state: str
    """running, trial, down, empty, unreachable or failed."""
    reason: str = ""
    """Why it is unreachable or could not be asked; empty otherwise."""
    device: Installed | None = None
    """None: it could not be asked."""

    @property
    def model_sha256(self) -> str | None:
        """SHA-256 of the model file of its release."""
        manifest = None if self.device is None else self.device.manifest
        return None if manifest is None else manifest.files[MODEL].sha256

    @property
    def metrics(self) -> str | None:
        """Address of its metrics for Prometheus; None: it has none, or none that another machine can reach."""
        for spec in () if self.device is None else self.device.metrics:
            port = _port(spec)
            if port is not None:
                return f"[{self.address}]:{port}" if ":" in self.address else f"{self.address}:{port}"
        return None


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """The state of all devices of an inventory."""

    inventory: Path
    hosts: list[HostStatus]

    @property
    def exit_code(self) -> int:
        """5: a device could not be asked; 3: one is down; 0: all run."""
        states = {one.state for one in self.hosts}
        return 5 if states & {"unreachable", "failed"} else 3 if states & {"down", "empty"} else 0


def status(options: AnsibleOptions) -> FleetStatus:
    """Ask all devices of an inventory. Raises EdgeVisionError."""
    found: dict[str, HostStatus] = {}

    def tell(event: Event) -> None:
        name = str(event.get("host"))
        if event["event"] == "start":  # in the order of the inventory, unlike the results
            found.setdefault(name, HostStatus(name, name, "failed", "it gave no answer"))
        elif event["event"] in ("ok", "failed", "unreachable"):
            found[name] = _host(event["event"], name, event["result"])

    ended = play(PLAYBOOK, options, {}, tell)
    if not found:
        raise failure(ended)
    return FleetStatus(options.inventory, list(found.values()))


def _host(kind: str, name: str, result: Mapping[str, Any]) -> HostStatus:
    address = str(result.get("address") or name)
    if kind != "ok":
        return HostStatus(name, address, kind, said(result))
    try:
        device = read_installed(result["device"]["installed"])
    except (KeyError, TypeError, ValueError, AttributeError, EdgeVisionError) as error:
        return HostStatus(name, address, "failed", f"it gave an answer that cannot be read: {error!r:.80}")
    return HostStatus(name, address, _state(device), "", device)


def _state(device: Installed) -> str:
    if device.current is None:
        return "empty"
    if device.updating or device.state == "provisional":
        return "trial"
    return "running" if device.active else "down"


def _port(spec: str) -> int | None:
    """Return the port of a metrics output that other machines reach; None for a loopback address."""
    from ..outputs.metrics.output import address

    try:
        config = parse_spec(spec)
        found = address(config.target)
    except BadInput:
        return None
    return None if is_loopback(found.host) else int(found.port)
