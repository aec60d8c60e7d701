"""Summary of a device.toml for the terminal; secrets are only shown as set."""

from __future__ import annotations

from collections.abc import Iterator

from edgevision.files.url_secrets import masked
from edgevision.settings import to_text

from ...loop import config_file
from ...loop.options import SETTINGS
from ...outputs.registry import find
from .records import DeviceConfig, User, Wifi
from .run_options import OUTPUTS
from .ssh_keys import describe

SUDO = {
    "password": "with its password",
    "nopasswd": "without a password: any login has full rights",
    "none": "never: nobody can change the system",
}
SECURITY = {"wpa2": "WPA2, or WPA2 and WPA3", "wpa3": "WPA3 only", "open": "no password, not encrypted"}


def rows(config: DeviceConfig) -> Iterator[tuple[str, str]]:
    """Yield the name and value of each setting."""
    yield "host name", config.hostname
    yield from _user(config.user)
    yield from _wifi(config.wifi)
    yield "country", config.country or _kept()
    yield "time zone", config.timezone or _kept()
    yield "locale", config.locale or _kept()
    yield "keyboard", config.keyboard or _kept()
    for one in config.run.get(OUTPUTS) or ():
        yield "output", find(one.kind).shown(one)
    for name, value in config.run.items():
        if name == OUTPUTS:
            continue
        text = to_text(SETTINGS[name], value)
        yield f"run {SETTINGS[name].key}", masked(text) if name in config_file.PLACES else text


def holds_secret(config: DeviceConfig) -> bool:
    """Return whether the file contains secrets."""
    urls = config_file.holds_secret(config.run)
    wifi = config.wifi is not None and config.wifi.security != "open"
    return urls or wifi or config.user.password_hash is not None


def _user(user: User) -> Iterator[tuple[str, str]]:
    yield "user", user.name
    for key in user.ssh_keys:
        yield "SSH key", describe(key)
    if not user.ssh_keys:
        yield "SSH key", "none (login at a screen only)"
    yield "password", "none (login over SSH only)" if user.password_hash is None else "set (hash)"
    yield "sudo", SUDO[user.sudo]


def _wifi(wifi: Wifi | None) -> Iterator[tuple[str, str]]:
    if wifi is None:
        yield "Wi-Fi", "none (network cable)"
        return
    yield "Wi-Fi", wifi.ssid.decode() + (" (hidden)" if wifi.hidden else "")
    yield "security", SECURITY[wifi.security]
    if wifi.security != "open":
        yield "Wi-Fi key", "set" if wifi.psk is None else "set (hash)"


def _kept() -> str:
    return "OS default"
