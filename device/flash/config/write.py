"""Write device.toml with an explanation of every key; unset keys are commented out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgevision.files.toml import literal
from edgevision.settings import Setting

from ...loop import config_file
from ...outputs.parse import to_table
from . import run_options
from .records import DeviceConfig

if TYPE_CHECKING:
    from ...outputs.config import OutputConfig

HEADER = """\
# Settings of one device, for edgevision flash image --config. Keep this file private: it may give access to the Wi-Fi,
# and the password could be guessed from its hash. Full description: docs/guides/device-toml.md
"""
ABOUT: dict[str, dict[str, tuple[str, str]]] = {
    # section -> key -> explanation, example
    "device": {
        "hostname": ("Name in the network (NAME.local): letters, digits and inner hyphens.", '"cam-1"'),
        "timezone": ("", '"Europe/Berlin"'),
        "locale": ("", '"de_DE.UTF-8"'),
        "keyboard": ("Layout of an attached keyboard.", '"de"'),
    },
    "user": {
        "name": ("Login account; not root.", '"edge"'),
        "ssh_keys": ("Keys that may log in over SSH: lines of .pub files.", '["ssh-ed25519 AAAA... me@laptop"]'),
        "ssh_key_files": ("Files with such keys, relative to this file.", '["~/.ssh/id_ed25519.pub"]'),
        "password_hash": ("For login at a screen and for sudo; create it with openssl passwd -6.", '"$6$..."'),
        "sudo": (
            "Becoming root: password (needs a password_hash), nopasswd (any login has full rights), none.",
            '"none"',
        ),
    },
    "wifi": {
        "ssid": ("Name of the network.", '"My network"'),
        "password": (
            "Password, 8 to 63 characters. Only for WPA3 is it stored on the SD card; otherwise only its hash is.",
            '"..."',
        ),
        "psk": ("The hash, 64 hexadecimal digits, instead of the password.", '"..."'),
        "security": ("wpa2 (also for WPA2 and WPA3), wpa3 (WPA3 only), open.", '"wpa2"'),
        "hidden": ("Whether the network hides its name.", "true"),
        "country": ("Country of the device, which decides the allowed radio channels.", '"DE"'),
    },
}


def dumps(config: DeviceConfig | None) -> str:
    """Return the text of a device.toml with these settings; None: a template to fill in."""
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
        lines.append(f"[{section}]  # options of edgevision run; they override those of the bundle")
        lines += [_option(setting, options) for setting in run_options.SECTIONS[section]]
    lines += ["", *_outputs(options.get(run_options.OUTPUTS) or ())]
    return "\n".join(lines)


def _outputs(configs: Sequence[OutputConfig]) -> Iterator[str]:
    """Yield the lines of [[outputs]]; they replace those of the bundle."""
    yield "# Outputs of the loop, each in a table of its own; they replace those of the bundle (docs/guides/outputs.md)."
    if not configs:
        yield "# [[outputs]]"
        yield '# spec = "metrics:9100"'
    for one in configs:
        yield "[[outputs]]"
        for key, value in to_table(one).items():
            yield f"{key} = {literal(value)}"
        yield ""


def _given(config: DeviceConfig) -> dict[tuple[str, str], Any]:
    """Return section and key -> value; None: not in the file."""
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
    """Return a TOML value; a list has one item a line."""
    if isinstance(value, bool | str):
        return literal(value)
    return "[\n" + "".join(f"  {literal(one)},\n" for one in value) + "]"


def _option(setting: Setting, options: Mapping[str, Any]) -> str:
    return config_file.entry(setting, options.get(setting.name))
