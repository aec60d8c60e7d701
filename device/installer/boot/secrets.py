"""Files of the boot partition that hold secrets, and how to remove the secrets from them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from ..base import strict_json

MARK = "blanked after first boot"
"""Replacement for a network's password. The key stays, since a network without a password would be an open one."""
_HASH = re.compile(rb'^( *)hashed_passwd: ".*"$', re.MULTILINE)
_PASSWORD = re.compile(rb'^( *password: )".*"$', re.MULTILINE)


def blanked(name: str, data: bytes) -> bytes:
    """Return ``data`` without its secrets, unchanged if it has none; ``name``: one of SECRET_FILES."""
    return _BLANK[name](data)


def _device_json(data: bytes) -> bytes:
    """Remove the settings; once applied, they are not needed again."""
    try:
        value = strict_json.loads(data)
    except ValueError:
        value = None
    if isinstance(value, dict) and value.get("system") is None:
        return data
    known = value if isinstance(value, dict) else {}
    return (json.dumps(known | {"system": None}, indent=1) + "\n").encode()


def _user_data(data: bytes) -> bytes:
    return _HASH.sub(rb"\1# hashed_passwd: " + MARK.encode(), data)


def _network_config(data: bytes) -> bytes:
    return _PASSWORD.sub(rb'\1"' + MARK.encode() + b'"', data)


_BLANK: dict[str, Callable[[bytes], bytes]] = {
    "edgevision/device.json": _device_json,
    "user-data": _user_data,
    "network-config": _network_config,
}
SECRET_FILES = tuple(_BLANK)
"""Paths on the boot partition of the files that hold secrets."""
