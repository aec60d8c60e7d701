"""Device settings in the format of device.json, which our first boot reads."""

from __future__ import annotations

from typing import Any

from ..config.records import DeviceConfig, User, Wifi


def system(config: DeviceConfig) -> dict[str, Any]:
    """Return all given settings; a missing key leaves the OS default.

    Keys: ``hostname``; ``user``: ``name``, ``password_hash`` (None: locked), ``ssh_keys``, ``sudo``; ``wifi``;
    ``country``, ``locale``, ``keyboard``, ``timezone``. With SSH keys, SSH is enabled, without password login.
    """
    found: dict[str, Any] = {"hostname": config.hostname, "user": user(config.user)}
    if config.wifi is not None:
        found["wifi"] = wifi(config.wifi)
    named = {name: getattr(config, name) for name in ("country", "locale", "keyboard", "timezone")}
    return found | {name: value for name, value in named.items() if value is not None}


def user(account: User) -> dict[str, Any]:
    """Return the account, with ``ssh_keys`` as a list."""
    return {
        "name": account.name,
        "password_hash": account.password_hash,
        "ssh_keys": list(account.ssh_keys),
        "sudo": account.sudo,
    }


def wifi(network: Wifi) -> dict[str, Any]:
    """Return the Wi-Fi network: ``ssid`` (1 to 32 bytes as hexadecimal digits), ``security`` (wpa2, wpa3 or open),
    ``psk``, ``passphrase`` and ``hidden``."""
    return {
        "ssid": network.ssid.hex(),
        "security": network.security,
        "psk": network.psk,
        "passphrase": network.passphrase,
        "hidden": network.hidden,
    }
