"""A device's settings as device.json hands them to our first boot."""

from __future__ import annotations

from typing import Any

from ..config.records import DeviceConfig, User, Wifi


def system(config: DeviceConfig) -> dict[str, Any]:
    """Every setting that was made; a key that is not there leaves the system as it is.

    ``hostname``; ``user``: ``name``, ``password_hash`` (None: locked), ``ssh_keys``, ``sudo``; ``wifi``; ``country``,
    ``locale``, ``keyboard``, ``timezone``. Where there are keys, ssh is switched on; log-in by password over it is off.
    """
    found: dict[str, Any] = {"hostname": config.hostname, "user": user(config.user)}
    if config.wifi is not None:
        found["wifi"] = wifi(config.wifi)
    named = {name: getattr(config, name) for name in ("country", "locale", "keyboard", "timezone")}
    return found | {name: value for name, value in named.items() if value is not None}


def user(account: User) -> dict[str, Any]:
    """The one account, with ``ssh_keys`` as a list."""
    return {
        "name": account.name,
        "password_hash": account.password_hash,
        "ssh_keys": list(account.ssh_keys),
        "sudo": account.sudo,
    }


def wifi(network: Wifi) -> dict[str, Any]:
    """``ssid``: its 1 to 32 bytes in hexadecimal; ``security``: wpa2, wpa3 or open; ``psk``, ``passphrase``; ``hidden``."""
    return {
        "ssid": network.ssid.hex(),
        "security": network.security,
        "psk": network.psk,
        "passphrase": network.passphrase,
        "hidden": network.hidden,
    }
