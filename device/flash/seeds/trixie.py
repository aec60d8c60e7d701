"""Raspberry Pi OS Trixie: cloud-init reads the device settings from three files on the boot partition."""

from __future__ import annotations

import re
from typing import Any

from edgevision.errors import BadInput

from ...installer.system import sudo
from ...installer.system.account import GROUPS
from ..config.records import DeviceConfig, User, Wifi
from . import cmdline as kernel_line
from . import device_json, yaml_text
from .protocol import Seed

USER_DATA, META_DATA, NETWORK_CONFIG = "user-data", "meta-data", "network-config"
_INSTANCE = re.compile(r"edgevision-[A-Za-z0-9._-]{1,53}")
_SOURCE = "ds="
_OURS = "ds=nocloud;i=edgevision-"
_MANGLED = frozenset('"\\;')


class Trixie:
    """cloud-init 25, NoCloud: ``user-data``, ``meta-data`` and ``network-config``.

    Formats: cloudinit/config/schemas, cloudinit/sources/DataSourceNoCloud.py and cloudinit/distros/__init__.py of
    canonical/cloud-init; the netplan reference for the network.
    """

    name = "trixie"

    def seed(self, config: DeviceConfig, cmdline: str, instance: str) -> Seed:
        """See ``Backend.seed``."""
        files = {
            USER_DATA: "#cloud-config\n" + yaml_text.dumps(user_data(config)),
            META_DATA: yaml_text.dumps({"instance-id": instance, "dsmode": "local"}),
            NETWORK_CONFIG: yaml_text.dumps(network_config(config)),
        }
        line = kernel_line.arm(_with_source(cmdline, instance), config.country)
        return Seed(line, {name: text.encode() for name, text in files.items()}, _left_over(config))


def user_data(config: DeviceConfig) -> dict[str, Any]:
    """Return host name, account, locale and time zone; no packages, which would need a network."""
    found: dict[str, Any] = {"hostname": config.hostname, "manage_etc_hosts": True}
    if config.timezone is not None:
        found["timezone"] = config.timezone
    if config.locale is not None:
        found["locale"] = config.locale
    if config.keyboard is not None:
        found["keyboard"] = {"layout": config.keyboard}
    commands = _commands(config.user)
    return found | {"ssh_pwauth": False, "user": _user(config.user)} | ({"runcmd": commands} if commands else {})


def network_config(config: DeviceConfig) -> dict[str, Any]:
    """Return the netplan configuration; it replaces the OS's file, so it includes Ethernet. Both are optional at boot."""
    network: dict[str, Any] = {"version": 2, "ethernets": {"eth0": {"dhcp4": True, "optional": True}}}
    if config.wifi is not None and _is_plain(config.wifi):
        wlan: dict[str, Any] = {"dhcp4": True, "optional": True}
        if config.country is not None:
            wlan["regulatory-domain"] = config.country
        wlan["access-points"] = {config.wifi.ssid.decode(): _access_point(config.wifi)}
        network["wifis"] = {"wlan0": wlan}
    return {"network": network}


def _user(user: User) -> dict[str, Any]:
    """Return the key ``user``, not ``users``, to replace the account that cloud-init would create by default.

    It uses ``hashed_passwd``, since ``passwd`` does not change an existing account, and ``sudo: null``, since without
    the key the rule of the OS image applies.
    """
    found: dict[str, Any] = {
        "name": user.name,
        "shell": "/bin/bash",
        "groups": ",".join(group for group in GROUPS if group != sudo.GROUP or user.sudo != "none"),
        "lock_passwd": user.password_hash is None,
    }
    if user.password_hash is not None:
        found["hashed_passwd"] = user.password_hash
    if user.ssh_keys:
        found["ssh_authorized_keys"] = list(user.ssh_keys)
    return found | {"sudo": "ALL=(ALL) NOPASSWD:ALL" if user.sudo == "nopasswd" else None}


def _commands(user: User) -> list[list[str]]:
    """Return the commands to run as root at the end; they revoke rights of an existing account before anybody can log in."""
    commands = []
    if user.sudo != "nopasswd":
        commands.append(["rm", "-f", f"/{sudo.SYSTEMS_OWN}"])
    if user.sudo == "none":
        commands.append(["sh", "-c", f'gpasswd --delete "$0" {sudo.GROUP} || true', user.name])
    if user.ssh_keys:
        commands.append(["systemctl", "enable", "--now", "ssh"])
    return commands


def _access_point(wifi: Wifi) -> dict[str, Any]:
    found: dict[str, Any] = {"hidden": True} if wifi.hidden else {}
    if wifi.security == "open":
        return found | {"auth": {"key-management": "none"}}
    if wifi.security == "wpa3":
        return found | {"auth": {"key-management": "sae", "password": wifi.passphrase}}
    return found | {"password": wifi.psk}


def _is_plain(wifi: Wifi) -> bool:
    """Return whether netplan and NetworkManager pass SSID and password on unchanged.

    netplan escapes unprintable characters (tested with 1.1.2 of Debian 13), and older versions also quotes and
    backslashes (canonical/netplan pull request 486); NetworkManager reads an SSID such as 1;2; as a list of bytes.
    """
    try:
        texts = (wifi.ssid.decode(), wifi.passphrase or "")
    except UnicodeDecodeError:
        return False
    return all(text.isprintable() and text == text.strip() and not _MANGLED & set(text) for text in texts)


def _left_over(config: DeviceConfig) -> dict[str, Any]:
    """Return the settings that cloud-init cannot apply: enabling the radio, and SSIDs that netplan would change."""
    found: dict[str, Any] = {}
    if config.wifi is not None and not _is_plain(config.wifi):
        found["wifi"] = device_json.wifi(config.wifi)
    return found | ({} if config.country is None else {"country": config.country})


def _with_source(cmdline: str, instance: str) -> str:
    """Return the line with the instance added, as Raspberry Pi Imager does since 2026.

    At later boots cloud-init then recognizes the instance and neither reads its files again nor resets the host name.
    Raises BadInput.
    """
    if not _INSTANCE.fullmatch(instance):
        raise BadInput(
            f"invalid instance {instance!r:.80}: use edgevision- with letters, digits, dots, hyphens or underscores, up to 64"
        )
    line = kernel_line.disarm(cmdline)
    for token in line.split():
        if token.startswith(_SOURCE) and not token.startswith(_OURS):
            raise kernel_line.prepared_already(token)
    return kernel_line.put(line, _SOURCE, f"nocloud;i={instance}")
