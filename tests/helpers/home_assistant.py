"""A real Home Assistant on the loopback, driven through its REST API."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from locations import ROOT
from ports import free_port

PROGRAM = ROOT / ".cache" / "envs" / "home-assistant" / "bin" / "hass"
START_S = 240
CONFIGURATION = """\
homeassistant:
  name: test
  unit_system: metric
  time_zone: UTC
http:
  server_host: 127.0.0.1
  server_port: {port}
api:
config:
onboarding:
"""


class HomeAssistant:
    """A new installation with one user."""

    def __init__(self, folder: Path) -> None:
        if not PROGRAM.exists():
            pytest.skip("Home Assistant is not installed: make env-home-assistant")
        self._port = free_port()
        self._folder = folder
        folder.mkdir()
        (folder / "configuration.yaml").write_text(CONFIGURATION.format(port=self._port))
        self._url = f"http://127.0.0.1:{self._port}"
        self._token: str | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What it wrote."""
        return (self._folder / "output.log").read_text(errors="replace")

    def complaints(self) -> list[str]:
        """Return the warnings and errors about payloads, states and templates; not about the connection to the broker."""
        about = ("[homeassistant.components.mqtt", "[homeassistant.helpers.template", "[homeassistant.util.logging")
        lines = [line for line in self.log.splitlines() if any(name in line for name in about)]
        return [line for line in lines if "[homeassistant.components.mqtt.client]" not in line]

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self._folder / "output.log").open("ab") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "--config", str(self._folder), "--skip-pip"], stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.log[-3000:]
            with suppress(OSError, ValueError):
                self.call("/api/onboarding")
                return
            time.sleep(0.5)
        raise AssertionError(self.log[-3000:])

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)

    def onboard(self) -> None:
        """Make the first user and finish the questions of the first start."""
        client = self._url + "/"
        user = {"client_id": client, "name": "test", "username": "test", "password": "only-here", "language": "en"}
        code = self.call("/api/onboarding/users", user)["auth_code"]
        grant = {"grant_type": "authorization_code", "code": code, "client_id": client}
        self._token = self.call("/auth/token", urlencode(grant).encode())["access_token"]
        for step in ("core_config", "analytics"):
            self.call(f"/api/onboarding/{step}", {})

    def add_mqtt(self, port: int) -> None:
        """Configure the MQTT integration as a user does."""
        flow = self.call("/api/config/config_entries/flow", {"handler": "mqtt", "show_advanced_options": False})
        done = self.call(f"/api/config/config_entries/flow/{flow['flow_id']}", {"broker": "127.0.0.1", "port": port})
        assert done["type"] == "create_entry", done

    def call(self, path: str, body: Mapping[str, Any] | bytes | None = None) -> Any:
        """Send a request and return its JSON answer."""
        return json.loads(self.fetch(path, body))

    def fetch(self, path: str, body: Mapping[str, Any] | bytes | None = None) -> bytes:
        """Send a request (POST with a body) and return its answer."""
        form = isinstance(body, bytes)
        headers = {"Content-Type": "application/x-www-form-urlencoded" if form else "application/json"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self._url + path, data, headers), timeout=30) as answer:
            text: bytes = answer.read()
            return text

    def states(self) -> dict[str, dict[str, Any]]:
        """Return the state of every entity, by its id."""
        return {state["entity_id"]: state for state in self.call("/api/states")}

    def state(self, entity: str) -> str | None:
        """Return the state of one entity; None if it does not exist."""
        found = self.states().get(entity)
        return None if found is None else str(found["state"])

    def template(self, text: str) -> str:
        """Return what a template gives."""
        return self.fetch("/api/template", {"template": text}).decode()

    def service(self, name: str, entity: str, **data: Any) -> None:
        """Call a service such as ``switch.turn_on``."""
        domain, _, action = name.partition(".")
        self.call(f"/api/services/{domain}/{action}", {"entity_id": entity, **data})

    def wait(self, done: Callable[[], object], seconds: float = 60) -> None:
        """Wait until ``done`` returns something true."""
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, {k: v["state"] for k, v in self.states().items()}
            time.sleep(0.2)


@contextmanager
def running_home_assistant(folder: Path, broker_port: int) -> Iterator[HomeAssistant]:
    """Yield a new Home Assistant with a user and the MQTT integration."""
    made = HomeAssistant(folder)
    try:
        made.start()
        made.onboard()
        made.add_mqtt(broker_port)
        yield made
    finally:
        made.stop()
