"""Interactive wizard for device.toml. Of passwords it keeps only a hash or psk; the password itself only for WPA3."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from edgevision.cli.terminal import say
from edgevision.errors import BadInput

from ..flash.config import passwords, wifi_key
from ..flash.config.host_defaults import Host, country
from ..flash.config.host_names import check_hostname, check_user
from ..flash.config.locale import check_country, check_keyboard, check_locale, check_timezone
from ..flash.config.records import DeviceConfig, Security, Sudo, User, Wifi
from ..flash.config.run_options import check_place
from ..flash.config.ssh_keys import describe, read_keys
from ..flash.config.table import SECURITY, SUDO
from .flash_prompts import ask, ask_hidden, choose, confirm

INTRODUCTION = (
    "Settings of one device. Press Enter to accept the value in brackets, or Ctrl-C to quit without writing anything."
)


def interview(host: Host) -> DeviceConfig:
    """Ask for all settings. Raises EOFError, KeyboardInterrupt."""
    say(INTRODUCTION)
    say()
    hostname = ask("Host name", lambda text: check_hostname(text.strip()), "edgevision")
    user = _user(host)
    say()
    timezone = ask("Time zone", lambda text: check_timezone(text.strip()), host.timezone())
    locale = ask("Language (locale)", lambda text: check_locale(text.strip()), host.locale())
    keyboard = ask("Keyboard layout", lambda text: check_keyboard(text.strip()), host.keyboard(locale))
    wifi = _wifi()
    where = None
    if wifi is not None:
        question = "Country (for the Wi-Fi radio)"
        where = ask(question, lambda text: check_country(text.strip()), country(timezone, locale))
    say()
    return DeviceConfig(hostname, user, wifi, where, locale, keyboard, timezone, _camera())


def _user(host: Host) -> User:
    """Ask for the account, which must be able to log in."""
    name = ask("User name", lambda text: check_user(text.strip()), host.user())
    say()
    keys = _ssh_keys(host)
    say("The password is for login at a screen and for sudo; SSH accepts keys only.")
    question = "Password, or Enter for none" if keys else "Password"
    hashed = ask_hidden(question, passwords.hash_password, optional=bool(keys))
    choices = {word: meaning for word, meaning in SUDO.items() if hashed is not None or word != "password"}
    say()
    say(f"May {name} become root (sudo)?")
    # Without a password neither answer is a safe default.
    sudo = choose("sudo rule", choices, "" if hashed is None else "password")
    return User(name, keys, hashed, cast(Sudo, sudo))


def _ssh_keys(host: Host) -> tuple[str, ...]:
    """Ask for SSH keys: some of those found here, or those of a file."""
    found = host.ssh_keys()
    listed = list(found)
    for number, key in enumerate(listed, 1):
        say(f"  {number}  {describe(key)}  ({found[key]})")
    if not listed:
        say("No SSH key found in ~/.ssh; create one with: ssh-keygen -t ed25519")
        return ask(
            "Path of a .pub file to allow login, or Enter for none", lambda text: _chosen(text or "none", listed)
        )
    return ask(
        "Keys that may log in (numbers, all, none, or the path of a .pub file)",
        lambda text: _chosen(text, listed),
        "all",
    )


def _chosen(text: str, listed: list[str]) -> tuple[str, ...]:
    """Return the keys that an answer selects. Raises BadInput."""
    answer = text.strip()
    if answer.lower() in ("all", "none"):
        return tuple(listed) if answer.lower() == "all" else ()
    words = answer.replace(",", " ").split()
    if words and all(word.isdecimal() for word in words):
        if not all(1 <= int(word) <= len(listed) for word in words):
            raise BadInput(f"choose numbers from 1 to {len(listed)}" if listed else "there are no keys to choose from")
        return tuple(dict.fromkeys(listed[int(word) - 1] for word in words))
    try:
        return read_keys(Path(answer).expanduser())
    except RuntimeError:
        raise BadInput("home folder not found; use an absolute path") from None


def _wifi() -> Wifi | None:
    """Ask for the Wi-Fi network; None if there is none."""
    say()
    name = ask(
        "Wi-Fi network, or Enter for none (network cable)", lambda text: wifi_key.check_ssid(text) if text else b""
    )
    if not name:
        return None
    hidden = confirm("Is the network hidden?", False)
    security = cast(Security, choose("Wi-Fi security", SECURITY, "wpa2"))
    if security == "open":
        return Wifi(name, security, hidden=hidden)
    password = ask_hidden("Wi-Fi password", wifi_key.check_password)
    assert password is not None, "only an optional answer may be empty"
    if security == "wpa3":
        return Wifi(name, security, passphrase=password, hidden=hidden)
    return Wifi(name, security, wifi_key.derive_psk(password, name), hidden=hidden)


def _camera() -> dict[str, Any]:
    """Ask for loop options that differ from the bundle's."""

    def check(text: str) -> str:
        return check_place("camera", text.strip()) if text.strip() else ""

    spec = ask("Camera, as for edgevision run --camera, or Enter for the bundle's", check)
    return {"camera": spec} if spec else {}
