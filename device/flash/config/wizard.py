"""The dialogue that ends in a device.toml. Of passwords it keeps what has to be kept: a hash, a psk; for WPA3 alone itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from edgevision.errors import BadInput

from . import passwords, wifi_key
from .host_defaults import Host, country
from .host_names import check_hostname, check_user
from .locale import check_country, check_keyboard, check_locale, check_timezone
from .prompts import ask, ask_hidden, choose, confirm, say
from .records import DeviceConfig, Security, Sudo, User, Wifi
from .run_options import check_place
from .ssh_keys import describe, read_keys
from .table import SECURITY, SUDO

INTRODUCTION = (
    "The settings of one device. Enter takes what stands in brackets; Ctrl-C ends this, and nothing is written."
)


def interview(host: Host) -> DeviceConfig:
    """Asks for everything. Raises EOFError, KeyboardInterrupt."""
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
        question = "Country that the device is in, for its radio"
        where = ask(question, lambda text: check_country(text.strip()), country(timezone, locale))
    say()
    return DeviceConfig(hostname, user, wifi, where, locale, keyboard, timezone, _camera())


def _user(host: Host) -> User:
    """Somebody who can log in."""
    name = ask("User name", lambda text: check_user(text.strip()), host.user())
    say()
    keys = _ssh_keys(host)
    say("A password is for the login at a screen and for sudo; over the network SSH takes keys alone.")
    question = "Password; none: just Enter" if keys else "Password"
    hashed = ask_hidden(question, passwords.hash_password, optional=bool(keys))
    choices = {word: meaning for word, meaning in SUDO.items() if hashed is not None or word != "password"}
    say()
    say(f"How may {name} become root (sudo)?")
    # Without a password neither answer is one that should be given by default.
    sudo = choose("As root", choices, "" if hashed is None else "password")
    return User(name, keys, hashed, cast(Sudo, sudo))


def _ssh_keys(host: Host) -> tuple[str, ...]:
    """Lines of authorized_keys: some of those found here, or those of a file."""
    found = host.ssh_keys()
    listed = list(found)
    for number, key in enumerate(listed, 1):
        say(f"  {number}  {describe(key)}  ({found[key]})")
    if not listed:
        say("There is no SSH key in ~/.ssh; ssh-keygen -t ed25519 makes one.")
        return ask(
            "A .pub file whose owner may log in (none: just Enter)", lambda text: _chosen(text or "none", listed)
        )
    return ask("Who may log in: numbers, all, none, or another .pub file", lambda text: _chosen(text, listed), "all")


def _chosen(text: str, listed: list[str]) -> tuple[str, ...]:
    """What an answer means. Raises BadInput."""
    answer = text.strip()
    if answer.lower() in ("all", "none"):
        return tuple(listed) if answer.lower() == "all" else ()
    words = answer.replace(",", " ").split()
    if words and all(word.isdecimal() for word in words):
        if not all(1 <= int(word) <= len(listed) for word in words):
            raise BadInput(f"there are the numbers 1 to {len(listed)}" if listed else "there is no list to choose from")
        return tuple(dict.fromkeys(listed[int(word) - 1] for word in words))
    try:
        return read_keys(Path(answer).expanduser())
    except RuntimeError:
        raise BadInput("there is no such home; write the whole path") from None


def _wifi() -> Wifi | None:
    """None where there is none."""
    say()
    name = ask("Wi-Fi network; none, only a cable: just Enter", lambda text: wifi_key.check_ssid(text) if text else b"")
    if not name:
        return None
    hidden = confirm("Does it hide its name?", False)
    security = cast(Security, choose("Its kind", SECURITY, "wpa2"))
    if security == "open":
        return Wifi(name, security, hidden=hidden)
    password = ask_hidden("Its password", wifi_key.check_password)
    assert password is not None, "only an optional one may be left out"
    if security == "wpa3":
        return Wifi(name, security, passphrase=password, hidden=hidden)
    return Wifi(name, security, wifi_key.derive_psk(password, name), hidden=hidden)


def _camera() -> dict[str, Any]:
    """Options of the loop that differ from the bundle's."""

    def check(text: str) -> str:
        return check_place("camera", text.strip()) if text.strip() else ""

    spec = ask("Camera, as for edgevision run --camera; as the bundle has it: just Enter", check)
    return {"camera": spec} if spec else {}
