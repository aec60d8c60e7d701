"""Wi-Fi network as a NetworkManager keyfile (nm-settings-keyfile(5))."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any

from ..base.atomic_files import place
from ..base.checks import secret, table, text
from ..base.errors import Refused
from ..base.inside import inside

NAME = "edgevision"
FILE = Path(f"etc/NetworkManager/system-connections/{NAME}.nmconnection")
MODE = 0o600
"""NetworkManager ignores files that other users can read."""
_SSID = re.compile(r"(?:[0-9a-f]{2}){1,32}")
_PSK = re.compile(r"[0-9A-Fa-f]{64}")
_PASSPHRASE = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,128}")


def set_wifi(value: Any, root: Path) -> None:
    """Write or replace the keyfile. Raises Refused, OSError."""
    place(inside(root, FILE, follow=False), keyfile(table(value, "wifi")).encode(), MODE)


def keyfile(wifi: dict[str, Any]) -> str:
    """Return the text of the keyfile. Raises Refused."""
    ssid = bytes.fromhex(text(wifi.get("ssid"), _SSID, "SSID"))
    lines = [
        "[connection]",
        f"id={NAME}",
        f"uuid={uuid.uuid5(uuid.NAMESPACE_OID, ssid.hex())}",
        "type=wifi",
        "",
        "[wifi]",
        "mode=infrastructure",
        # As numbers, since text could be mistaken for numbers and has escapes.
        f"ssid={''.join(f'{byte};' for byte in ssid)}",
        f"hidden={'true' if wifi.get('hidden') is True else 'false'}",
        "",
        *_security(wifi),
        "[ipv4]",
        "method=auto",
        "",
        "[ipv6]",
        "addr-gen-mode=default",
        "method=auto",
    ]
    return "\n".join(lines) + "\n"


def _security(wifi: dict[str, Any]) -> list[str]:
    kind = wifi.get("security")
    if kind == "open":
        return []
    if kind == "wpa2":
        return ["[wifi-security]", "key-mgmt=wpa-psk", f"psk={secret(wifi.get('psk'), _PSK, 'PSK')}", ""]
    if kind == "wpa3":
        passphrase = secret(wifi.get("passphrase"), _PASSPHRASE, "passphrase")
        return ["[wifi-security]", "key-mgmt=sae", "pmf=3", f"psk={_escaped(passphrase)}", ""]
    raise Refused(f"invalid Wi-Fi security {kind!r:.60}: expected wpa2, wpa3 or open")


def _escaped(value: str) -> str:
    """Escape a string for GKeyFile, where a backslash starts an escape and leading blanks are skipped."""
    return value.replace("\\", "\\\\").replace(" ", "\\s")
