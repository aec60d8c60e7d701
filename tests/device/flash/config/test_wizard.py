"""Tests of the wizard at a real terminal: answers are written, secrets never shown, and Ctrl-C leaves no file."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import command_line
import pytest
from edgevision.device.flash.config import read, wifi_key
from edgevision.device.flash.config.host_defaults import SYSTEM_LOCALE, Host, country
from edgevision.device.flash.config.records import DeviceConfig, User, Wifi
from ssh_public_keys import ED25519, RSA
from terminal_user import TerminalUser

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")
LOGIN, WIFI = "långes p\"ss'w $(ord)", "se cret $pass'\\"


class Desk:
    """A terminal in an empty folder, and a home folder with SSH keys."""

    def __init__(self, folder: Path) -> None:
        self.home, self.folder = folder / "home", folder / "work"
        for one in (self.home / ".ssh", self.folder):
            one.mkdir(parents=True)
        self.user: TerminalUser | None = None

    def key(self, name: str, text: str) -> None:
        (self.home / ".ssh" / name).write_text(text + "\n")

    def start(self, *args: object) -> TerminalUser:
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "de_AT.UTF-8", "PYTHONUTF8": "1"}
        names = {"TZ": "Europe/Vienna", "LOGNAME": "mia", "TERM": "dumb"}
        self.user = TerminalUser("flash", "config", *args, cwd=self.folder, environ=environ | names)
        return self.user

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture()
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    if made.user is not None:
        made.user.close()


def test_wizard_asks_every_question(desk: Desk) -> None:
    desk.key("id_ed25519.pub", f"{ED25519} mia@laptop")
    desk.key("work.pub", f"{RSA} mia@work")
    desk.key("broken.pub", "ssh-ed25519 AAAA")
    at = desk.start()
    at.answers("Host name [edgevision]", "shelf_cam")
    at.sees("did you mean 'shelf-cam'?")
    at.answers("Host name [edgevision]", "shelfcam-07")
    at.answers("User name [mia]", "")
    at.sees("1  ssh-ed25519 SHA256:")
    at.sees("mia@laptop  (~/.ssh/id_ed25519.pub)")
    at.sees("2  ssh-rsa SHA256:")
    at.answers("Keys that may log in", "3")
    at.sees("choose numbers from 1 to 2")
    at.answers("Keys that may log in", ",")
    at.sees("SSH key file not found")
    at.answers("Keys that may log in", "2, 1")
    at.answers("Password", "short")
    at.sees("8 to 128 characters")
    at.answers("Password", LOGIN)
    at.answers("Repeat", "another one")
    at.sees("the two entries differ")
    at.answers("Password", LOGIN)
    at.answers("Repeat", LOGIN)
    at.answers("sudo rule [password]", "nopass")
    at.sees("did you mean 'nopasswd'?")
    at.answers("sudo rule [password]", "")
    at.answers("Time zone [Europe/Vienna]", "Berlin")
    at.sees("did you mean 'Europe/Berlin'?")
    at.answers("Time zone [Europe/Vienna]", "Europe/Berlin")
    at.answers("Language (locale) [de_AT.UTF-8]", "de_DE.UTF-8")
    at.answers("Keyboard layout", "de")
    at.answers("Wi-Fi network", 'Mein "Netz": #1 ')
    at.answers("Is the network hidden? [y/N]", "perhaps")
    at.answers("Is the network hidden? [y/N]", "y")
    at.answers("Wi-Fi security [wpa2]", "")
    at.answers("Wi-Fi password", WIFI)
    at.answers("Repeat", WIFI)
    at.answers("Country (for the Wi-Fi radio) [DE]", "")
    at.answers("Camera", "rstp://mia:geheim1@10.0.0.7/x")
    at.sees("unknown camera")
    at.answers("Camera", "rtsp://10.0.0.7/x")
    at.answers("Write device.toml? [Y/n]", "")
    assert at.leaves() == 0, at.shown
    assert "next: edgevision flash image OS.img.xz --bundle BUNDLE.tar.xz --config device.toml" in at.shown
    path = desk.folder / "device.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = read.read(path)
    ssid = b'Mein "Netz": #1 '
    assert found == DeviceConfig(
        hostname="shelfcam-07",
        user=User("mia", (f"{RSA} mia@work", f"{ED25519} mia@laptop"), found.user.password_hash, "password"),
        wifi=Wifi(ssid, "wpa2", wifi_key.derive_psk(WIFI, ssid), None, True),
        country="DE",
        locale="de_DE.UTF-8",
        keyboard="de",
        timezone="Europe/Berlin",
        run={"camera": "rtsp://10.0.0.7/x"},
    )
    hashed = found.user.password_hash or ""
    again = ["openssl", "passwd", "-6", "-salt", hashed.split("$")[2], "-stdin"]
    done = subprocess.run(again, input=LOGIN + "\n", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == hashed
    for secret in (LOGIN, WIFI):
        assert secret not in at.shown
        assert secret not in path.read_text()


def test_wizard_accepts_defaults(desk: Desk) -> None:
    """Enter accepts the default everywhere except for sudo, which has none here."""
    desk.key("id.pub", f"{ED25519} mia")
    at = desk.start("-o", "cams/one.toml")
    for question in ("Host name", "User name", "Keys that may log in", "Password"):
        at.answers(question, "")
    at.answers("sudo rule", "")
    at.sees("choose one of nopasswd, none")
    at.answers("sudo rule", "none")
    for question in ("Time zone", "Language", "Keyboard", "Wi-Fi network", "Camera"):
        at.answers(question, "")
    at.answers("Write cams/one.toml?", "yes")
    assert at.leaves() == 0, at.shown
    found = read.read(desk.folder / "cams" / "one.toml")
    assert (found.hostname, found.user) == ("edgevision", User("mia", (f"{ED25519} mia",), None, "none"))
    assert (found.timezone, found.locale, found.wifi, found.run) == ("Europe/Vienna", "de_AT.UTF-8", None, {})


def test_wizard_needs_a_password_without_ssh_keys(desk: Desk) -> None:
    (desk.folder / "mine.txt").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    at = desk.start()
    at.answers("Host name", "")
    at.answers("User name", "")
    at.sees("No SSH key found in ~/.ssh")
    at.answers("Path of a .pub file", "mine.txt")
    at.sees("this is a private SSH key")
    at.answers("Path of a .pub file", "")
    at.answers("Password", "")
    at.sees("8 to 128 characters")
    at.answers("Password", LOGIN)
    at.answers("Repeat", LOGIN)
    at.answers("sudo rule", "nopasswd")
    for question in ("Time zone", "Language", "Keyboard"):
        at.answers(question, "")
    at.answers("Wi-Fi network", "Net")
    at.answers("hidden", "")
    at.answers("Wi-Fi security", "wpa3")
    at.answers("Wi-Fi password", WIFI)
    at.answers("Repeat", WIFI)
    at.answers("Country", "uk")
    at.sees("did you mean 'GB'?")
    at.answers("Country", "GB")
    at.answers("Camera", "-")
    at.sees("no standard input")
    at.answers("Camera", "0")
    at.answers("Write", "")
    assert at.leaves() == 0, at.shown
    found = read.read(desk.folder / "device.toml")
    assert (found.wifi, found.country, found.run) == (Wifi(b"Net", "wpa3", None, WIFI), "GB", {"camera": "0"})
    assert found.user.sudo == "nopasswd"
    assert WIFI not in at.shown and LOGIN not in at.shown


@pytest.mark.parametrize("ending", ["\x03", "\x04"])
@pytest.mark.parametrize("at_password", [False, True])
def test_ctrl_c_and_ctrl_d_leave_no_file(desk: Desk, ending: str, at_password: bool) -> None:
    at = desk.start()
    if at_password:
        for question in ("Host name", "User name", "Path of a .pub file"):
            at.answers(question, "")
    at.sees("Password (hidden): " if at_password else "Host name [edgevision]: ")
    assert at.gives_up(ending) == 130
    assert at.shown.rstrip().splitlines()[-1] == "edgevision: error: interrupted"
    assert "Traceback" not in at.shown
    assert desk.files == []


def test_declining_to_write_leaves_no_file(desk: Desk) -> None:
    desk.key("id.pub", f"{ED25519} mia")
    at = desk.start()
    for question in ("Host name", "User name", "Keys that may log in", "Password"):
        at.answers(question, "")
    at.answers("sudo rule", "none")
    for question in ("Time zone", "Language", "Keyboard", "Wi-Fi network", "Camera"):
        at.answers(question, "")
    at.answers("Write device.toml?", "n")
    assert at.leaves() == 11
    assert "nothing was written" in at.shown
    assert desk.files == []


def test_wizard_repeats_the_question_after_invalid_utf8(desk: Desk) -> None:
    at = desk.start()
    at.sees("Host name [edgevision]: ")
    os.write(at.screen, b"caf\xe9\n")
    at.sees("\n  ")
    at.answers("Host name", "")
    at.sees("User name")
    assert "Traceback" not in at.shown


def test_existing_file_is_reported_before_any_question(desk: Desk) -> None:
    (desk.folder / "device.toml").write_text("mine")
    at = desk.start()
    assert at.leaves() == 1
    assert "device.toml already exists" in at.shown
    assert "Host name" not in at.shown
    at = desk.start("--overwrite")
    at.sees("Host name [edgevision]: ")
    assert at.gives_up("\x03") == 130
    assert (desk.folder / "device.toml").read_text() == "mine"


def edgevision(*args: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return command_line.edgevision("flash", "config", *args, cwd=cwd)


def test_template_without_a_terminal(tmp_path: Path) -> None:
    done = edgevision(cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "edgevision flash config --example > device.toml" in done.stderr
    example = edgevision("--example", cwd=tmp_path)
    assert (example.returncode, example.stderr) == (0, "")
    text = example.stdout.replace("# hostname =", "hostname =").replace("# name =", "name =")
    text = text.replace('# ssh_keys = ["ssh-ed25519 AAAA...', f'ssh_keys = ["{ED25519}')
    (tmp_path / "device.toml").write_text(text)
    assert read.read(tmp_path / "device.toml").user == User("edge", (f"{ED25519} me@laptop",))


def test_check_shows_settings_without_secrets(tmp_path: Path) -> None:
    path = tmp_path / "device.toml"
    path.write_text(
        f"[device]\nhostname = 'cam-1'\n[user]\nname = 'edge'\nssh_keys = ['{ED25519} me']\n"
        "[wifi]\nssid = 'Net'\npassword = 'correct horse'\nsecurity = 'wpa3'\ncountry = 'DE'\n"
        "[camera]\ncamera = 'rtsp://me:geheim@10.0.0.7/x'\n"
    )
    path.chmod(0o644)
    done = edgevision("--check", path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    shown = dict(re.split(" {2,}", line.strip(), maxsplit=1) for line in done.stdout.splitlines())
    assert shown["host name"] == "cam-1"
    assert shown["Wi-Fi key"] == "set"
    assert shown["run camera"] == "rtsp://***@10.0.0.7/x"
    assert "chmod 600" in done.stderr
    assert not any(secret in done.stdout + done.stderr for secret in ("horse", "geheim", ED25519.split()[1]))
    path.chmod(0o600)
    assert edgevision("--check", path, cwd=tmp_path).stderr == ""


def test_host_defaults(tmp_path: Path) -> None:
    etc, home = tmp_path / "etc", tmp_path / "home"
    (etc / "default").mkdir(parents=True)
    nothing = Host(home, etc, {})
    assert (nothing.user(), nothing.timezone(), nothing.locale(), nothing.ssh_keys()) == (
        "edge",
        "UTC",
        SYSTEM_LOCALE,
        {},
    )
    assert nothing.keyboard("de_AT.UTF-8") == "at"
    assert nothing.keyboard("en_AU.UTF-8") == "au"
    (etc / "localtime").symlink_to("/usr/share/zoneinfo/Europe/Paris")
    (etc / "default" / "keyboard").write_text('XKBMODEL="pc105"\nXKBLAYOUT="ch,de"\n')
    there = Host(home, etc, {"LOGNAME": "root", "USER": "mia", "LC_ALL": "C", "LANG": "fr_FR.UTF-8"})
    assert (there.user(), there.timezone(), there.locale()) == ("mia", "Europe/Paris", "fr_FR.UTF-8")
    assert there.keyboard("fr_FR.UTF-8") == "ch"
    (etc / "timezone").write_text("Europe/Rome\n")
    assert there.timezone() == "Europe/Rome"
    assert Host(home, etc, {"TZ": ":Asia/Tokyo"}).timezone() == "Asia/Tokyo"
    assert country("UTC", "pt_BR.UTF-8") == "BR"
