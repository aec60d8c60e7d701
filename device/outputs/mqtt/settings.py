"""Settings of an MQTT output."""

from __future__ import annotations

from pathlib import Path

from edgevision.records import record
from edgevision.settings import setting


@record(kw_only=True)
class MqttSettings:
    """Settings of an MQTT output besides its address."""

    password_file: Path | None = setting(None, "path", "File with the password on its first line.", metavar="FILE")
    ca_file: Path | None = setting(
        None,
        "path",
        "Certificate authority of the broker, in PEM form.",
        metavar="FILE",
        default_text="those of the system",
    )
    cert_file: Path | None = setting(None, "path", "Client certificate, in PEM form.", metavar="FILE")
    key_file: Path | None = setting(
        None, "path", "Key of the client certificate.", metavar="FILE", default_text="in the file of the certificate"
    )
    insecure: bool = setting(False, "flag", "Accept any certificate of the broker.")
    discovery: bool = setting(True, "flag", "Announce the camera to Home Assistant.")
    discovery_prefix: str = setting("homeassistant", "text", "Discovery prefix of Home Assistant.", metavar="TOPIC")
    area: str = setting("", "text", "Area that Home Assistant suggests for the camera.", metavar="AREA")
    max_labels: int = setting(
        20, "int", "Number of labels announced to Home Assistant, if labels does not choose them.", low=0, high=200
    )
