"""Tests of device.toml: files are read as written, and errors are one line with the place and without secrets."""

from __future__ import annotations

import json
import shutil
import subprocess
import zoneinfo
from pathlib import Path
from typing import Any

import pytest
from command_line import edgevision
from edgevision.device.flash.config import locale, passwords, read, table, wifi_key, write
from edgevision.device.flash.config.host_names import check_hostname, check_user
from edgevision.device.flash.config.records import DeviceConfig, User, Wifi
from hypothesis import assume, given
from hypothesis import strategies as st
from locations import ROOT
from ssh_public_keys import ED25519, RSA

from edgevision.errors import BadInput, EdgeVisionError
from edgevision.files import toml
from edgevision.files.toml import literal

HASH = "$6$saltsalt$" + "x" * 86
BASE: dict[str, dict[str, Any]] = {
    "device": {"hostname": "cam-1"},
    "user": {"name": "edge", "ssh_keys": [f"{ED25519} me"]},
}
WIFI = {"ssid": "My net", "password": "correct horse", "country": "DE"}


def written(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(written(one) for one in value) + "]"
    return literal(value)


def text_of(sections: dict[str, dict[str, Any]]) -> str:
    lines = []
    for name, values in sections.items():
        lines += [f"[{name}]", *(f"{key} = {written(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


def parse(text: str, path: Path = Path("device.toml")) -> DeviceConfig:
    return read.from_toml(toml.parse(text, path))


def config(**sections: dict[str, Any]) -> DeviceConfig:
    """Return the settings of the smallest file with ``sections`` merged in; None removes a key."""
    merged = {name: BASE.get(name, {}) | sections.get(name, {}) for name in [*BASE, *sections]}
    return parse(text_of({n: {k: v for k, v in s.items() if v is not None} for n, s in merged.items()}))


def refusal(**sections: dict[str, Any]) -> str:
    with pytest.raises(BadInput) as caught:
        config(**sections)
    (line,) = str(caught.value).splitlines()
    return line


# --- reading


def test_read_all_settings(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "two.pub").write_text(f"# mine\n\n{RSA} two\r\n{ED25519} me\n")
    path = tmp_path / "device.toml"
    path.write_text(
        f"""
        [device]
        hostname = "Shelf-07"
        timezone = "Europe/Berlin"
        locale = "de_DE.UTF-8"
        keyboard = "de"
        [user]
        name = "edge"
        ssh_keys = ["  {ED25519}   me "]
        ssh_key_files = ["keys/two.pub"]
        password_hash = "{HASH}"
        sudo = "nopasswd"
        [wifi]
        ssid = "ein Netz"
        password = "correct horse"
        hidden = true
        country = "DE"
        [camera]
        camera = 0
        size = "1280X720"
        rotate = 180
        [run]
        threshold = 1
        events = true
        json = false
        collect = "/var/lib/edgevision/new"
        """
    )
    found = read.read(path)
    assert found == DeviceConfig(
        hostname="Shelf-07",
        user=User("edge", (f"{ED25519} me", f"{RSA} two"), HASH, "nopasswd"),
        wifi=Wifi(b"ein Netz", "wpa2", wifi_key.derive_psk("correct horse", b"ein Netz"), None, True),
        country="DE",
        locale="de_DE.UTF-8",
        keyboard="de",
        timezone="Europe/Berlin",
        run={
            "camera": "0", "size": (1280, 720), "rotate": 180, "threshold": 1.0, "events": True, "as_json": False,
            "collect": Path("/var/lib/edgevision/new"),
        },
    )  # fmt: skip


def test_read_smallest_file() -> None:
    assert config() == DeviceConfig("cam-1", User("edge", (f"{ED25519} me",), None, "none"))


def test_sudo_default_depends_on_the_password() -> None:
    assert config(user={"password_hash": HASH}).user.sudo == "password"
    assert config(user={"password_hash": HASH, "sudo": "none"}).user.sudo == "none"
    assert config(user={"sudo": "nopasswd"}).user.sudo == "nopasswd"
    assert "needs a password_hash" in refusal(user={"sudo": "password"})


def test_derive_psk_matches_the_standard() -> None:
    """Test vectors of IEEE 802.11-2020, J.4.2."""
    assert wifi_key.derive_psk("password", b"IEEE").startswith("f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed")
    assert wifi_key.derive_psk("ThisIsAPassword", b"ThisIsASSID").startswith("0dc0d6eb90555ed6419756b9a15ec3e3209b63df")


def test_wifi_keeps_the_password_only_for_wpa3() -> None:
    wpa2, wpa3 = config(wifi=WIFI).wifi, config(wifi=WIFI | {"security": "wpa3"}).wifi
    assert wpa2 is not None and (wpa2.passphrase, len(wpa2.psk or "")) == (None, 64)
    assert wpa3 is not None and (wpa3.passphrase, wpa3.psk) == ("correct horse", None)
    psk = config(wifi=WIFI | {"password": None, "psk": "AB" * 32}).wifi
    assert psk is not None and (psk.psk, psk.passphrase) == ("ab" * 32, None)
    opened = config(wifi={"ssid": "x", "security": "open", "country": "DE"}).wifi
    assert opened == Wifi(b"x", "open")


def test_country_without_a_network_is_kept() -> None:
    found = config(wifi={"country": "AT"})
    assert (found.wifi, found.country) == (None, "AT")


@pytest.mark.parametrize("secret", [HASH, "correct horse", "ab" * 32])
def test_repr_contains_no_secret(secret: str) -> None:
    for wifi in (WIFI, WIFI | {"security": "wpa3"}, WIFI | {"password": None, "psk": "ab" * 32}):
        assert secret not in repr(config(wifi=wifi, user={"password_hash": HASH}))


# --- errors


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"device": {"hostname": None}}, "device.toml:1: [device] needs hostname"),
        ({"device": {"hostnam": "x"}}, "device.toml:3: unknown key 'hostnam' in [device]; did you mean 'hostname'?"),
        ({"device": {"country": "DE"}}, "device.toml:3: unknown key 'country' in [device]; it belongs in [wifi]"),
        ({"device": {"color": 1}}, "device.toml:3: unknown key 'color' in [device]; known keys: hostname, timezone"),
        ({"wfi": {"ssid": "x"}}, "device.toml:6: unknown section 'wfi'; did you mean 'wifi'?"),
        ({"device": {"hostname": 5}}, "device.toml:2: hostname must be a string, not a number"),
        ({"device": {"hostname": "shelf_cam"}}, "device.toml:2: invalid host name 'shelf_cam'"),
        ({"device": {"hostname": ""}}, "device.toml:2: invalid host name ''"),
        ({"device": {"hostname": "a" * 64}}, "has 64 characters; at most 63"),
        ({"device": {"hostname": "a.b"}}, "did you mean 'a-b'?"),
        ({"device": {"hostname": "cam\n"}}, "invalid host name"),
        ({"device": {"hostname": "42"}}, "mistaken for an IP address"),
        ({"device": {"hostname": "localhost"}}, "every machine"),
        ({"device": {"timezone": "Berlin"}}, "device.toml:3: unknown time zone 'Berlin'; did you mean 'Europe/Berlin'?"),
        ({"device": {"locale": "de_DE"}}, "did you mean 'de_DE.UTF-8'?"),
        ({"device": {"locale": "en_UK.UTF-8"}}, "did you mean 'en_GB.UTF-8'?"),
        ({"device": {"keyboard": "uk"}}, "did you mean 'gb'?"),
        ({"user": {"name": None}}, "device.toml:3: [user] needs name"),
        ({"user": {"name": "root"}}, "device.toml:4: the user name 'root' is reserved by the system"),
        ({"user": {"name": "www-data"}}, "reserved by the system"),
        ({"user": {"name": "edgevision"}}, "reserved by the system"),
        ({"user": {"name": "Edge"}}, "did you mean 'edge'?"),
        ({"user": {"name": "a" * 33}}, "at most 32 are allowed"),
        ({"user": {"ssh_keys": None}}, "device.toml:3: nobody could log in"),
        ({"user": {"ssh_keys": []}}, "device.toml:3: nobody could log in"),
        ({"user": {"ssh_keys": ED25519}}, "ssh_keys must be a list of strings, not a string"),
        ({"user": {"ssh_keys": [ED25519, 5]}}, "ssh_keys must be a list of strings, not a number"),
        ({"user": {"password": "hunter22"}}, "a plain password must not be stored in a file"),
        ({"user": {"password_hash": "$1$abc$" + "x" * 22}}, "MD5"),
        ({"user": {"sudo": "yes"}}, "sudo must be one of password, nopasswd, none, not 'yes'"),
        ({"user": {"sudo": "nopass"}}, "did you mean 'nopasswd'?"),
        ({"wifi": {"ssid": "x", "country": "DE"}}, "device.toml:7: the network's password is missing"),
        ({"wifi": WIFI | {"country": None}}, "device.toml:7: Wi-Fi needs a country"),
        ({"wifi": WIFI | {"country": "de"}}, "device.toml:9: unknown country 'de'; did you mean 'DE'?"),
        ({"wifi": WIFI | {"country": "UK"}}, "did you mean 'GB'?"),
        ({"wifi": WIFI | {"ssid": None}}, "device.toml:7: password is set, but the network's name is missing"),
        ({"wifi": WIFI | {"ssid": ""}}, "is empty"),
        ({"wifi": WIFI | {"ssid": "ä" * 17}}, "has 34 bytes; at most 32"),
        ({"wifi": WIFI | {"ssid": "a\nb"}}, "'a\\nb' contains a control character"),
        ({"wifi": WIFI | {"hidden": "yes"}}, "hidden must be true or false, not a string"),
        ({"wifi": WIFI | {"psk": "ab" * 32}}, "device.toml:10: both password and psk are set"),
        ({"wifi": WIFI | {"security": "wpa4"}}, "security must be one of wpa2, wpa3, open, not 'wpa4'"),
        ({"wifi": WIFI | {"security": "open"}}, "device.toml:8: an open network has no password"),
        ({"wifi": {"ssid": "x", "country": "DE", "psk": "ab" * 32, "security": "wpa3"}}, "WPA3 needs the password"),
        ({"run": {"smoth": 3}}, "device.toml:7: unknown key 'smoth' in [run]; did you mean 'smooth'?"),
        ({"run": {"camera": 0}}, "device.toml:7: unknown key 'camera' in [run]; it belongs in [camera]"),
        ({"run": {"model": "x.tflite"}}, "device.toml:7: the model is part of the bundle"),
        ({"run": {"limit": 5}}, "device.toml:7: limit would end the service"),
        ({"run": {"top": 0}}, "device.toml:7: top: expected a whole number from 1 to 1000, got 0"),
        ({"run": {"threshold": True}}, "threshold: expected a number from 0 to 1, got true"),
        ({"run": {"collect": "new"}}, "device.toml:7: collect = new: use the absolute path"),
        ({"run": {"collect": "/home/me/new"}}, "the service can only write below /var/lib/edgevision"),
        ({"run": {"collect": "/var/lib/edgevision/../x"}}, "the service can only write below /var/lib/edgevision"),
        ({"run": {"collect": "/var/lib/edgevision/a\nb"}}, "collect contains a control character"),
        ({"camera": {"camera": "rstp://10.0.0.7/x"}}, "unknown camera 'rstp://10.0.0.7/x'"),
        ({"camera": {"camera": "-"}}, "a service has no standard input"),
        ({"camera": {"source": "raw:640x480:rgb24"}}, "a service has no standard input"),
        ({"camera": {"source": "film.avi"}}, "unknown source"),
        ({"camera": {"source": "/home/me/film.avi"}}, "the service cannot read home directories"),
        ({"camera": {"camera": 0, "source": "/srv/film.avi"}}, "device.toml:8: both camera and source are set"),
        ({"camera": {"frozen": -1}}, "device.toml:7: frozen: expected a number, 0 or more, got -1"),
        ({"camera": {"frozne": 1}}, "device.toml:7: unknown key 'frozne' in [camera]"),
        ({"run": {"frozen": 1}}, "device.toml:7: unknown key 'frozen' in [run]"),
        ({"camera": {"rotate": 45}}, "device.toml:7: rotate: expected one of 0, 90, 180, 270, got 45"),
    ],
)  # fmt: skip
def test_errors_are_one_line_with_the_place(sections: dict[str, dict[str, Any]], said: str) -> None:
    line = refusal(**sections)
    assert said in line
    assert line.startswith("device.toml:")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "device.toml:1: [device] needs hostname"),
        ('hostname = "x"\n', "device.toml:1: 'hostname' is not allowed outside a section; it belongs in [device]"),
        ("\nuser = 5\n", "device.toml:2: 'user' is not allowed outside a section; write it as a section: [user]"),
        ("[[user]]\nname = 'x'\n", "device.toml:1: 'user' is not allowed outside a section; write it as a section: [user]"),
        ("color = 5\n", "known sections: [device], [user], [wifi], [camera], [run]"),
        ("[device]\nhostname = \n", "device.toml:2: Invalid value"),
        ("[device]\n[device]\n", "device.toml:2: "),
        ("user = {name = 'edge', nmae = 'x'}\ndevice = {hostname = 'c'}", "unknown key 'nmae' in [user]; did you mean 'name'"),
        ("[device]\nhostname='c'\n[user]\nname='edge'\nssh_keys=[\n 'x',\n]", "device.toml:6: not an SSH public key"),
        ("device.hostname = 'c'\nuser.name = 'edge'\n\nuser.sudo = 'no'\n", "nobody could log in"),
        ("[device]\nhostname='c'\n['user']\nname='edge'\nssh_keys=[]\n[wifi]\nssid=1", "device.toml:3: nobody could"),
    ],
)  # fmt: skip
def test_errors_have_the_line_for_any_toml_style(text: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_errors_in_key_files_have_the_line(tmp_path: Path) -> None:
    path = tmp_path / "device.toml"

    def said(name: str) -> str:
        sections = BASE | {"user": {"name": "edge", "ssh_key_files": [name]}}
        path.write_text(text_of(sections))
        with pytest.raises(BadInput) as caught:
            read.read(path)
        (line,) = str(caught.value).splitlines()
        assert line.startswith(f"{path}:5: ")
        return line

    (tmp_path / "id").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\n")
    (tmp_path / "bad.pub").write_text(f"{ED25519}\nssh-ed25519 AAAA\n")
    (tmp_path / "empty.pub").write_text("# nothing\n")
    (tmp_path / "binary.pub").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "large.pub").write_bytes(b"x" * 200_000)
    assert "private SSH key" in said("id")
    assert "bad.pub, line 2" in said("bad.pub")
    assert "contains no SSH key" in said("empty.pub")
    assert "not a file of SSH public keys" in said("binary.pub")
    assert "larger than 100 kB" in said("large.pub")
    assert "SSH key file not found" in said("absent\n.pub")
    assert "SSH key file not found" in said("nul\0.pub")
    assert "SSH key file must be a file" in said(".")
    assert "home folder not found" in said("~nobody-has-this-name/x.pub")


def test_read_rejects_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(EdgeVisionError, match="config file not found"):
        read.read(tmp_path / "device.toml")
    (tmp_path / "os.img").write_bytes(bytes(range(256)))
    with pytest.raises(BadInput, match="not a text file"):
        read.read(tmp_path / "os.img")


# --- passwords, time zones, countries


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")
def test_hash_password_is_salted_and_correct() -> None:
    first, second = (passwords.hash_password("pass'word $x ü") for _ in "12")
    assert first != second
    salt = first.split("$")[2]
    again = subprocess.run(
        ["openssl", "passwd", "-6", "-salt", salt, "-stdin"], input="pass'word $x ü\n", capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert again.stdout.strip() == first


@pytest.mark.parametrize(
    "hashed",
    [
        HASH,
        "$6$rounds=65536$abc$" + "x" * 86,
        "$5$abc$" + "x" * 43,
        "$y$j9T$abc$" + "x" * 43,
        "$2b$12$" + "x" * 53,
    ],
)
def test_check_hash_accepts_the_hashes_of_debian(hashed: str) -> None:
    assert passwords.check_hash(hashed) == hashed
    for damaged in (hashed[:-1], hashed + "x", hashed + "\n", f" {hashed}", hashed.replace("x", ":", 1)):
        with pytest.raises(BadInput):
            passwords.check_hash(damaged)


@pytest.mark.parametrize("given", ["short", "x" * 129, "ü" * 128, "tab\tin it", "line\nend"])
def test_hash_password_rejects_invalid_passwords(given: str) -> None:
    with pytest.raises(BadInput) as caught:
        passwords.hash_password(given)
    assert given not in str(caught.value)


def test_hash_password_reports_missing_or_unsuitable_openssl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EdgeVisionError, match="openssl not found"):
        passwords.hash_password("correct horse")
    (tmp_path / "openssl").write_text("#!/bin/sh\necho 'unknown option -6' >&2\nexit 1\n")
    (tmp_path / "openssl").chmod(0o755)
    with pytest.raises(BadInput, match="unknown option -6") as caught:
        passwords.hash_password("correct horse")
    assert "horse" not in str(caught.value)


def test_check_timezone(monkeypatch: pytest.MonkeyPatch) -> None:
    for zone in ("Europe/Berlin", "America/Argentina/Buenos_Aires", "UTC", "Etc/UTC", "Etc/GMT-3"):
        assert locale.check_timezone(zone) == zone
    for wrong in ("", "/etc/passwd", "../x", "Europe/Berlin\n", "Europe/Berlin; reboot", "Etc/GMT-333"):
        with pytest.raises(BadInput):
            locale.check_timezone(wrong)
    monkeypatch.setattr(locale, "_zones", frozenset)  # a machine without time zone tables
    assert locale.check_timezone("Europe/Nowhere") == "Europe/Nowhere"
    with pytest.raises(BadInput, match="invalid time zone"):
        locale.check_timezone("Europe/$(reboot)")


@pytest.mark.skipif(not locale._links(), reason="this machine has no table of old time zones")
def test_check_timezone_suggests_current_names() -> None:
    with pytest.raises(
        BadInput, match="name 'US/Eastern' is obsolete and missing on some systems; use 'America/New_York'"
    ):
        locale.check_timezone("US/Eastern")
    assert locale.country_of_zone("Europe/Vienna") == "AT"


def test_countries_match_the_time_zone_database() -> None:
    listed = [Path(folder) / "iso3166.tab" for folder in zoneinfo.TZPATH]
    table = next((path for path in listed if path.is_file()), None)
    if table is None:
        pytest.skip("this machine has no table of countries")
    rows = [line for line in table.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert {row.partition("\t")[0] for row in rows} == locale.COUNTRIES


# --- arbitrary and hostile values


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.text(
    st.sampled_from("ab19 '\"\\$`(){}[]:;#%&|<>*?!~=,.-_@/\n\r\t\0ü€𐀀\u2028"), max_size=34
)


@given(ssid=TEXTS, password=TEXTS, security=st.sampled_from(["wpa2", "wpa3"]), comment=TEXTS)
def test_hostile_texts_are_kept_unchanged_or_rejected(ssid: str, password: str, security: str, comment: str) -> None:
    key = f"{ED25519} {comment}"
    try:
        found = config(
            wifi={"ssid": ssid, "password": password, "security": security, "country": "DE"}, user={"ssh_keys": [key]}
        )
    except BadInput as error:
        assert str(error).isprintable() and str(error).startswith("device.toml:")
        assert len(password) < 8 or password in ssid + "passwords" or password not in str(error)
        return
    assert found.wifi is not None
    assert found.wifi.ssid.decode() == ssid
    assert found.user.ssh_keys == (f"{ED25519} {comment.strip()}".rstrip(),)
    if security == "wpa3":
        assert found.wifi.passphrase == password
    else:
        assert found.wifi.psk == wifi_key.derive_psk(password, ssid.encode())


@given(TEXTS, TEXTS)
def test_hostile_names_are_kept_unchanged_or_rejected(hostname: str, user: str) -> None:
    for name, check, letters in ((hostname, check_hostname, "-"), (user, check_user, "-")):
        try:
            assert check(name) == name
        except BadInput as error:
            assert str(error).isprintable()
        else:
            assert name.isascii() and name.replace(letters, "").isalnum() and len(name) <= 63


ANYTHING = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)
SECRETS = [("user", "password"), ("user", "password_hash"), ("wifi", "password"), ("wifi", "psk")]
KNOWN = [(section, key) for section, keys in read.known().items() for key in keys]


@given(st.dictionaries(st.sampled_from([*KNOWN, *SECRETS]), ANYTHING, max_size=6))
def test_any_values_are_read_or_rejected_in_one_printable_line(values: dict[tuple[str, str], Any]) -> None:
    sections = {name: dict(keys) for name, keys in BASE.items()}
    for (section, key), value in values.items():
        sections.setdefault(section, {})[key] = value
    try:
        parse(text_of(sections))
    except BadInput as error:
        assert str(error).isprintable(), str(error)
        assert str(error).startswith("device.toml")


@given(st.sampled_from(SECRETS), st.text(st.sampled_from("qQzZ7$'\"\\ \n"), min_size=9), st.booleans())
def test_errors_contain_no_secret(place: tuple[str, str], secret: str, in_list: bool) -> None:
    assume(secret.strip())
    section, key = place
    values = (WIFI | {"password": None} if section == "wifi" else {}) | {key: [secret] if in_list else secret}
    try:
        config(**{section: values})
    except BadInput as error:
        assert secret not in str(error) and json.dumps(secret)[1:-1] not in str(error)


@given(st.text(max_size=200))
def test_any_text_is_read_or_rejected_in_one_line(text: str) -> None:
    try:
        parse(text)
    except BadInput as error:
        assert "\n" not in str(error)


# --- writing


NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
VISIBLE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=10)
ASCII = st.text(st.sampled_from([chr(code) for code in range(32, 127)]), min_size=8, max_size=63)
WIFIS = st.builds(
    lambda name, kind, password, hidden: Wifi(
        name.encode(),
        kind,
        wifi_key.derive_psk(password, name.encode()) if kind == "wpa2" else None,
        password if kind == "wpa3" else None,
        hidden,
    ),
    VISIBLE,
    st.sampled_from(["wpa2", "wpa3", "open"]),
    ASCII.filter(lambda text: len(text) < 64),
    st.booleans(),
)
COMMENTS = st.text(st.sampled_from("ab'\"\\#$@ü"), max_size=9)
RUNS = st.fixed_dictionaries(
    {},
    optional={
        "camera": st.sampled_from(["0", "/dev/video2", 'rtsp://me:p"w@10.0.0.7/x', "usb:my 'cam'"]),
        "threshold": st.floats(0, 1),
        "rotate": st.sampled_from([0, 90]),
        "events": st.booleans(),
        "as_json": st.booleans(),
        "collect": NAMES.map(lambda name: Path("/var/lib/edgevision") / name),
        "freeze_timeout": st.just(0.0),
    },
)
CONFIGS = st.builds(
    lambda name, user, comment, hashed, sudo, wifi, run: DeviceConfig(
        name, User(user + "9", (f"{ED25519} {comment}".rstrip(),), hashed, sudo if hashed else "none"), wifi,
        "DE" if wifi else None, "de_DE.UTF-8", None, "UTC", run,
    ),
    NAMES.filter(lambda name: name != "localhost"), NAMES, COMMENTS, st.sampled_from([HASH, None]),
    st.sampled_from(["password", "nopasswd", "none"]), st.none() | WIFIS, RUNS,
)  # fmt: skip


@given(CONFIGS)
def test_written_settings_are_read_back(made: DeviceConfig) -> None:
    assert parse(write.dumps(made)) == made


OUTPUTS = """
[[outputs]]
spec = "metrics:9100"

[[outputs]]
spec = "gpio:gpiochip0/17=cat"
hold = "2s"
labels = ["cat"]
"""


def test_outputs_are_read_written_and_shown() -> None:
    made = parse(text_of(BASE) + OUTPUTS)
    assert [one.spec for one in made.run["outputs"]] == ["metrics:9100", "gpio:gpiochip0/17=cat"]
    again = parse(write.dumps(made))
    assert again == made
    assert again.run["outputs"][1].settings.hold == 2.0
    assert [value for name, value in table.rows(made) if name == "output"] == ["metrics:9100", "gpio:gpiochip0/17=cat"]


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ('[[outputs]]\nspec = "metrics:0"\n', "expected PORT or HOST:PORT"),
        ('[[outputs]]\nspec = "jsonl:log.jsonl"\n', "use the absolute path on the device instead of log.jsonl"),
        ('[[outputs]]\nspec = "jsonl:/home/pi/log.jsonl"\n', "the service can only write below /var/lib/edgevision"),
        ('[[outputs]]\nspec = "exec:notify"\n', "give the program's absolute path on the device"),
        ('[[outputs]]\nspec = "metrics:9100"\nholds = 2\n', "metrics has no setting 'holds'"),
        ("outputs = 5\n", "unknown key 'outputs' in [run]; write each one as a table of its own: [[outputs]]"),
    ],
)
def test_wrong_outputs_are_one_line_with_the_place(tables: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(text_of(BASE | {"run": {"top": 3}}) + tables)
    (line,) = str(caught.value).splitlines()
    assert line.startswith("device.toml:") and said in line


def test_template_has_every_key_commented_out() -> None:
    text = write.dumps(None)
    assert toml.parse(text, Path("x")).values == {"device": {}, "user": {}, "wifi": {}, "camera": {}, "run": {}}
    for _, key in KNOWN:
        assert f"\n# {key} =" in text


def test_documentation_lists_every_key() -> None:
    """docs/guides/device-toml.md lists exactly the known keys."""
    page = (ROOT / "docs" / "guides" / "device-toml.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    assert rows == {key for _, key in KNOWN}
    example = page.partition("```toml\n")[2].partition("```")[0]
    assert parse(example.replace("ssh-ed25519 AAAA... me@laptop", ED25519)).hostname == "shelfcam-07"


def test_command_reports_an_invalid_file_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "device.toml"
    path.write_text(text_of(BASE | {"wifi": WIFI | {"psk": "not this"}}))
    done = edgevision("flash", "config", "--check", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"edgevision: error: {path}:10: a psk must have 64 hexadecimal digits")
    assert done.stderr.count("\n") == 1 and "not this" not in done.stderr
