"""Writing device.toml: every key with what it is for, those that are not given as comments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from edgevision.files.toml import literal

from ...cli.run import run as run_command
from ...loop import config_file
from . import run_options
from .records import DeviceConfig

HEADER = """\
# One device, for edgevision flash image --config. Keep it to yourself: whoever reads it may join the network, and may try
# passwords against the hash. What a line means in full: docs/guides/device-toml.md
"""
ABOUT: dict[str, dict[str, tuple[str, str]]] = {
    # section -> key -> what it is for, an example
    "device": {
        "hostname": ("What the device is called in the network (NAME.local): letters, digits and -.", '"cam-1"'),
        "timezone": ("", '"Europe/Berlin"'),
        "locale": ("", '"de_DE.UTF-8"'),
        "keyboard": ("Layout, for a keyboard plugged in some day.", '"de"'),
    },
    "user": {
        "name": ("The one account to log in with; not root.", '"edge"'),
        "ssh_keys": ("Who may log in over SSH: lines of .pub files.", '["ssh-ed25519 AAAA... me@laptop"]'),
        "ssh_key_files": ("The same from files, seen from this one.", '["~/.ssh/id_ed25519.pub"]'),
        "password_hash": ("For the login at a screen and for sudo; openssl passwd -6 makes one.", '"$6$..."'),
        "sudo": ("Becoming root: password (needs a password_hash), nopasswd (whoever logs in may), none.", '"none"'),
    },
    "wifi": {
        "ssid": ("The network's name.", '"My network"'),
        "password": (
            "Its password, 8 to 63 characters; only WPA3 needs it, else only its hash goes on the card.",
            '"..."',
        ),
        "psk": ("That hash, 64 hexadecimal digits, instead of the password.", '"..."'),
        "security": ("wpa2 (also where WPA3 may be used, too), wpa3 (nothing else), open.", '"wpa2"'),
        "hidden": ("Whether the network does not tell its name.", "true"),
        "country": ("Where the device is: which channels its radio may use.", '"DE"'),
    },
}


def dumps(config: DeviceConfig | None) -> str:
    """The text of a file that ``device_file`` reads as this; None: one to be filled in."""
    given = {} if config is None else _given(config)
    lines = [HEADER]
    for section, keys in ABOUT.items():
        lines.append(f"[{section}]")
        for key, (text, example) in keys.items():
            value = given.get((section, key))
            lines += [f"# {text}"] if text else []
            lines.append(f"# {key} = {example}" if value is None else f"{key} = {_written(value)}")
        lines.append("")
    options = {} if config is None else config.run
    for section in run_options.SECTIONS:
        lines.append(f"[{section}]  # options of edgevision run; they win over those of the bundle")
        lines += [_option(key, options) for key in run_options.known()[section]]
    return "\n".join(lines)


def _given(config: DeviceConfig) -> dict[tuple[str, str], Any]:
    """Section and key -> value; None: not in the file."""
    user, wifi = config.user, config.wifi
    found: dict[tuple[str, str], Any] = {
        ("device", key): getattr(config, key) for key in ("hostname", "timezone", "locale", "keyboard")
    }
    found |= {("user", key): getattr(user, key) for key in ("name", "password_hash", "sudo")}
    found |= {("user", "ssh_keys"): user.ssh_keys or None, ("wifi", "country"): config.country}
    if wifi is not None:
        found |= {
            ("wifi", "ssid"): wifi.ssid.decode(),
            ("wifi", "password"): wifi.passphrase,
            ("wifi", "psk"): wifi.psk,
            ("wifi", "security"): wifi.security,
            ("wifi", "hidden"): wifi.hidden or None,
        }
    return found


def _written(value: bool | str | Sequence[str]) -> str:
    """A list has a line for each."""
    if isinstance(value, bool | str):
        return literal(value)
    return "[\n" + "".join(f"  {literal(one)},\n" for one in value) + "]"


def _option(key: str, options: Any) -> str:
    parameter = config_file.keys(run_command)[key]
    value = options.get(parameter.name)
    return config_file.entry(key, parameter, str(value) if isinstance(value, PurePath) else value)
