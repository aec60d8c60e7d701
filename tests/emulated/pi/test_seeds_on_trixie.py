"""Tests of the Trixie files with cloud-init, netplan and NetworkManager of Debian 13, without booting a board."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from edgevision.device.flash.config.records import DeviceConfig, User, Wifi
from edgevision.device.flash.seeds import device_json
from edgevision.device.flash.seeds.registry import BACKENDS
from edgevision.device.installer.boot.secrets import MARK, blanked
from edgevision.device.installer.system.wifi import keyfile

from tools.emulation.pi_root import RECIPES

HERE = Path(__file__).resolve().parent
ROOT = RECIPES["trixie"].folder
QEMU = ["qemu-aarch64-static", "-L", str(ROOT)]
PSK = "0123456789abcdef" * 4
HASH = "$6$saltsalt$" + "aB3./" * 17 + "x"
KEY = 'ssh-ed25519 AAAAC3Nza me "at" Grüße 😀'
BARE = DeviceConfig("cam", User("edge", (KEY,)))
SSIDS = ("MyNet", "two words", "it's", "Grüße 😀", "𝄞", "on", "null", "123", "~", "#x: y", "- z", "{a}", "%d $HOME `x`")
SSIDS += ("x/y", "..", "a=b[c]", "*glob?", "password", "1;2;", 'say "hi"', "back\\slash", " lead", "a\tb")
WIFIS = {
    "wpa2": Wifi(b"", "wpa2", PSK),
    "wpa3": Wifi(b"", "wpa3", passphrase="it's #1: {a} %s $x", hidden=True),
    "open": Wifi(b"", "open"),
}
NETWORKS = {
    f"{kind}-{at}": replace(wifi, ssid=ssid.encode())
    for kind, wifi in WIFIS.items()
    for at, ssid in enumerate(SSIDS if kind == "wpa2" else SSIDS[:4])
}
USERS = {
    f"user-{sudo}-{'hash' if hashed else 'key'}": User("edge", (KEY,), hashed, sudo)
    for sudo in ("none", "password", "nopasswd")
    for hashed in (HASH, None)
}
CONFIGS = (
    {name: replace(BARE, wifi=wifi, country="DE") for name, wifi in NETWORKS.items()}
    | {name: replace(BARE, user=user) for name, user in USERS.items()}
    | {"whole": DeviceConfig("cam", USERS["user-password-hash"], None, "DE", "de_DE.UTF-8", "de", "Europe/Berlin")}
)
BLANKED = [*USERS, "wpa2-0", "wpa3-0"]


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder per configuration, and another one with its files blanked."""
    place = tmp_path_factory.mktemp("cases")
    for name, config in CONFIGS.items():
        files = BACKENDS["trixie"].seed(config, "root=PARTUUID=1-02 resize", "edgevision-1").files
        for suffix in ("", "-blank") if name in BLANKED else ("",):
            folder = place / f"{name}{suffix}"
            folder.mkdir()
            for file in ("user-data", "network-config"):
                (folder / file).write_bytes(blanked(file, files[file]) if suffix else files[file])
            (folder / "lib/netplan").mkdir(parents=True)
            manager = folder / "lib/netplan/00-network-manager-all.yaml"
            manager.write_text("network: {version: 2, renderer: NetworkManager}\n")
            manager.chmod(0o600)
    return place


@pytest.fixture(scope="module")
def read(cases: Path) -> dict[str, Any]:
    """Return case -> result of cloud-init and netplan."""
    names = sorted(str(path) for path in cases.iterdir())
    packages = {"PYTHONHOME": f"{ROOT}/usr", "PYTHONPATH": f"{ROOT}/usr/lib/python3/dist-packages"}
    command = [*QEMU, f"{ROOT}/usr/bin/python3.13", str(HERE / "seed_child.py"), *names]
    done = subprocess.run(command, env=os.environ | packages, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return {Path(name).name: one for name, one in json.loads(done.stdout.splitlines()[-1]).items()}


def of_netplan(folder: Path) -> str:
    """Return the NetworkManager keyfile that netplan generates; empty if there is none."""
    command = [*QEMU, f"{ROOT}/usr/libexec/netplan/generate", "--root-dir", str(folder)]
    subprocess.run(command, capture_output=True, timeout=120, check=True)
    found = sorted((folder / "run/NetworkManager/system-connections").glob("netplan-wlan0*"))
    return found[0].read_text(encoding="utf-8") if found else ""


def understood(text: str) -> dict[str, str]:
    """Return the settings of a keyfile as NetworkManager reads and rewrites them."""
    command = [*QEMU, f"{ROOT}/usr/bin/nmcli", "--offline", "connection", "modify", "connection.autoconnect", "yes"]
    done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=120, check=True)
    lines = done.stdout.decode().split("\n")
    return dict(line.split("=", 1) for line in lines if "=" in line)


def unescaped(value: str) -> str:
    """Decode the escapes of GKeyFile."""
    escapes = {"s": " ", "n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
    return re.sub(r"\\([sntr\\])", lambda match: escapes[match[1]], value)


def ssid_bytes(value: str) -> bytes:
    """Decode an SSID: a list of numbers, or text with escaped semicolons."""
    if re.fullmatch(r"(\d+;)+", value):
        return bytes(map(int, value.rstrip(";").split(";")))
    return unescaped(value).replace("\\;", ";").encode()


def test_all_cases_are_valid(read: dict[str, Any]) -> None:
    assert {name: one["wrong"] for name, one in read.items() if one["wrong"]} == {}
    assert len(read) == len(CONFIGS) + len(BLANKED)


@pytest.mark.parametrize("name", sorted(USERS))
def test_account_matches_the_settings(name: str, read: dict[str, Any]) -> None:
    wanted = USERS[name]
    ((user, found),) = read[name]["users"].items()
    assert user == "edge"
    assert found["ssh_authorized_keys"] == [KEY]
    assert found["sudo"] == ("ALL=(ALL) NOPASSWD:ALL" if wanted.sudo == "nopasswd" else None)
    assert ("sudo" in found["groups"].split(",")) is (wanted.sudo != "none")
    assert (found["lock_passwd"], found.get("hashed_passwd")) == (wanted.password_hash is None, wanted.password_hash)
    ((_, blank),) = read[f"{name}-blank"]["users"].items()
    assert blank == {key: value for key, value in found.items() if key != "hashed_passwd"}


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_networkmanager_reads_the_given_network(name: str, cases: Path, read: dict[str, Any]) -> None:
    wifi = NETWORKS[name]
    handed = BACKENDS["trixie"].seed(CONFIGS[name], "root=x resize", "edgevision-1").device.get("wifi")
    text = of_netplan(cases / name)
    assert (handed is None) == bool(text), "either netplan or our first boot, never both"
    for one in [text or keyfile(handed), keyfile(device_json.wifi(wifi))]:
        found = understood(one)
        assert ssid_bytes(found["ssid"]) == wifi.ssid
        assert found.get("key-mgmt") == {"wpa2": "wpa-psk", "wpa3": "sae", "open": None}[wifi.security]
        assert unescaped(found.get("psk", "")) == (wifi.psk or wifi.passphrase or "")
        assert found.get("hidden", "false") == str(wifi.hidden).lower()


@pytest.mark.parametrize("kind", ["wpa2", "wpa3"])
def test_blanked_network_keeps_its_security(kind: str, cases: Path, read: dict[str, Any]) -> None:
    found = understood(of_netplan(cases / f"{kind}-0-blank"))
    assert (found["psk"], ssid_bytes(found["ssid"]).decode()) == (MARK, SSIDS[0])
