"""Outputs in the service: files, a port, and a password that only root can read."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import NamedTuple

import pytest
from ports import free_port

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
[[outputs]]
spec = "webhook:http://127.0.0.1:{hook}/"
"""
PASSWORD = "/etc/edgevision/mqtt.password"
SECRET, SECRET_FILE = b"correct horse", "/etc/credstore/edgevision.webhook_secret"


class Request(NamedTuple):
    """A request to the webhook."""

    timestamp: str
    signature: str
    body: bytes

    @property
    def is_signed(self) -> bool:
        """Whether it is signed with the secret."""
        text = self.timestamp.encode() + b"." + self.body
        return self.signature == "sha256=" + hmac.new(SECRET, text, hashlib.sha256).hexdigest()


class Hook:
    """A server that takes every request, on the loopback that this machine and the service share."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                names = ("X-Edgevision-Timestamp", "X-Edgevision-Signature")
                hook.requests.append(Request(*(self.headers.get(name, "") for name in names), body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Be silent."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    """A running webhook."""
    made = Hook()
    yield made
    made.close()


@pytest.fixture
def port() -> int:
    """A port that nobody else gets."""
    return free_port()


@pytest.fixture
def service(machine: ServiceMachine, port: int, hook: Hook) -> Iterator[Service]:
    """The service with five outputs, installed but not started."""
    made = Service(machine)
    text = CONFIG.format(model=machine.model, camera=machine.camera, port=port, hook=hook.port).replace('"', '\\"')
    made.run(f'mkdir -p /etc/edgevision && printf "hush\\n" > {PASSWORD} && chmod 600 {PASSWORD}')
    made.run(f'mkdir -p /etc/credstore && printf "{SECRET.decode()}" > {SECRET_FILE} && chmod 600 {SECRET_FILE}')
    made.run(f'printf "%s" "{text}" > /tmp/outputs.toml')
    made.run(f"{made.edgevision} install --config /tmp/outputs.toml --overwrite --no-start && systemctl daemon-reload")
    yield made
    made.run(f"{made.edgevision} uninstall --purge && rm -f {PASSWORD} {SECRET_FILE} /tmp/outputs.toml")
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


def test_secret_in_the_store_of_systemd_signs_requests(service: Service, hook: Hook) -> None:
    service.run("systemctl start edgevision")
    until("a request", lambda: bool(hook.requests))
    assert hook.requests[0].is_signed
    service.run("systemctl stop edgevision")
    hook.requests.clear()
    service.run(f"rm {SECRET_FILE} && systemctl start edgevision")
    until("a request", lambda: bool(hook.requests))
    assert hook.requests[0].signature == "", "a service without the secret starts, too"


def test_missing_password_file_is_named_by_the_loop(service: Service) -> None:
    service.run(f"rm {PASSWORD}")
    service.try_run("systemctl restart --no-block edgevision")
    until("the error", lambda: f"password file not found: {PASSWORD}" in service.journal())
