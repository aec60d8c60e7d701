"""``/metrics`` of the page: what ``--to metrics:`` serves, where its library is installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from ..outputs.item import Item
from ..outputs.metrics.output import Address, Metrics

if TYPE_CHECKING:
    from ..outputs.protocol import Context
    from ..stream.events import Event
    from .live import Shot

KIND = "text/plain; version=0.0.4; charset=utf-8"


def is_available() -> bool:
    """Return whether the library is installed."""
    return find_spec("prometheus_client") is not None


class PageMetrics:
    """Counts events as they happen; scores are those of the newest frame at the time of a scrape."""

    def __init__(self, context: Context) -> None:
        self._metrics = Metrics(Address("", 0), context)  # never started: the page serves its text

    def event(self, event: Event) -> None:
        """Count an event."""
        self._metrics.deliver(Item("event", event.time, event=event))

    def text(self, newest: Shot | None) -> bytes:
        """Return the metrics in the text format of Prometheus."""
        if newest is not None:
            self._metrics.deliver(Item("frame", "", newest.shared))
        return self._metrics.text()
