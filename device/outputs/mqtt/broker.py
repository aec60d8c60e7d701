"""Address of an MQTT broker: the target of a spec, checked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from edgevision.errors import BadInput
from edgevision.records import record

if TYPE_CHECKING:
    from ..config import OutputConfig

PORTS = {"mqtt": 1883, "mqtts": 8883}
DEFAULT_PREFIX = "edgevision"
ADVICE = "use password_file, EDGEVISION_MQTT_PASSWORD or a systemd credential named mqtt_password"
_MAX_TOPIC = 200
_HOST = re.compile(r"[A-Za-z0-9._:%-]+")


@record
class Broker:
    """Where a broker is, and the first levels of our topics."""

    tls: bool
    host: str
    port: int
    user: str | None
    prefix: str

    @property
    def shown(self) -> str:
        """Host and port for display."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether the broker runs on this machine."""
        return self.host == "localhost" or self.host == "::1" or self.host.startswith("127.")


def read_broker(config: OutputConfig) -> Broker:
    """Return the address of ``mqtt://[USER@]HOST[:PORT][/PREFIX]``. Raises BadInput, which never shows a password."""
    kind, form = config.kind, f"{config.kind}://[USER@]HOST[:PORT][/PREFIX]"
    if not config.target.startswith("//"):
        raise BadInput(f"{kind}: expected {form}")
    authority = config.target[2:].partition("/")[0]
    if ":" in authority.rpartition("@")[0] or "@" in config.target[2 + len(authority) :]:
        raise BadInput(f"{kind}: a password must not be part of the address, where others can read it; {ADVICE}")
    try:
        parts = urlsplit(f"{kind}:{config.target}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise BadInput(f"{kind}: expected {form} with a port from 1 to 65535") from None
    if not host or not _HOST.fullmatch(host) or port == 0 or parts.query or parts.fragment:
        raise BadInput(f"{kind}: expected {form}")
    user = unquote(parts.username) if parts.username else None
    prefix = checked_topic(parts.path.strip("/") or DEFAULT_PREFIX, f"{kind}: the prefix")
    return Broker(kind == "mqtts", host, port or PORTS[kind], user, prefix)


def checked_topic(topic: str, what: str) -> str:
    """Return a topic that others can subscribe to. Raises BadInput; the message begins with ``what``."""
    wrong = not topic.isprintable() or any(letter in topic for letter in "+#") or topic.startswith("$")
    if wrong or not all(topic.split("/")) or len(topic.encode()) > _MAX_TOPIC:
        raise BadInput(
            f"{what} {topic!r:.80} is not a topic; use up to {_MAX_TOPIC} characters without + and #, "
            "with / between levels, and not $ at its start"
        )
    return topic
