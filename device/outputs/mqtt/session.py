"""One connection to a broker, with paho-mqtt. It never reconnects by itself: the worker of the output opens a new one."""

from __future__ import annotations

import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Condition
from typing import TYPE_CHECKING, Any

from edgevision.errors import BadInput, CannotWrite, first_line
from edgevision.log import Log

from ..protocol import Rejected

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage, MQTTMessageInfo

    from .broker import Broker
    from .settings import MqttSettings

log = Log("edgevision.outputs")
KEEPALIVE_S = 30
"""A broker takes us for lost after one and a half times this without a message."""
CONNECT_S = 5.0
ACK_S = 10.0
"""Longest wait for an acknowledgment."""
Handler = Callable[[str, bytes, bool], None]
"""Receives topic, payload and whether the message is retained; called on paho's thread."""


class Session:
    """Publishes with QoS 1 and waits for acknowledgments: what is not acknowledged counts as not delivered.

    A session is used once. Messages in flight end with it, and the queue of the output delivers their items again.
    """

    def __init__(
        self,
        broker: Broker,
        settings: MqttSettings,
        password: str | None,
        client_id: str,
        on_message: Handler = lambda topic, payload, retained: None,
        will: tuple[str, str] | None = None,
    ) -> None:
        """``will``: topic and payload that the broker publishes, retained, when it loses us. Raises BadInput."""
        from paho.mqtt.client import Client, MQTTv311
        from paho.mqtt.enums import CallbackAPIVersion

        self._broker, self._on_message = broker, on_message
        self._changed = Condition()
        self._connected = self._interrupted = False
        self._ended: str | None = None
        self._in_flight: deque[MQTTMessageInfo] = deque()
        # The broker replaces an older connection with the same name, so that its last will cannot come after our birth.
        self._client: Client = Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTv311, reconnect_on_failure=False
        )
        self._client.connect_timeout = CONNECT_S
        if broker.user is not None:
            self._client.username_pw_set(broker.user, password)
        if broker.tls:
            self._client.tls_set_context(_tls(settings))
            self._client.tls_insecure_set(settings.insecure)
        if will is not None:
            self._client.will_set(*will, qos=1, retain=True)
        self._client.on_connect = self._has_connected
        self._client.on_disconnect = self._has_disconnected
        self._client.on_publish = self._has_published
        self._client.on_message = self._has_message

    def connect(self) -> None:
        """Connect and wait until the broker accepts us. Raises CannotWrite."""
        try:
            self._client.connect(self._broker.host, self._broker.port, KEEPALIVE_S)
        except ssl.SSLCertVerificationError as error:
            why = f"the certificate of {self._broker.shown} is not accepted ({error.verify_message})"
            raise CannotWrite(f"{why}; give its certificate authority as ca_file") from None
        except ValueError as error:
            raise CannotWrite(f"cannot connect to {self._broker.shown}: {first_line(error)}") from None
        except OSError as error:
            why = str(error.strerror or first_line(error))
            raise CannotWrite(f"cannot connect to {self._broker.shown}: {why}") from None
        self._client.loop_start()
        self._wait(lambda: self._connected, CONNECT_S, "does not answer")

    def subscribe(self, topics: Sequence[str]) -> None:
        """Subscribe to topics; retained messages arrive before the next acknowledgment."""
        self._client.subscribe([(topic, 0) for topic in topics])

    def unsubscribe(self, topic: str) -> None:
        """End a subscription."""
        self._client.unsubscribe(topic)

    def publish(self, topic: str, payload: str | bytes, *, retain: bool) -> None:
        """Send a message with QoS 1; ``flush`` waits for its acknowledgment. Raises Rejected."""
        try:
            self._in_flight.append(self._client.publish(topic, payload, qos=1, retain=retain))
        except ValueError as error:
            raise Rejected(f"{topic}: {first_line(error)}") from None

    def flush(self, timeout_s: float = ACK_S) -> None:
        """Wait until the broker has acknowledged everything. Raises CannotWrite."""
        self._wait(self._all_acknowledged, timeout_s, "does not acknowledge")

    def interrupt(self) -> None:
        """End every wait."""
        with self._changed:
            self._interrupted = True
            self._changed.notify_all()

    def close(self) -> None:
        """Disconnect; does not raise."""
        with suppress(Exception):
            self._client.disconnect()
            self._client.loop_stop()

    def _all_acknowledged(self) -> bool:
        with suppress(RuntimeError, ValueError):  # raised for a message that could not be sent yet
            while self._in_flight and self._in_flight[0].is_published():
                self._in_flight.popleft()
        return not self._in_flight

    def _wait(self, done: Callable[[], bool], timeout_s: float, problem: str) -> None:
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not done():
                left = deadline - time.monotonic()
                if self._ended is not None:
                    raise CannotWrite(f"{self._broker.shown} {self._ended}")
                if left <= 0 or self._interrupted:
                    raise CannotWrite(f"{self._broker.shown} {problem}")
                self._changed.wait(left)

    def _has_connected(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        with self._changed:
            self._connected = not reason.is_failure
            if reason.is_failure:
                self._ended = f"refuses the connection: {reason}{_advice(str(reason), self._broker.user)}"
            self._changed.notify_all()

    def _has_disconnected(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        with self._changed:
            self._ended = self._ended or "closed the connection"
            self._changed.notify_all()

    def _has_published(self, client: Any, data: Any, number: int, reason: Any, properties: Any) -> None:
        with self._changed:
            self._changed.notify_all()

    def _has_message(self, client: Any, data: Any, message: MQTTMessage) -> None:
        try:
            self._on_message(message.topic, bytes(message.payload), bool(message.retain))
        except Exception as error:  # anything raised here would end paho's thread
            log.debug("message on %r ignored: %s", message.topic[:80], type(error).__name__)

    def require_connected(self) -> None:
        """Raise CannotWrite if the connection has ended."""
        if self._ended is not None:
            raise CannotWrite(f"{self._broker.shown} {self._ended}")


def _advice(reason: str, user: str | None) -> str:
    if "user name" not in reason.lower() and "authori" not in reason.lower():
        return ""
    return "; check the user and the password" if user else "; give a user (USER@HOST) and a password"


def _tls(settings: MqttSettings) -> ssl.SSLContext:
    """Return the TLS settings. Raises BadInput."""
    try:
        made = ssl.create_default_context(cafile=None if settings.ca_file is None else str(settings.ca_file))
    except OSError as error:
        raise BadInput(f"cannot read the certificate authority {settings.ca_file}: {first_line(error)}") from None
    if settings.cert_file is not None:
        try:
            made.load_cert_chain(settings.cert_file, settings.key_file, password="")
        except OSError as error:
            raise BadInput(f"cannot read the client certificate {settings.cert_file}: {first_line(error)}") from None
    if settings.insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made
