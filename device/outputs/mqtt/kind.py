"""The kinds ``mqtt`` and ``mqtts``: checks of the configuration, and what they need."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from edgevision.errors import BadInput

from ..kind import Kind, Needs
from .broker import checked_topic, read_broker
from .settings import MqttSettings

if TYPE_CHECKING:
    from ..config import OutputConfig
    from ..protocol import Context
    from .output import MqttOutput


def _check(config: OutputConfig) -> OutputConfig:
    """Return the configuration with a checked address. Raises BadInput."""
    broker, chosen = read_broker(config), config.settings
    of_tls = {"ca_file": chosen.ca_file, "cert_file": chosen.cert_file, "insecure": chosen.insecure or None}
    given = [name for name, value in of_tls.items() if value is not None]
    if given and not broker.tls:
        raise BadInput(f"mqtt: {given[0]} needs an encrypted connection; write mqtts:// instead of mqtt://")
    if chosen.key_file is not None and chosen.cert_file is None:
        raise BadInput("mqtts: key_file needs cert_file")
    if chosen.password_file is not None and broker.user is None:
        raise BadInput(f"{config.kind}: password_file needs a user: {config.kind}://USER@HOST")
    checked_topic(chosen.discovery_prefix, f"{config.kind}: discovery_prefix")
    return config


def _open(config: OutputConfig, context: Context) -> MqttOutput:
    from .output import MqttOutput

    return MqttOutput(config, read_broker(config), context)


def _probe(config: OutputConfig) -> str:
    """Connect once, without publishing anything. Raises EdgeVisionError."""
    from contextlib import closing

    from .password import read_password
    from .session import Session

    broker, settings = read_broker(config), config.settings
    session = Session(broker, settings, read_password(settings.password_file), f"edgevision-doctor-{os.getpid()}")
    with closing(session):
        session.connect()
    return f"{broker.shown} accepts the connection" + ("" if broker.user is None else f" of {broker.user}")


def _needs(config: OutputConfig) -> Needs:
    from .password import CREDENTIAL

    broker = read_broker(config)
    wants_password = broker.user is not None and config.settings.password_file is None
    return Needs(
        network=not broker.is_local, loopback=broker.is_local, credential=CREDENTIAL if wants_password else None
    )


KIND = Kind(_open, settings=MqttSettings, check=_check, needs=_needs, probe=_probe, libraries={"paho": "mqtt"})
