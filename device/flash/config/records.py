"""Settings of one device from device.toml: host name, account, network and loop options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Security = Literal["wpa2", "wpa3", "open"]
Sudo = Literal["password", "nopasswd", "none"]


@dataclass(frozen=True, slots=True)
class User:
    """The login account."""

    name: str
    ssh_keys: tuple[str, ...] = ()
    """Lines of authorized_keys."""
    password_hash: str | None = field(default=None, repr=False)
    """crypt(5) hash; None: no login with a password."""
    sudo: Sudo = "none"
    """Whether the account may become root: with its password, without one, or never."""


@dataclass(frozen=True, slots=True)
class Wifi:
    """A Wi-Fi network."""

    ssid: bytes
    """1 to 32 arbitrary bytes."""
    security: Security = "wpa2"
    psk: str | None = field(default=None, repr=False)
    """64 hexadecimal digits that WPA2 derives from the password."""
    passphrase: str | None = field(default=None, repr=False)
    """The password itself; for WPA3 only, which cannot use the psk."""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """All settings that differ between devices; validated, since they are only created by reading device.toml."""

    hostname: str
    user: User
    wifi: Wifi | None = None
    country: str | None = None
    """ISO 3166-1 code; always set if ``wifi`` is."""
    locale: str | None = None
    """Such as de_DE.UTF-8."""
    keyboard: str | None = None
    """Such as de."""
    timezone: str | None = None
    """Such as Europe/Berlin."""
    run: Mapping[str, Any] = field(default_factory=dict)
    """Parameter of ``edgevision run`` -> value; they override those of the bundle."""
