"""The output ``metrics``: counts what happens and serves it on a port."""

from __future__ import annotations

import re
from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING

from edgevision.errors import BadInput, CannotWrite
from edgevision.records import record

from ..kind import Kind, Needs
from ..protocol import Output
from .label_table import LabelTable
from .text_server import PLAIN, TextServer, is_loopback

if TYPE_CHECKING:
    from ..config import OutputConfig
    from ..item import Item
    from ..protocol import Context

LOOPBACK = "127.0.0.1"
TYPE = "text/plain; version=0.0.4; charset=utf-8"
KEEP_S = 1.0
"""Seconds for which an answer is used again: many scrapes cost no more than one."""
_ADDRESS = re.compile(r"(?:(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+):)?(\d{1,5})", re.ASCII)


@record
class Address:
    """An address to listen on."""

    host: str
    port: int


class Metrics(Output):
    """Serves ``/metrics`` and ``/healthz`` from its start to its end."""

    takes = "all"
    newest_frame = True

    def __init__(self, address: Address, context: Context) -> None:
        self._address, self._context = address, context
        self._lock = Lock()
        self._labels = LabelTable()
        self._events: Counter[str] = Counter()
        self._camera = True
        self._server: TextServer | None = None
        self._made: tuple[float, bytes] | None = None

    @property
    def port(self) -> int | None:
        """The port; None while it does not serve."""
        return None if self._server is None else self._server.port

    def start(self) -> None:
        """Listen. Raises CannotWrite, as for a port in use."""
        self.close()
        pages = {"/metrics": (TYPE, self.text), "/healthz": (PLAIN, lambda: b"ok\n")}
        self._server = TextServer(self._address.host, self._address.port, pages)

    def deliver(self, item: Item) -> None:
        """Count one item."""
        with self._lock:
            if item.event is not None:
                self._event(item)
            elif item.kind == "frame" and item.frame is not None:
                from edgevision.postprocessing.temporal import evidence

                self._camera = True
                self._labels.frame({label.name: label.score for label in evidence(item.frame.prediction).values()})

    def idle(self) -> None:
        """Notice the end of the server. Raises CannotWrite."""
        if self._server is not None and not self._server.running:
            raise CannotWrite("the server of the metrics ended; it is started again")

    def close(self) -> None:
        """Stop serving."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _event(self, item: Item) -> None:
        event = item.event
        assert event is not None
        self._events[event.kind] += 1
        if event.kind == "camera_lost":
            self._camera = False
            self._labels.all_left()
        elif event.kind == "camera_back":
            self._camera = True
        if event.track is not None:
            return
        if event.before is not None:
            self._labels.left(event.before.name)
        if event.label is not None and event.kind == "left":
            self._labels.left(event.label.name)
        elif event.label is not None:
            self._labels.entered(event.label.name)

    def text(self) -> bytes:
        """Return the metrics in the text format of Prometheus; called on a thread of a server."""
        from .metric_families import text

        with self._lock:
            now = self._context.clock.monotonic()
            if self._made is None or now - self._made[0] >= KEEP_S:
                self._made = now, text(self._context, self._labels, self._events, self._camera)
            return self._made[1]


def address(target: str) -> Address:
    """Return the address of ``[HOST:]PORT``. Raises BadInput."""
    found = _ADDRESS.fullmatch(target)
    if found is None or not 1 <= int(found[2]) <= 65535:
        raise BadInput(f"metrics: expected PORT or HOST:PORT, such as 9100 or [::1]:9100, got {target!r:.200}")
    return Address((found[1] or LOOPBACK).strip("[]"), int(found[2]))


def _check(config: OutputConfig) -> OutputConfig:
    address(config.target)
    return config


def _needs(config: OutputConfig) -> Needs:
    where = address(config.target)
    local = is_loopback(where.host)
    return Needs(loopback=local, network=not local, listens=((where.host, where.port),))


def _probe(config: OutputConfig) -> str:
    """Return that the port is free. Raises CannotWrite."""
    where = address(config.target)
    TextServer(where.host, where.port, {}).close()
    return f"port {where.port} of {where.host} is free"


KIND = Kind(
    lambda config, context: Metrics(address(config.target), context),
    check=_check,
    needs=_needs,
    probe=_probe,
    libraries={"prometheus_client": "metrics"},
)
