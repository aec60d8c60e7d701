"""A real Mosquitto broker on a free port of the loopback, and a client that records what it publishes."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Condition
from typing import Any

import pytest


def program(name: str) -> str:
    """Return the path of a program of the package mosquitto; skip the test without it."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip("not installed: mosquitto (Debian: apt install)")
    return found


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Mosquitto:
    """One broker, which can be killed and started again on the same port."""

    def __init__(self, folder: Path, lines: Sequence[str] = ("allow_anonymous true",)) -> None:
        self._program = program("mosquitto")
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        text = [f"listener {self.port} 127.0.0.1", "user root", "persistence false", *lines]
        self._config.write_text("\n".join(text) + "\n")
        self._log = folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the broker and wait until it accepts connections."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([self._program, "-c", str(self._config)], stdout=log, stderr=log)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert self._process.poll() is None, self._log.read_text()
            time.sleep(0.02)
        raise AssertionError(f"mosquitto does not listen: {self._log.read_text()}")

    def kill(self) -> None:
        """Kill the broker as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


@contextmanager
def running(folder: Path, lines: Sequence[str] = ("allow_anonymous true",)) -> Iterator[Mosquitto]:
    """Yield a running broker."""
    broker = Mosquitto(folder, lines)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


class Listener:
    """A client that records every message, and publishes commands. It reconnects by itself."""

    def __init__(self, port: int) -> None:
        from paho.mqtt.client import CallbackAPIVersion, Client

        self.messages: list[tuple[str, bytes]] = []
        self._changed = Condition()
        self.subscriptions = 0
        """Number of times that it subscribed: once, and again after every outage."""
        self.client = Client(CallbackAPIVersion.VERSION2)
        self.client.reconnect_delay_set(0.05, 0.2)  # type: ignore[arg-type]
        self.client.on_message = self._record
        self.client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self.client.on_subscribe = lambda *_: self._note_subscription()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.wait(lambda: self.subscriptions)

    def _note_subscription(self) -> None:
        with self._changed:
            self.subscriptions += 1
            self._changed.notify_all()

    def _record(self, client: Any, data: Any, message: Any) -> None:
        with self._changed:
            self.messages.append((message.topic, bytes(message.payload)))
            self._changed.notify_all()

    def of(self, topic: str) -> list[bytes]:
        """Return all payloads of a topic."""
        return [payload for found, payload in list(self.messages) if found == topic]

    def last(self, topic: str) -> bytes | None:
        """Return the last payload of a topic."""
        return (self.of(topic) or [None])[-1]

    def wait(self, done: Callable[[], object], seconds: float = 120) -> None:
        """Wait until ``done`` returns something true."""
        with self._changed:
            deadline = time.monotonic() + seconds
            while not done():
                assert time.monotonic() < deadline, [topic for topic, _ in self.messages]
                self._changed.wait(0.05)

    def send(self, topic: str, payload: str | bytes, retain: bool = False) -> None:
        """Publish a message and wait until the broker has it."""
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(5)

    def close(self) -> None:
        """Disconnect."""
        self.client.disconnect()
        self.client.loop_stop()


@contextmanager
def listening(port: int) -> Iterator[Listener]:
    """Yield a listener."""
    made = Listener(port)
    try:
        yield made
    finally:
        made.close()


def retained(port: int, seconds: float = 0.5) -> dict[str, bytes]:
    """Return what a broker keeps."""
    with listening(port) as found:
        time.sleep(seconds)
        return {topic: payload for topic, payload in found.messages if payload}
