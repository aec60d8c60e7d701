"""Removes a camera from a broker and from Home Assistant: clears everything that the broker keeps of it."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

from edgevision.errors import UsageError
from edgevision.records import record

from .broker import read_broker
from .password import read_password
from .session import Session
from .topics import Topics

if TYPE_CHECKING:
    from ..config import OutputConfig

MAX_FOUND = 10_000
FORGET_S = 2.0
"""Time that Home Assistant has to delete the entities, which would complain about the empty messages that follow."""


@record
class Removed:
    """What was removed."""

    broker: str
    base: str
    topics: tuple[str, ...]


def remove_camera(config: OutputConfig, name: str) -> Removed:
    """Clear the retained messages of a camera. Raises EdgeVisionError; UsageError while the camera is online."""
    broker, settings = read_broker(config), config.settings
    topics = Topics(f"{broker.prefix}/{name}", name, settings.discovery_prefix)
    found: dict[str, bytes] = {}

    def collect(topic: str, payload: bytes, retained: bool) -> None:
        if retained and payload and len(found) < MAX_FOUND:
            found[topic] = payload[:16]

    session = Session(
        broker, settings, read_password(settings.password_file), f"edgevision-remove/{topics.base}", collect
    )
    with closing(session):
        session.connect()
        session.subscribe([topics.of("#"), topics.discovery])
        session.publish(topics.of("set"), b"", retain=True)  # its acknowledgment comes after the retained messages
        session.flush()
        if found.get(topics.availability) == b"online":
            raise UsageError(f"{name} is online on {broker.shown}, and would appear again; stop its loop first")
        if topics.discovery in found:
            session.publish(topics.discovery, b"", retain=True)
            session.flush()
            time.sleep(FORGET_S)
        for topic in found.keys() - {topics.discovery}:
            session.publish(topic, b"", retain=True)
        session.flush()
    return Removed(broker.shown, topics.base, tuple(sorted(found)))
