"""Outputs in the service: files, a port, and a password that only root can read."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from .machine import Service, ServiceMachine, until

CONFIG = """\
model = "{model}"
camera = "{camera}"
[[outputs]]
spec = "metrics:{port}"
[[outputs]]
spec = "jsonl:/var/lib/edgevision/log.jsonl"
[[outputs]]
spec = "gpio:fake/0=red"
[[outputs]]
spec = "mqtt://cam@127.0.0.1:9/test"
password_file = "/etc/edgevision/mqtt.password"
"""
PASSWORD = "/etc/edgevision/mqtt.password"


@pytest.fixture
def port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def service(machine: ServiceMachine, port: int) -> Iterator[Service]:
    """The service with four outputs, installed but not started."""
    made = Service(machine)
    text = CONFIG.format(model=machine.model, camera=machine.camera, port=port).replace('"', '\\"')
    made.run(f'mkdir -p /etc/edgevision && printf "hush\\n" > {PASSWORD} && chmod 600 {PASSWORD}')
    made.run(f'printf "%s" "{text}" > /tmp/outputs.toml')
    made.run(f"{made.edgevision} install --config /tmp/outputs.toml --overwrite --no-start && systemctl daemon-reload")
    yield made
    made.run(f"{made.edgevision} uninstall --purge && rm -f {PASSWORD} /tmp/outputs.toml")
    made.try_run("systemctl reset-failed edgevision")


def test_outputs_work_with_the_permissions_of_the_service(service: Service, port: int) -> None:
    service.run("systemctl start edgevision")
    metrics = service.run(f"curl -sS http://127.0.0.1:{port}/metrics")
    assert "edgevision_frames_total " in metrics
    assert 'edgevision_output_up{output="jsonl:/var/lib/edgevision/log.jsonl"} 1.0' in metrics
    until("lines", lambda: int(service.run("wc -l < /var/lib/edgevision/log.jsonl")) > 0)
    # Nothing listens at the broker's address: the loop has read the password, and goes on without the broker.
    until("output_down", lambda: "output_down" in service.journal())
    assert service.is_up()
    assert "hush" not in service.journal() + service.run("systemctl cat edgevision")
    (allowed,) = service.show("IPAddressAllow")
    assert "127.0.0.0/8" in allowed


def test_missing_password_file_is_named_by_the_loop(service: Service) -> None:
    service.run(f"rm {PASSWORD}")
    service.try_run("systemctl restart --no-block edgevision")
    until("the error", lambda: f"password file not found: {PASSWORD}" in service.journal())
