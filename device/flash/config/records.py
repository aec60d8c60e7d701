"""What one device becomes: its name, its user, its network, and how its loop runs; device.toml, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Security = Literal["wpa2", "wpa3", "open"]
Sudo = Literal["password", "nopasswd", "none"]


@dataclass(frozen=True, slots=True)
class User:
    """The one account that people log in with."""

    name: str
    ssh_keys: tuple[str, ...] = ()
    """Lines of authorized_keys."""
    password_hash: str | None = field(default=None, repr=False)
    """As crypt(5) writes it; None: nobody logs in with a password."""
    sudo: Sudo = "none"
    """Whether it may become root: with its password, without one, or never."""


@dataclass(frozen=True, slots=True)
class Wifi:
    """One wireless network."""

    ssid: bytes
    """1 to 32 bytes, of any kind."""
    security: Security = "wpa2"
    psk: str | None = field(default=None, repr=False)
    """64 hexadecimal digits: what WPA2 makes of the password."""
    passphrase: str | None = field(default=None, repr=False)
    """The password itself, for WPA3 alone, where the hash does not do."""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """Everything that differs from device to device. Its values were checked: ``device_file.read`` is the only door."""

    hostname: str
    user: User
    wifi: Wifi | None = None
    country: str | None = None
    """Two letters (ISO 3166-1); there whenever ``wifi`` is."""
    locale: str | None = None
    """As in de_DE.UTF-8."""
    keyboard: str | None = None
    """As in de."""
    timezone: str | None = None
    """As in Europe/Berlin."""
    run: Mapping[str, Any] = field(default_factory=dict)
    """Parameter of ``edgevision run`` -> value, as ``run_config.read`` has them; they win over those of the bundle."""
