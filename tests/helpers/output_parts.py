"""Parts for tests of outputs: a context, frames, items and an output that records items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag

import numpy as np
from edgevision.device.outputs.counts import Counts
from edgevision.device.outputs.item import Item
from edgevision.device.outputs.protocol import Context, Output
from edgevision.device.outputs.shared_frame import SharedFrame
from edgevision.device.stream.control import LoopControl
from edgevision.device.stream.events import Event
from edgevision.device.system.clock import SYSTEM, Clock
from edgevision.device.telemetry.run_stats import RunStats
from edgevision.device.tracking.shapes import CountLine, Shapes, Zone

from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import Frame, Label, Prediction

CARD = ModelCard(name="tests", task="classification", preprocessing=Preprocessing(32, 32), labels=("cat", "dog"))


def context(clock: Clock = SYSTEM, card: ModelCard = CARD, counts: Counts | None = None) -> Context:
    """Return the context of a run named ``cam``."""
    return context_of(RunStats(clock), clock, card, counts)


def context_of(stats: RunStats, clock: Clock = SYSTEM, card: ModelCard = CARD, counts: Counts | None = None) -> Context:
    """Return the context of a run with these statistics."""
    return Context(
        name="cam",
        card=card,
        source="test:",
        snapshot=stats.snapshot,
        control=LoopControl(),
        counts=counts,
        clock=clock,
        stages=lambda: dict(stats.stages),
        release=stats.release,
    )


def frame(index: int = 0, captured_at: float | None = None) -> Frame:
    """Return a small gray frame."""
    return Frame(np.full((24, 32, 3), 128, np.uint8), "RGB", index, captured_at, "test:")


def prediction(*scores: float, names: tuple[str, ...] = ("cat", "dog")) -> Prediction:
    """Return a classification with these scores, best first."""
    labels = [Label(n, name, score) for n, (name, score) in enumerate(zip(names, scores, strict=False))]
    return Prediction("classification", tuple(sorted(labels, key=lambda label: -label.score)))


def event(kind: str = "entered", name: str = "cat", score: float = 0.9, index: int = 0) -> Event:
    """Return an event of a label."""
    return Event(kind, "2026-01-31T12:00:00.000Z", index, f"{name} {score:.2f}", Label(0, name, score))


def counts(path: Path | None = None, clock: Clock = SYSTEM, line: str = "door", zone: str = "yard") -> Counts:
    """Return the counts of two lines, of which one is the gate, and a zone."""
    lines = (CountLine((0.5, 0.0), (0.5, 1.0), line), CountLine((0.0, 0.5), (1.0, 0.5), "gate"))
    shapes = Shapes(lines, (Zone(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)), zone),))
    return Counts(path, lambda: shapes, clock)


def crossing(line: str = "door", direction: str = "forward", track: int = 1) -> Event:
    """Return the event of a cat that crosses a line."""
    return replace(event("crossed"), track=track, line=line, direction=direction)


def in_zone(kind: str, zone: str = "yard", track: int = 1, name: str = "cat", duration_s: float | None = None) -> Event:
    """Return the event of something that enters or leaves a zone."""
    return replace(event(kind, name), track=track, zone=zone, duration_s=duration_s)


def event_item(*args: object, **named: object) -> Item:
    """Return an item with such an event and the frame it happened in."""
    made = event(*args, **named)  # type: ignore[arg-type]
    return Item("event", made.time, SharedFrame(frame(made.index or 0), prediction(0.9, 0.1), 0), event=made)


def frame_item(index: int = 0) -> Item:
    """Return an item with a frame."""
    return Item("frame", "2026-01-31T12:00:00.000Z", SharedFrame(frame(index), prediction(0.9, 0.1), 0))


class Recorder(Output):
    """Keeps what is delivered; ``failure`` is called for every item and may raise or block."""

    def __init__(self, failure: Callable[[Item], object] = lambda item: None) -> None:
        self.items: list[Item] = []
        self.starts = 0
        self.closed = Flag()
        self.interrupted = Flag()
        self.failure = failure

    def start(self) -> None:
        """Count the connection."""
        self.starts += 1

    def deliver(self, item: Item) -> None:
        """Keep an item, unless ``failure`` raises."""
        self.failure(item)
        self.items.append(item)

    def interrupt(self) -> None:
        """Remember that the end was asked for."""
        self.interrupted.set()

    def close(self) -> None:
        """Remember the end."""
        self.closed.set()
