"""Read device.toml; errors are one line with file and line number and never contain a secret."""

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

WANTED = "a device.toml (create one with: edgevision flash config)"
KEYS = {section: tuple(keys) for section, keys in ABOUT.items()}
REFUSED = {
    ("user", "password"): "a plain password must not be stored in a file; use password_hash, which edgevision flash "
    f"config or {passwords.HOW} creates",
} | {(section, key): why for section in run_options.SECTIONS for key, why in run_options.REFUSED.items()}
"""Section and key that users may expect -> why it is not allowed."""


def known() -> dict[str, tuple[str, ...]]:
    """Return section -> its keys."""
    return KEYS | run_options.known()


def read(path: Path) -> DeviceConfig:
    """Read and validate the settings of one device. Raises MissingFile, BadInput with file and line."""
    return from_toml(toml.read(path, WANTED))


def from_toml(file: TomlFile) -> DeviceConfig:
    """Validate the settings of a parsed file. Raises BadInput."""
    check_keys(file, known(), REFUSED, run_options.former())
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
    """Return the account, which must be able to log in. Raises BadInput."""
    name = section.need("name", section.text("name", check_user), '"edge"')
    folder = section.file.path.parent

    def of_file(text: str) -> tuple[str, ...]:
        path = Path(text)
        try:
            path = path.expanduser()
        except RuntimeError:
            raise BadInput(f"{text!r}: home folder not found; use an absolute path") from None
        return read_keys(folder / path)

    lines = section.texts("ssh_keys", check_key)
    for of_one in section.texts("ssh_key_files", of_file):
        lines += of_one
    hashed = section.text("password_hash", passwords.check_hash)
    if not lines and hashed is None:
        section.fault(
            "nobody could log in; set ssh_keys, ssh_key_files (such as ['~/.ssh/id_ed25519.pub']) or password_hash"
        )
    sudo = section.one_of("sudo", get_args(Sudo)) or ("none" if hashed is None else "password")
    if sudo == "password" and hashed is None:
        section.fault(
            "sudo = 'password' needs a password_hash; without one, use 'nopasswd' (any login has full rights) or 'none'",
            "sudo",
        )
    return User(name, tuple(dict.fromkeys(lines)), hashed, cast(Sudo, sudo))


def _wifi(section: Section) -> Wifi | None:
    """Return the Wi-Fi network; None if there is no ssid. Raises BadInput."""
    ssid = section.text("ssid", wifi_key.check_ssid)
    password = section.text("password", wifi_key.check_password)
    psk = section.text("psk", wifi_key.check_psk)
    security = cast(Security, section.one_of("security", get_args(Security)) or "wpa2")
    hidden = section.flag("hidden")
    if ssid is None:
        for key in ("password", "psk", "security", "hidden"):
            if section.has(key):
                section.fault(f"{key} is set, but the network's name is missing; add ssid", key)
        return None
    if not section.has("country"):
        section.fault("Wi-Fi needs a country, or the radio stays off; add, for example, country = 'DE'", "ssid")
    _check_secrets(section, security)
    if password is None:
        return Wifi(ssid, security, psk, None, hidden)
    if security == "wpa3":
        return Wifi(ssid, security, None, password, hidden)
    return Wifi(ssid, security, wifi_key.derive_psk(password, ssid), None, hidden)


def _check_secrets(section: Section, security: Security) -> None:
    """Check that password or psk is set as the security requires. Raises BadInput."""
    given = [key for key in ("password", "psk") if section.has(key)]
    if security == "open":
        if given:
            section.fault(f"an open network has no {given[0]}; remove it, or set security = 'wpa2'", given[0])
    elif len(given) == 2:
        section.fault("both password and psk are set; keep only one of them", "psk")
    elif not given:
        section.fault("the network's password is missing; add it or, for an open network, security = 'open'", "ssid")
    elif security == "wpa3" and given == ["psk"]:
        section.fault("WPA3 needs the password, not a psk; use password =", "psk")
