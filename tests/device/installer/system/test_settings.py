"""Tests of system settings with hostile values: a value is written unchanged to its own file, or rejected."""

from __future__ import annotations

import ctypes
import ctypes.util
import string
from pathlib import Path
from typing import Any

import pytest
from edgevision.device.installer.base.errors import Refused
from edgevision.device.installer.system import SETTINGS, account, apply, ssh, sudo
from edgevision.device.installer.system.hostname import set_hostname
from edgevision.device.installer.system.locale import set_keyboard, set_locale, set_timezone
from edgevision.device.installer.system.wifi import FILE, keyfile, set_wifi
from edgevision.device.installer.system.wifi_country import set_country
from hypothesis import example, given, settings
from hypothesis import strategies as st

HOSTILE = st.sampled_from(
    [
        "",
        "a\nb",
        "$(reboot)",
        "`reboot`",
        "'; reboot; '",
        '"',
        "a b",
        "../../etc/shadow",
        "-rf",
        "x" * 300,
        "%s",
        "é",
        "\x00",
    ]
)
TEXT = HOSTILE | st.text(max_size=40)
ANYTHING = (
    TEXT
    | st.none()
    | st.booleans()
    | st.integers()
    | st.lists(TEXT, max_size=3)
    | st.dictionaries(TEXT, TEXT, max_size=3)
)
PASSPHRASES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=63)


def files(root: Path) -> dict[str, str]:
    """Return path -> content of all files below a root."""
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


# ------------------------------------------------------------------------------------------------------------------ Wi-Fi


class GKeyFile:
    """Keyfile reader of NetworkManager: GLib itself."""

    def __init__(self, text: str) -> None:
        name = ctypes.util.find_library("glib-2.0")
        if name is None:
            pytest.skip("GLib is not installed")
        self._glib = ctypes.CDLL(name)
        for function in ("g_key_file_new", "g_key_file_get_string", "g_key_file_get_integer_list"):
            getattr(self._glib, function).restype = ctypes.c_void_p
        self._file = ctypes.c_void_p(self._glib.g_key_file_new())
        data = text.encode()
        assert self._glib.g_key_file_load_from_data(self._file, data, ctypes.c_size_t(len(data)), 0, None)

    def text(self, group: str, key: str) -> str | None:
        found = self._glib.g_key_file_get_string(self._file, group.encode(), key.encode(), None)
        return None if found is None else ctypes.string_at(found).decode()

    def numbers(self, group: str, key: str) -> list[int]:
        count = ctypes.c_size_t()
        found = self._glib.g_key_file_get_integer_list(
            self._file, group.encode(), key.encode(), ctypes.byref(count), None
        )
        assert found is not None
        return list(ctypes.cast(found, ctypes.POINTER(ctypes.c_int))[: count.value])


@settings(max_examples=200)
@given(ssid=st.binary(min_size=1, max_size=32), passphrase=PASSPHRASES, hidden=st.booleans())
@example(ssid=b"1;2;", passphrase=" \\s leading; [wifi]", hidden=True)
@example(ssid=b"\n[wifi-security]\npsk=x", passphrase="#=\\n ", hidden=False)
@example(ssid=b" ", passphrase="trailing ", hidden=False)
def test_keyfile_is_read_back_unchanged(ssid: bytes, passphrase: str, hidden: bool) -> None:
    wifi = {"ssid": ssid.hex(), "security": "wpa3", "psk": None, "passphrase": passphrase, "hidden": hidden}
    read = GKeyFile(keyfile(wifi))
    assert bytes(read.numbers("wifi", "ssid")) == ssid
    assert read.text("wifi", "hidden") == ("true" if hidden else "false")
    assert (read.text("wifi-security", "key-mgmt"), read.text("wifi-security", "psk")) == ("sae", passphrase)


def test_keyfile_validates_each_security() -> None:
    wifi: dict[str, Any] = {"ssid": "41", "security": "wpa2", "psk": "AB" * 32, "passphrase": None, "hidden": False}
    assert "key-mgmt=wpa-psk\npsk=" + "AB" * 32 in keyfile(wifi)
    assert "[wifi-security]" not in keyfile(wifi | {"security": "open", "psk": None})
    for change, match in (
        ({"ssid": ""}, "invalid SSID"),
        ({"ssid": "4"}, "invalid SSID"),
        ({"ssid": "41" * 33}, "invalid SSID"),
        ({"ssid": "zz"}, "invalid SSID"),
        ({"psk": "ab"}, "invalid PSK"),
        ({"psk": None}, "invalid PSK"),
        ({"security": "wep"}, "wpa2, wpa3 or open"),
        ({"security": "wpa3"}, "invalid passphrase"),
        ({"security": "wpa3", "passphrase": "two\nlines"}, "invalid passphrase"),
    ):
        with pytest.raises(Refused, match=match):
            keyfile(wifi | change)
    for change in ({"security": "wpa3", "passphrase": "se\tcret"}, {"psk": "secret"}):
        with pytest.raises(Refused) as told:
            keyfile(wifi | change)
        assert "cret" not in str(told.value)  # the log is on the SD card


@settings(max_examples=100)
@given(value=ANYTHING | st.fixed_dictionaries({"ssid": TEXT, "security": TEXT, "psk": TEXT}))
def test_set_wifi_writes_or_rejects_any_value(value: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("root")
    try:
        set_wifi(value, root)
        assert set(files(root)) == {str(FILE)}
    except Refused as error:
        assert "\n" not in str(error)
        assert not files(root)


# ----------------------------------------------------------------------------------------------- host name and locale


@settings(max_examples=150)
@given(value=ANYTHING | st.text(string.ascii_letters + string.digits + "-", max_size=70))
def test_set_hostname_writes_or_rejects_any_value(value: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("root")
    try:
        set_hostname(value, root)
        assert files(root)["etc/hostname"] == f"{value}\n"
        assert f"127.0.1.1\t{value}\n" in files(root)["etc/hosts"]
    except Refused:
        assert not files(root)


@settings(max_examples=150)
@given(value=ANYTHING, setting=st.sampled_from([set_country, set_keyboard, set_locale, set_timezone]))
def test_locale_settings_write_or_reject_any_value(
    value: Any, setting: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("root")
    (root / "usr/share/zoneinfo").mkdir(parents=True)
    try:
        setting(value, root)
        assert isinstance(value, str)
        assert value.replace("_", "").replace(".", "").replace("-", "").replace("@", "").replace(",", "").isalnum()
    except Refused as error:
        assert "\n" not in str(error)
        assert not files(root)


def test_set_hostname_replaces_its_line_in_hosts(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hosts").write_bytes(
        b"127.0.0.1 localhost\n127.0.1.1 old older\n# \xff mine\n127.0.1.1 twice\n192.168.0.1 nas\n"
    )
    set_hostname("new", tmp_path)
    assert (tmp_path / "etc/hosts").read_bytes() == (
        b"127.0.0.1 localhost\n127.0.1.1\tnew\n# \xff mine\n192.168.0.1 nas\n"
    )


# ---------------------------------------------------------------------------------------------------------------- account


@pytest.mark.parametrize(
    "name", ["", "-x", "a b", "a;b", "edge\n", "Edge", "é", "x" * 33, "../x", "a:0:0", None, 5, ["edge"]]
)
def test_set_user_rejects_invalid_names(name: Any, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="invalid user name"):
        account.set_user({"name": name, "sudo": "none"}, tmp_path)
    assert not files(tmp_path)


@pytest.mark.parametrize("password", ["", "a:b", "a\nroot:x", "$6$ö", 5, ["x"]])
def test_set_user_rejects_invalid_password_hashes(password: Any, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"^invalid password hash$"):
        account.set_user({"name": "edge", "password_hash": password, "sudo": "none"}, tmp_path)
    assert not files(tmp_path)


def test_set_user_rejects_system_accounts(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\npi:x:1000:1000::/home/pi:/bin/bash\n")
    with pytest.raises(Refused, match="is a system account"):
        account.set_user({"name": "root", "sudo": "nopasswd", "ssh_keys": ["ssh-ed25519 A"]}, tmp_path)
    assert not (tmp_path / "etc/sudoers.d").exists()


@settings(max_examples=100)
@given(keys=st.lists(TEXT, max_size=3))
def test_set_keys_writes_or_rejects_any_lines(keys: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("home")
    found = home.stat()
    try:
        ssh.set_keys(keys, home, (found.st_uid, found.st_gid))
        expected = {".ssh/authorized_keys": "".join(f"{key}\n" for key in keys)} if keys else {}
        assert files(home) == expected
        assert all(key.isprintable() or "\t" in key for key in keys if key.isascii())
    except Refused:
        assert not files(home)


@pytest.mark.parametrize("rule", [None, "", "ALL", "nopasswd\n", True, ["none"]])
def test_allow_rejects_invalid_sudo_rules(rule: Any, tmp_path: Path) -> None:
    (tmp_path / "etc/sudoers.d").mkdir(parents=True)
    with pytest.raises(Refused, match="password, nopasswd or none"):
        sudo.allow("edge", rule, tmp_path)
    assert not files(tmp_path)


@settings(max_examples=100)
@given(system=st.dictionaries(st.sampled_from([*SETTINGS, "more"]) | TEXT, ANYTHING, max_size=5))
def test_apply_reports_one_line_per_problem(system: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("root")
    problems = apply({key: value for key, value in system.items() if key != "user"}, root)
    assert all(isinstance(line, str) and "\n" not in line for line in problems)
    assert not [name for name in files(root) if not name.startswith(("etc/", "var/lib/"))]
