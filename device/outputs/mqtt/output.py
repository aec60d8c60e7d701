"""The MQTT output: what is published when, and what commands do."""

from __future__ import annotations

import json
from contextlib import suppress
from threading import Event as Flag
from typing import TYPE_CHECKING, Any

from edgevision.errors import BadInput
from edgevision.files import strict_json
from edgevision.log import Log

from ...sinks.jsonl import dump
from ..delivery_filter import DeliveryFilter
from ..protocol import Output
from .command_log import CommandLog
from .commands import BadCommand, Command, parse_command
from .count_topics import CountTopics
from .discovery import discovery_payload, shown_name, with_removals
from .image_topics import ImageTopics
from .label_states import LabelStates
from .password import read_password
from .session import Session
from .status import StatusReport
from .topics import Slugs, Topics

if TYPE_CHECKING:
    from ...stream.events import Event
    from ..config import OutputConfig
    from ..item import Item
    from ..protocol import Context
    from ..shared_frame import SharedFrame
    from .broker import Broker

log = Log("edgevision.outputs")
STATE_S = 1.0
"""Shortest interval of the state, of the scores and of images, in seconds."""
GOODBYE_S = 1.0
MAX_DISCOVERY = 1_000_000
"""Longest former discovery payload that is read (bytes)."""


class MqttOutput(Output):
    """Publishes one camera. An item is delivered when the broker has acknowledged all that was published for it."""

    newest_frame = True
    images = True

    def __init__(self, config: OutputConfig, broker: Broker, context: Context) -> None:
        self._settings, self._broker, self._context = config.settings, broker, context
        self.topics = Topics(f"{broker.prefix}/{context.name}", context.name, config.settings.discovery_prefix)
        chosen = DeliveryFilter(config.delivery, self.takes)
        self._frames, self._events = chosen.frames, chosen.events
        names = config.delivery.labels
        self._seen = not names and config.delivery.threshold is None
        """Whether the state also shows frames with nothing to see; a filter holds them back."""
        announced = names or context.card.labels[: config.settings.max_labels]
        self._labels = LabelStates(Slugs([*context.card.labels, *names]), announced, frozenset(names))
        self._counts = CountTopics(context.counts)
        self._status = StatusReport(context)
        self._session: Session | None = None
        self._starting = False
        self._former: bytes | None = None
        self._latest: SharedFrame | None = None
        """The last frame, for the state and for snapshots."""
        self._image_topics = ImageTopics(tracking=context.counts is not None and self._events)
        self._state_due = False
        self._state_at = self._scores_at = self._counts_at = self._image_at = float("-inf")
        # One log each: a flood of wrong commands must not hide those that are carried out.
        self._obeyed, self._refused = CommandLog(context.clock), CommandLog(context.clock)
        self._announce, self._come_back, self._snapshot = Flag(), Flag(), Flag()

    def start(self) -> None:
        """Connect, and publish everything that the broker holds. Raises EdgeVisionError."""
        self._drop_session()
        self._former, self._starting = None, True
        session = self._session = Session(
            self._broker,
            self._settings,
            read_password(self._settings.password_file),
            client_id(self.topics),
            self._received,
            (self.topics.availability, "offline"),
        )
        session.connect()
        held = self.topics.of("label", "+", "present")
        session.subscribe([held, self.topics.availability, self.topics.commands])
        if self._settings.discovery:
            session.subscribe([self.topics.discovery, self.topics.birth])
        session.publish(self.topics.availability, "online", retain=True)
        session.flush()
        session.unsubscribe(held)
        session.unsubscribe(self.topics.discovery)
        self._starting = False
        self._labels.expire()
        self._counts.expire()
        self._status.expire()
        self._state_due = self._latest is not None
        self._image_topics.expire()
        if self._settings.discovery:
            self._announce.set()
        self._publish_due()
        log.info("mqtt: connected to %s as %s", self._broker.shown, self.topics.base)

    def deliver(self, item: Item) -> None:
        """Publish an item. Raises CannotWrite if the broker did not acknowledge it."""
        if item.event is not None:
            self._event(item, item.event)
        elif item.kind == "frame" and item.frame is not None:
            self._latest, self._state_due = item.frame, True
            self._status.camera_connected = True
            self._labels.frame(item.frame.prediction)
            self._take_snapshot()
        elif item.kind == "status":
            self._status.expire()
        self._publish_due()

    def idle(self) -> None:
        """Publish what is due. Raises CannotWrite."""
        assert self._session is not None
        self._session.require_connected()
        self._take_snapshot()
        self._publish_due()

    def interrupt(self) -> None:
        """End a wait for the broker."""
        if (session := self._session) is not None:
            session.interrupt()

    def close(self) -> None:
        """Say goodbye: otherwise the broker does it, by the last will."""
        session = self._session
        if session is None:
            return
        with suppress(Exception):
            session.require_connected()
            self._publish_counts(session)
            self._publish_labels(session, scores=False)
            session.publish(self.topics.availability, "offline", retain=True)
            session.flush(GOODBYE_S)
        self._drop_session()

    def _drop_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _event(self, item: Item, event: Event) -> None:
        assert self._session is not None
        if event.kind in ("camera_lost", "camera_back"):
            self._status.camera_connected = event.kind == "camera_back"
        self._labels.event(event)
        self._image_topics.event(item)
        self._session.publish(self.topics.of("event"), dump(item.record()), retain=False)

    def _take_snapshot(self) -> None:
        if self._snapshot.is_set():
            self._snapshot.clear()
            if self._latest is None:
                log.info("mqtt: no snapshot: there is no frame yet")
            self._image_topics.snapshot(self._latest)
            self._image_at = float("-inf")

    def _publish_due(self) -> None:
        """Publish what changed and is due, and wait until the broker has it."""
        session, now = self._session, self._context.clock.monotonic()
        assert session is not None
        if self._come_back.is_set():  # somebody, such as our own former last will, said that we are offline
            self._come_back.clear()
            session.publish(self.topics.availability, "online", retain=True)
        if self._announce.is_set():
            self._announce.clear()
            self._publish_discovery(session)
        if self._status.is_due():
            session.publish(self.topics.of("status"), dump(self._status.make()), retain=True)
        if self._state_due and self._latest is not None and now - self._state_at >= STATE_S:
            session.publish(self.topics.of("state"), dump(self._latest.record()), retain=True)
            self._state_at, self._state_due = now, False
        if self._image_topics.is_due and now - self._image_at >= STATE_S:
            self._image_topics.publish(session, self.topics)
            self._image_at = now
        if now - self._counts_at >= STATE_S:
            self._publish_counts(session)
            self._counts_at = now
        scores = now - self._scores_at >= STATE_S
        self._publish_labels(session, scores=scores)
        self._scores_at = now if scores else self._scores_at

    def _publish_counts(self, session: Session) -> None:
        if self._counts.look() and self._settings.discovery:
            self._announce.set()
        changes = self._counts.changes()
        if not changes:
            return
        for levels, payload in changes.items():
            session.publish(self.topics.of(*levels), payload, retain=True)
        session.flush()
        self._counts.published(changes)

    def _publish_labels(self, session: Session, *, scores: bool) -> None:
        changes = self._labels.changes(scores=scores)
        for slug, level, payload in changes:
            session.publish(self.topics.of("label", slug, level), payload, retain=True)
        session.flush()
        self._labels.published(changes)
        self._image_topics.confirm()

    def _publish_discovery(self, session: Session) -> None:
        payload = discovery_payload(
            self.topics,
            self._context.card.name,
            self._settings.area,
            self._labels.announced,
            frames=self._frames,
            events=self._events,
            seen=self._seen,
            tracking=self._image_topics.tracking,
            lines=self._counts.lines,
            zones=self._counts.zones,
            drift=self._context.drift() is not None,
            release=self._context.release() is not None,
        )
        former, self._former = self._former, None
        if former is not None and (removal := with_removals(payload, _json(former))) is not None:
            session.publish(self.topics.discovery, json.dumps(removal), retain=True)
        session.publish(self.topics.discovery, json.dumps(payload), retain=True)

    def _received(self, topic: str, payload: bytes, retained: bool) -> None:
        """Handle a message, on paho's thread: nothing here waits or publishes."""
        if topic == self.topics.discovery:
            self._former = payload if retained and len(payload) <= MAX_DISCOVERY else self._former
        elif topic == self.topics.availability:
            if payload == b"offline" and not self._starting:
                self._come_back.set()
        elif topic == self.topics.birth:
            if payload == b"online" and not retained:
                self._announce.set()
        elif topic.startswith(self.topics.of("label") + "/"):
            if retained and payload == b"ON" and self._starting:
                self._labels.found_present(topic.split("/")[-2])
        else:
            self._command(topic.rpartition("/")[2], payload, retained)

    def _command(self, name: str, payload: bytes, retained: bool) -> None:
        try:
            command = parse_command(name, payload, retained)
        except BadCommand as error:
            self._refused.note(f"ignored {shown_name(str(error))}")
            return
        self._carry_out(command)

    def _carry_out(self, command: Command) -> None:
        self._obeyed.note(command.kind if command.value is None else f"{command.kind} {command.value}")
        if command.kind == "pause":
            self._context.control.paused = bool(command.value)
        elif command.kind == "threshold":
            self._context.control.set_threshold(float(command.value or 0))
        else:
            self._snapshot.set()


def client_id(topics: Topics) -> str:
    """Return the name of our connection: the broker allows one connection with it at a time."""
    return "edgevision/" + topics.base


def _json(payload: bytes) -> Any:
    try:
        return strict_json.loads(payload, "the payload", max_bytes=MAX_DISCOVERY)
    except BadInput:
        return None
