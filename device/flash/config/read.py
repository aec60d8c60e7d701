"""Reading device.toml. Whatever is wrong ends in one line with file and line number, and no line holds a secret."""

from __future__ import annotations

from pathlib import Path
from typing import cast, get_args

from edgevision.errors import BadInput
from edgevision.files import toml
from edgevision.files.toml import TomlFile

from . import passwords, run_options, wifi_key
from .host_names import check_hostname, check_user
from .locale import check_country, check_keyboard, check_locale, check_timezone
from .records import DeviceConfig, Security, Sudo, User, Wifi
from .section import Section, check_keys
from .ssh_keys import check_key, read_keys
from .write import ABOUT

WANTED = "a device.toml, as edgevision flash config writes it"
KEYS = {section: tuple(keys) for section, keys in ABOUT.items()}
REFUSED = {
    ("user", "password"): "a password itself does not belong into a file; write password_hash, as edgevision flash "
    f"config does or {passwords.HOW} prints it",
} | {(section, key): why for section in run_options.SECTIONS for key, why in run_options.REFUSED.items()}
"""What people may expect, and why it is not so."""


def known() -> dict[str, tuple[str, ...]]:
    """Section -> its keys."""
    return KEYS | run_options.known()


def read(path: Path) -> DeviceConfig:
    """The settings of one device, all checked. Raises MissingFile, BadInput with file and line."""
    return from_toml(toml.read(path, WANTED))


def from_toml(file: TomlFile) -> DeviceConfig:
    """The same of a text that was read already. Raises BadInput."""
    check_keys(file, known(), REFUSED)
    device = Section(file, "device")
    hostname = device.text("hostname", check_hostname)
    wifi = Section(file, "wifi")
    return DeviceConfig(
        hostname=device.need("hostname", hostname, '"cam-1"'),
        user=_user(Section(file, "user")),
        wifi=_wifi(wifi),
        country=wifi.text("country", check_country),
        locale=device.text("locale", check_locale),
        keyboard=device.text("keyboard", check_keyboard),
        timezone=device.text("timezone", check_timezone),
        run=run_options.read_options(file),
    )


def _user(section: Section) -> User:
    """Somebody who can log in. Raises BadInput."""
    name = section.need("name", section.text("name", check_user), '"edge"')
    folder = section.file.path.parent

    def of_file(text: str) -> tuple[str, ...]:
        path = Path(text)
        try:
            path = path.expanduser()
        except RuntimeError:
            raise BadInput(f"{text!r}: there is no such home; write the whole path") from None
        return read_keys(folder / path)

    lines = section.texts("ssh_keys", check_key)
    for of_one in section.texts("ssh_key_files", of_file):
        lines += of_one
    hashed = section.text("password_hash", passwords.check_hash)
    if not lines and hashed is None:
        section.fault(
            "nobody could log in; give ssh_keys, ssh_key_files (such as ['~/.ssh/id_ed25519.pub']) or password_hash"
        )
    sudo = section.one_of("sudo", get_args(Sudo)) or ("none" if hashed is None else "password")
    if sudo == "password" and hashed is None:
        section.fault(
            "sudo = 'password' needs a password_hash; without one it is 'nopasswd' (who logs in may do all) or 'none'",
            "sudo",
        )
    return User(name, tuple(dict.fromkeys(lines)), hashed, cast(Sudo, sudo))


def _wifi(section: Section) -> Wifi | None:
    """None where no network is named. Raises BadInput."""
    ssid = section.text("ssid", wifi_key.check_ssid)
    password = section.text("password", wifi_key.check_password)
    psk = section.text("psk", wifi_key.check_psk)
    security = cast(Security, section.one_of("security", get_args(Security)) or "wpa2")
    hidden = section.flag("hidden")
    if ssid is None:
        for key in ("password", "psk", "security", "hidden"):
            if section.has(key):
                section.fault(f"{key} without a network; write ssid, its name", key)
        return None
    if not section.has("country"):
        section.fault("Wi-Fi needs country: without it the radio stays off; write, for one, country = 'DE'", "ssid")
    _check_secrets(section, security)
    if password is None:
        return Wifi(ssid, security, psk, None, hidden)
    if security == "wpa3":
        return Wifi(ssid, security, None, password, hidden)
    return Wifi(ssid, security, wifi_key.derive_psk(password, ssid), None, hidden)


def _check_secrets(section: Section, security: Security) -> None:
    """Exactly what the kind of network takes. Raises BadInput."""
    given = [key for key in ("password", "psk") if section.has(key)]
    if security == "open":
        if given:
            section.fault(f"an open network has no {given[0]}; take it out, or write security = 'wpa2'", given[0])
    elif len(given) == 2:
        section.fault("give password or psk, not both", "psk")
    elif not given:
        section.fault("the network's password is missing; where it has none, write security = 'open'", "ssid")
    elif security == "wpa3" and given == ["psk"]:
        section.fault("WPA3 works with the password itself and with no psk; write password =", "psk")
