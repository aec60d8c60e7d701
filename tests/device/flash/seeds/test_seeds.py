"""Tests of the first-boot configuration of each OS: golden files, and hostile values that are kept verbatim."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from edgevision.device.flash.config.records import DeviceConfig, User, Wifi
from edgevision.device.flash.seeds.cmdline import disarm, is_armed
from edgevision.device.flash.seeds.registry import BACKENDS, Seed
from edgevision.device.flash.seeds.yaml_text import dumps, quoted
from edgevision.device.installer.boot.secrets import MARK, SECRET_FILES, blanked
from hypothesis import given
from hypothesis import strategies as st

from edgevision.errors import BadInput

LINE = "console=serial0,115200 console=tty1 root=PARTUUID=4e639091-02 rootfstype=ext4 rootwait resize\n"
INSTANCE = "edgevision-0123456789ab"
PSK = "0123456789abcdef" * 4
HASH = "$6$saltsalt$" + "aB3./" * 17 + "x"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPlainlyNoRealKey me@desk"
WHOLE = DeviceConfig(
    hostname="shelfcam-07",
    user=User("edge", (KEY,), HASH, "password"),
    wifi=Wifi(b"MyNet", "wpa2", PSK),
    country="DE",
    locale="de_DE.UTF-8",
    keyboard="de",
    timezone="Europe/Berlin",
)
BARE = DeviceConfig("cam", User("edge", (KEY,)))
USER_DATA = f"""\
#cloud-config
hostname: "shelfcam-07"
manage_etc_hosts: true
timezone: "Europe/Berlin"
locale: "de_DE.UTF-8"
keyboard:
  layout: "de"
ssh_pwauth: false
user:
  name: "edge"
  shell: "/bin/bash"
  groups: "adm,dialout,cdrom,sudo,audio,video,plugdev,games,users,input,render,netdev,gpio,i2c,spi"
  lock_passwd: false
  hashed_passwd: "{HASH}"
  ssh_authorized_keys:
    - "{KEY}"
  sudo: null
runcmd:
  - ["rm", "-f", "/etc/sudoers.d/010_pi-nopasswd"]
  - ["systemctl", "enable", "--now", "ssh"]
"""
META_DATA = """\
instance-id: "edgevision-0123456789ab"
dsmode: "local"
"""
NETWORK_CONFIG = f"""\
network:
  version: 2
  ethernets:
    eth0:
      dhcp4: true
      optional: true
  wifis:
    wlan0:
      dhcp4: true
      optional: true
      regulatory-domain: "DE"
      access-points:
        "MyNet":
          password: "{PSK}"
"""
SYSTEM = {
    "hostname": "shelfcam-07",
    "user": {"name": "edge", "password_hash": HASH, "ssh_keys": [KEY], "sudo": "password"},
    "wifi": {"ssid": "4d794e6574", "security": "wpa2", "psk": PSK, "passphrase": None, "hidden": False},
    "country": "DE",
    "locale": "de_DE.UTF-8",
    "keyboard": "de",
    "timezone": "Europe/Berlin",
}
# Values that may break out of YAML, shells, NetworkManager keyfiles or lines.
HOSTILE = (
    "a\nb: c", 'x", y: "z', "it's", "$(reboot)", "`id`", "%s%n", "\\n\\", "#cloud-config", "- a", "? b", "!!python/x",
    "&a *a", "{a: [b]}", "yes", "null", "~", "1e3", "0x1F", "1;2;3;", " lead", "trail ", "a\x85b", "a\u2028b\u2029",
    "\ufeff", "\x7f", "\x1b[31m", "\ud7ff\ue000\ufffd\uffff", "Grüße", "Кафе", "日本", "😀👩‍💻", "𝄞", "\x00", "---", "...",
    "## template: jinja\n{{ x }}", "<<", "=", "password", "hashed_passwd", '  hashed_passwd: "x"', "access-points",
)  # fmt: skip
TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
PRINTABLE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=20)
ASCII = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=8, max_size=63)
SSIDS = st.one_of(
    st.sampled_from([text.encode()[:32] for text in HOSTILE]),
    PRINTABLE.map(lambda text: text.encode()[:32]),
    st.binary(min_size=1, max_size=32),
)
WIFIS = st.one_of(
    st.builds(Wifi, SSIDS, st.just("wpa2"), st.just(PSK), st.none(), st.booleans()),
    st.builds(Wifi, SSIDS, st.just("wpa3"), st.none(), ASCII, st.booleans()),
    st.builds(Wifi, SSIDS, st.just("open"), st.none(), st.none(), st.booleans()),
)
CONFIGS = st.builds(
    DeviceConfig,
    hostname=TEXTS,
    user=st.builds(
        User, TEXTS, st.lists(TEXTS, max_size=3).map(tuple), st.none() | TEXTS,
        st.sampled_from(["none", "password", "nopasswd"]),
    ),
    wifi=st.none() | WIFIS,
    country=st.just("DE"),
    locale=st.none() | TEXTS,
    keyboard=st.none() | TEXTS,
    timezone=st.none() | TEXTS,
)  # fmt: skip


def seed(system: str, config: DeviceConfig, line: str = LINE, instance: str = INSTANCE) -> Seed:
    return BACKENDS[system].seed(config, line, instance)


def parsed(found: Seed, name: str) -> Any:
    text = found.files[name].decode("ascii")
    if hasattr(yaml, "CSafeLoader"):  # libyaml, which netplan also uses
        assert yaml.load(text, yaml.CSafeLoader) == yaml.safe_load(text)
    return yaml.safe_load(text)


# -------------------------------------------------------------------------------------------------------- golden files


def test_trixie_gets_cloud_init_files() -> None:
    found = seed("trixie", WHOLE)
    assert {name: data.decode() for name, data in found.files.items()} == {
        "user-data": USER_DATA, "meta-data": META_DATA, "network-config": NETWORK_CONFIG
    }  # fmt: skip
    assert found.device == {"country": "DE"}, "cloud-init cannot enable the radio"
    assert found.cmdline == (
        f"{LINE.strip()} ds=nocloud;i={INSTANCE} cfg80211.ieee80211_regdom=DE "
        "systemd.run=/boot/firmware/edgevision/firstrun.sh systemd.run_success_action=reboot "
        "systemd.run_failure_action=reboot systemd.unit=kernel-command-line.target"
    )


def test_bookworm_leaves_all_settings_to_our_first_boot() -> None:
    found = seed("bookworm", WHOLE)
    assert (found.files, found.device) == ({}, SYSTEM)
    assert "ds=" not in found.cmdline
    assert found.cmdline.startswith(f"{LINE.strip()} cfg80211.ieee80211_regdom=DE systemd.run=")


def test_unset_settings_keep_the_os_defaults() -> None:
    assert seed("bookworm", BARE).device == {
        "hostname": "cam", "user": {"name": "edge", "password_hash": None, "ssh_keys": [KEY], "sudo": "none"}
    }  # fmt: skip
    found = seed("trixie", BARE)
    assert found.device == {}
    assert parsed(found, "user-data").keys() == {"hostname", "manage_etc_hosts", "ssh_pwauth", "user", "runcmd"}
    assert parsed(found, "network-config")["network"].keys() == {"version", "ethernets"}, (
        "Ethernet must stay configured"
    )
    assert "regdom" not in found.cmdline


@pytest.mark.parametrize("name", ["bookworm", "trixie"])
def test_back_ends_are_registered_by_name(name: str) -> None:
    assert BACKENDS[name].name == name
    assert is_armed(seed(name, BARE).cmdline)


# ------------------------------------------------------------------------------------------------------------- account


@pytest.mark.parametrize(("sudo", "rule", "member"), [
    ("none", None, False), ("password", None, True), ("nopasswd", "ALL=(ALL) NOPASSWD:ALL", True)
])  # fmt: skip
def test_trixie_sets_the_sudo_rule(sudo: Any, rule: str | None, member: bool) -> None:
    data = parsed(seed("trixie", DeviceConfig("cam", User("edge", (KEY,), HASH, sudo))), "user-data")
    assert data["user"]["sudo"] == rule
    assert ("sudo" in data["user"]["groups"].split(",")) is member
    commands = data["runcmd"]
    assert (["rm", "-f", "/etc/sudoers.d/010_pi-nopasswd"] in commands) is (sudo != "nopasswd")
    assert any("gpasswd" in " ".join(command) for command in commands) is (sudo == "none")
    assert commands[-1] == ["systemctl", "enable", "--now", "ssh"], "SSH must be enabled last"


def test_trixie_disables_ssh_password_login() -> None:
    for user in (User("edge", (KEY,)), User("edge", (), HASH)):
        data = parsed(seed("trixie", DeviceConfig("cam", user)), "user-data")
        assert data["ssh_pwauth"] is False
        assert data["user"]["lock_passwd"] is (user.password_hash is None)
        assert data["user"].get("hashed_passwd") == user.password_hash
        assert any("ssh" in command for command in data.get("runcmd", [])) is bool(user.ssh_keys)


# --------------------------------------------------------------------------------------------------------------- Wi-Fi


@pytest.mark.parametrize(
    ("wifi", "access"),
    [
        (Wifi(b"MyNet", "wpa2", PSK), {"password": PSK}),
        (Wifi(b"MyNet", "wpa2", PSK, hidden=True), {"hidden": True, "password": PSK}),
        (
            Wifi("Grüße 😀".encode(), "wpa3", passphrase="correct horse"),
            {"auth": {"key-management": "sae", "password": "correct horse"}},
        ),
        (Wifi(b"on", "open"), {"auth": {"key-management": "none"}}),
    ],
)
def test_plain_networks_are_configured_with_netplan(wifi: Wifi, access: dict[str, Any]) -> None:
    found = seed("trixie", DeviceConfig("cam", BARE.user, wifi, "GB"))
    wlan = parsed(found, "network-config")["network"]["wifis"]["wlan0"]
    assert wlan == {
        "dhcp4": True, "optional": True, "regulatory-domain": "GB", "access-points": {wifi.ssid.decode(): access}
    }  # fmt: skip
    assert "wifi" not in found.device


@pytest.mark.parametrize(
    "ssid",
    [b"\xff\xfe", b"1;2;3;", b'say "hi"', b"back\\slash", b" lead", b"trail ", b"a\tb", b"a\0b", b"\xe2\x80\xa8"],
)
def test_other_ssids_are_left_to_our_first_boot(ssid: bytes) -> None:
    found = seed("trixie", DeviceConfig("cam", BARE.user, Wifi(ssid, "wpa2", PSK), "GB"))
    assert "wifis" not in parsed(found, "network-config")["network"]
    assert PSK.encode() not in b"".join(found.files.values())
    assert bytes.fromhex(found.device["wifi"]["ssid"]) == ssid
    assert found.device["country"] == "GB"


# ------------------------------------------------------------------------------------------------------ hostile values


@given(CONFIGS)
def test_trixie_keeps_every_value_verbatim(config: DeviceConfig) -> None:
    found = seed("trixie", config)
    data = parsed(found, "user-data")
    assert found.files["user-data"].startswith(b"#cloud-config\nhostname: ")
    allowed = {"hostname", "manage_etc_hosts", "timezone", "locale", "keyboard", "ssh_pwauth", "user", "runcmd"}
    assert data.keys() <= allowed
    assert (data["hostname"], data["user"]["name"]) == (config.hostname, config.user.name)
    assert tuple(data["user"].get("ssh_authorized_keys", ())) == config.user.ssh_keys
    assert data["user"].get("hashed_passwd") == config.user.password_hash
    assert (data.get("timezone"), data.get("locale")) == (config.timezone, config.locale)
    assert data.get("keyboard", {}).get("layout") == config.keyboard
    assert parsed(found, "meta-data") == {"instance-id": INSTANCE, "dsmode": "local"}
    assert_network(found, config.wifi)


def assert_network(found: Seed, wifi: Wifi | None) -> None:
    """Check that the network is unchanged, and either in the netplan configuration or in device.json."""
    network = parsed(found, "network-config")["network"]
    handed = found.device.get("wifi")
    assert network["ethernets"] == {"eth0": {"dhcp4": True, "optional": True}}
    assert ("wifis" in network) + (handed is not None) == (wifi is not None)
    if wifi is None:
        return
    if handed is not None:
        assert json.loads(json.dumps(handed)) == {
            "ssid": wifi.ssid.hex(), "security": wifi.security, "psk": wifi.psk, "passphrase": wifi.passphrase,
            "hidden": wifi.hidden,
        }  # fmt: skip
        return
    ((name, access),) = network["wifis"]["wlan0"]["access-points"].items()
    assert isinstance(name, str)
    assert name.encode() == wifi.ssid
    assert access.get("password", access.get("auth", {}).get("password")) == (wifi.psk or wifi.passphrase)
    assert access.get("hidden", False) is wifi.hidden


@given(CONFIGS)
def test_bookworm_keeps_every_value_verbatim(config: DeviceConfig) -> None:
    found = json.loads(json.dumps(seed("bookworm", config).device))
    assert (found["hostname"], found["user"]["name"]) == (config.hostname, config.user.name)
    assert tuple(found["user"]["ssh_keys"]) == config.user.ssh_keys
    assert found["user"]["password_hash"] == config.user.password_hash
    assert [found.get(key) for key in ("locale", "keyboard", "timezone")] == [
        config.locale, config.keyboard, config.timezone
    ]  # fmt: skip
    assert ("wifi" in found) == (config.wifi is not None)
    if config.wifi is not None:
        assert bytes.fromhex(found["wifi"]["ssid"]) == config.wifi.ssid
        assert found["wifi"]["passphrase"] == config.wifi.passphrase


LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), TEXTS)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=10
)


@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4))
def test_dumps_any_value_is_read_back(value: dict[str, Any]) -> None:
    text = dumps(value)
    assert text.isascii()
    assert yaml.safe_load(text) == value


@given(TEXTS)
def test_quoted_text_stays_on_one_line(text: str) -> None:
    line = quoted(text)
    assert line.isprintable() and line.isascii()
    assert yaml.safe_load(line) == text


# ------------------------------------------------------------------------------------------------------------ instance


def test_preparing_again_replaces_the_instance() -> None:
    once = seed("trixie", WHOLE)
    again = seed("trixie", WHOLE, once.cmdline, "edgevision-ffff")
    assert again.cmdline == once.cmdline.replace(INSTANCE, "edgevision-ffff")
    assert disarm(again.cmdline).endswith("cfg80211.ieee80211_regdom=DE"), "instance and country must stay"


@pytest.mark.parametrize("token", ["ds=nocloud;i=rpi-imager-1784124660514", "ds=nocloud", "ds=ec2", "ds=nocloud;s=/x"])
def test_trixie_rejects_an_image_set_up_by_another_program(token: str) -> None:
    with pytest.raises(BadInput, match="another program has already set up"):
        seed("trixie", WHOLE, f"{LINE.strip()} {token}")


@pytest.mark.parametrize(
    "instance", ["", "edgevision-", "mine", "edgevision-a b", "edgevision-" + "x" * 60, "edgevision-\n"]
)
def test_trixie_rejects_invalid_instances(instance: str) -> None:
    with pytest.raises(BadInput, match="invalid instance"):
        seed("trixie", WHOLE, instance=instance)


# ------------------------------------------------------------------------------------------------------------- secrets


def files_of(system: str, config: DeviceConfig) -> dict[str, bytes]:
    """Return the files of the boot partition."""
    found = seed(system, config)
    device = {"schema": "edgevision.device/1", "instance": INSTANCE, "system": dict(found.device) or None}
    return {"edgevision/device.json": json.dumps(device).encode(), **found.files}


@given(CONFIGS, st.sampled_from(["bookworm", "trixie"]))
def test_blanked_files_contain_no_secret(config: DeviceConfig, system: str) -> None:
    secrets = [config.user.password_hash, *((config.wifi.psk, config.wifi.passphrase) if config.wifi else ())]
    for name, data in files_of(system, config).items():
        if name not in SECRET_FILES:
            assert name == "meta-data"
            continue
        blank = blanked(name, data)
        assert blanked(name, blank) == blank
        before, after = yaml.safe_load(data), yaml.safe_load(blank)
        assert without_secrets(after) == without_secrets(before), "everything except the secrets must be unchanged"
        assert not set(leaves(after)) & {*filter(None, secrets)} - set(leaves(without_secrets(before)))


def without_secrets(value: Any) -> Any:
    """Return the value without all entries that may hold a secret."""
    if isinstance(value, dict):
        gone = {"hashed_passwd", "system"}
        kept = {
            key: one for key, one in value.items() if not (key in gone or (key == "password" and isinstance(one, str)))
        }
        return {key: without_secrets(one) for key, one in kept.items()}
    return [without_secrets(one) for one in value] if isinstance(value, list) else value


def leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for one in value.values() for leaf in leaves(one)]
    if isinstance(value, list):
        return [leaf for one in value for leaf in leaves(one)]
    return [value] if isinstance(value, str) else []


def test_blanked_network_keeps_its_security() -> None:
    for wifi in (Wifi(b"MyNet", "wpa2", PSK), Wifi(b"MyNet", "wpa3", passphrase="correct horse")):
        data = seed("trixie", DeviceConfig("cam", BARE.user, wifi, "DE")).files["network-config"]
        access = yaml.safe_load(blanked("network-config", data))["network"]["wifis"]["wlan0"]["access-points"]["MyNet"]
        assert access.get("password", access.get("auth", {}).get("password")) == MARK
    assert 8 <= len(MARK) <= 63, "the mark must be a valid password"


def test_network_named_like_a_key_is_unchanged() -> None:
    data = seed("trixie", DeviceConfig("cam", BARE.user, Wifi(b"password", "open"), "DE")).files["network-config"]
    assert blanked("network-config", data) == data


@pytest.mark.parametrize("data", [b"", b"\xff", b"[1]", b'{"system": {"user": 1}', b"[" * 100_000])
def test_damaged_device_json_is_emptied(data: bytes) -> None:
    assert json.loads(blanked("edgevision/device.json", data)) == {"system": None}


def test_files_without_secrets_are_unchanged() -> None:
    for data in (b'{"system": null, "instance":"x"}', b"{}"):
        assert blanked("edgevision/device.json", data) == data
    assert blanked("user-data", b"#cloud-config\n{}\n") == b"#cloud-config\n{}\n"
