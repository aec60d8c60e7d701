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
from uuid import uuid4

import pytest
from ports import free_port


def program(name: str) -> str:
    """Return the path of a program of the package mosquitto; skip the test without it."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip("not installed: mosquitto (Debian: apt install)")
    return found


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
            self._process.wait()
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
        self.kept: dict[str, bytes] = {}
        """What the broker kept, as it sent it for the subscription: topic -> payload."""
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
            if message.retain:
                self.kept[message.topic] = bytes(message.payload)
            self._changed.notify_all()

    def of(self, topic: str) -> list[bytes]:
        """Return all payloads of a topic."""
        return [payload for found, payload in list(self.messages) if found == topic]

    def last(self, topic: str) -> bytes | None:
        """Return the last payload of a topic."""
        return (self.of(topic) or [None])[-1]

    def saw(self, topic: str, *payloads: bytes) -> bool:
        """Return whether these payloads of a topic came in this order, whatever came between and after them.

        To wait for a state that does not last, ask for this: the last message may be the next one already.
        """
        found = iter(self.of(topic))
        return all(payload in found for payload in payloads)

    def wait(self, done: Callable[[], object], seconds: float = 120) -> None:
        """Wait until ``done`` returns something true."""
        with self._changed:
            deadline = time.monotonic() + seconds
            while not done():
                assert time.monotonic() < deadline, [topic for topic, _ in self.messages]
                self._changed.wait(0.05)

    def send(self, topic: str, payload: str | bytes, retain: bool = False) -> None:
        """Publish a message and wait until the broker has it."""
        sent = self.client.publish(topic, payload, qos=1, retain=retain)
        sent.wait_for_publish(120)
        assert sent.is_published(), topic

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


def retained(port: int) -> dict[str, bytes]:
    """Return what a broker keeps."""
    end = f"tests/{uuid4().hex}"
    with listening(port) as found:
        found.send(end, "the end")  # it comes after what the broker sends for the subscription
        found.wait(lambda: found.last(end))
        return {topic: payload for topic, payload in found.kept.items() if payload}
