"""What a device.toml says, in lines for a person; of secrets only that they are there."""

from __future__ import annotations

from collections.abc import Iterator

from ...cameras.backends.network import shown
from ...cli.run import run as run_command
from ...loop import config_file
from .records import DeviceConfig, User, Wifi
from .ssh_keys import describe

SUDO = {
    "password": "with its password",
    "nopasswd": "without a password: whoever logs in may do all",
    "none": "never: nobody may change the system",
}
SECURITY = {"wpa2": "WPA2, or WPA3 beside it", "wpa3": "WPA3 alone", "open": "no password, nothing is encrypted"}


def rows(config: DeviceConfig) -> Iterator[tuple[str, str]]:
    """What, and how it is set."""
    yield "host name", config.hostname
    yield from _user(config.user)
    yield from _wifi(config.wifi)
    yield "country", config.country or _kept()
    yield "time zone", config.timezone or _kept()
    yield "locale", config.locale or _kept()
    yield "keyboard", config.keyboard or _kept()
    names = {parameter.name: key for key, parameter in config_file.keys(run_command).items()}
    for name, value in config.run.items():
        text = shown(str(value)) if name in config_file.PLACES else str(value)
        yield f"run {names[name]}", {"True": "true", "False": "false"}.get(text, text)


def holds_secret(config: DeviceConfig) -> bool:
    """Whether somebody who reads it learns what they should not."""
    urls = any("@" in str(config.run.get(name)) for name in config_file.PLACES)
    wifi = config.wifi is not None and config.wifi.security != "open"
    return urls or wifi or config.user.password_hash is not None


def _user(user: User) -> Iterator[tuple[str, str]]:
    yield "user", user.name
    for key in user.ssh_keys:
        yield "SSH key", describe(key)
    if not user.ssh_keys:
        yield "SSH key", "none: log-in at a screen only"
    yield "password", "none: log-in over SSH only" if user.password_hash is None else "set (its hash)"
    yield "becomes root", SUDO[user.sudo]


def _wifi(wifi: Wifi | None) -> Iterator[tuple[str, str]]:
    if wifi is None:
        yield "Wi-Fi", "none: a cable"
        return
    yield "Wi-Fi", wifi.ssid.decode() + (", which hides its name" if wifi.hidden else "")
    yield "its kind", SECURITY[wifi.security]
    if wifi.security != "open":
        yield "its password", "set" if wifi.psk is None else "set (its hash)"


def _kept() -> str:
    return "as the system has it"
