"""Tests of a prepared SD card's first boot: firstrun.sh and install.pyz --first-boot, on stand-ins for both systems."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from documents import parse
from edgevision.device.bundle import installer_pyz
from edgevision.device.flash.image.status import read_status
from edgevision.device.flash.seeds import cmdline
from edgevision.device.installer.boot import first_boot
from edgevision.device.installer.boot.firstrun_script import FIRSTRUN, TOKENS
from prepared_card import CONFIG, HASH, KEY, Prepared, prepare, run_first

SHELL = shutil.which("dash") or "/bin/sh"
needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="needs root rights to change accounts in another root (chpasswd --root)"
)


def firstrun(prepared: Prepared, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run firstrun.sh as systemd does, on another root than this machine's."""
    script = prepared.card / "firstrun.sh"
    given = {"EDGEVISION_ROOT": str(prepared.root)} | environment
    return subprocess.run([SHELL, script], env=given, capture_output=True, text=True, timeout=120, check=False)


def kernel_line(prepared: Prepared) -> bytes:
    return (prepared.boot / "cmdline.txt").read_bytes()


# ------------------------------------------------------------------------------------------------------- firstrun.sh


def test_firstrun_is_valid_posix_sh() -> None:
    assert b"\r" not in FIRSTRUN
    assert FIRSTRUN.startswith(b"#!/bin/sh\n")
    assert max(map(len, FIRSTRUN.decode("ascii").splitlines())) < 260
    subprocess.run([SHELL, "-n"], input=FIRSTRUN, check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", "-s", "sh", "-"], input=FIRSTRUN, check=True)


def test_cmdline_and_firstrun_use_the_same_arguments() -> None:
    assert cmdline.arm("root=x").split()[1:] == list(TOKENS)


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
@needs_root
def test_firstrun_blanks_its_arguments_and_starts_the_installer(release: str, tmp_path: Path) -> None:
    prepared = prepare(tmp_path, release)
    before = kernel_line(prepared)
    done = firstrun(prepared)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    after = kernel_line(prepared)
    # Only our arguments changed; the size and the position of everything else did not.
    assert len(after) == len(before)
    assert after.split() == [word for word in before.split() if word.decode() not in TOKENS]
    changed = [place for place in range(len(before)) if before[place] != after[place]]
    assert {after[place] for place in changed} == {ord(" ")}
    assert not cmdline.is_armed(after.decode())
    log = (prepared.card / "setup.log").read_text()
    assert log.startswith("first boot\n")
    assert "firstboot: reading the settings" in log
    assert prepared.status["state"] == "running"
    assert (prepared.root / "etc/systemd/system/multi-user.target.wants/edgevision-setup.service").exists()
    assert not list(prepared.card.glob("*.part"))


def test_firstrun_keeps_a_line_without_its_arguments(tmp_path: Path) -> None:
    prepared = prepare(tmp_path)
    line = b'console=tty1 systemd.run=/home/me/x.sh "dyndbg=a  +p" xsystemd.run_success_action=reboot root=PARTUUID=1-02 quiet'
    (prepared.boot / "cmdline.txt").write_bytes(line)
    firstrun(prepared)
    assert kernel_line(prepared) == line


@pytest.mark.parametrize("end", [b"", b"\n", b" quiet\n", b" systemd.unit=rescue.target\n"])
def test_firstrun_finds_its_arguments_anywhere_in_the_line(end: bytes, tmp_path: Path) -> None:
    prepared = prepare(tmp_path)
    line = b"root=PARTUUID=1-02 " + " ".join(TOKENS).encode() + end
    (prepared.boot / "cmdline.txt").write_bytes(line)
    firstrun(prepared)
    assert kernel_line(prepared).split() == [b"root=PARTUUID=1-02", *end.split()]
    assert len(kernel_line(prepared)) == len(line)


def test_firstrun_reports_a_failure_to_start_the_installer(tmp_path: Path) -> None:
    prepared = prepare(tmp_path)
    (prepared.card / "install.pyz").write_bytes(b"no zip")
    assert firstrun(prepared).returncode == 0
    assert prepared.status["state"] == "failed"
    assert "install.pyz failed with exit code 1" in prepared.status["message"]
    assert not cmdline.is_armed(kernel_line(prepared).decode())
    assert "what to do: prepare the SD card again" in "\n".join(read_status(prepared.boot).describe())
    assert "SyntaxError" in (prepared.card / "setup.log").read_text()


def test_firstrun_keeps_the_status_of_the_installer(tmp_path: Path) -> None:
    prepared = prepare(tmp_path)
    (prepared.card / "device.json").write_text("{")
    assert firstrun(prepared).returncode == 0
    assert prepared.status["state"] == "failed"
    assert "device.json is damaged" in prepared.status["message"]
    assert not (prepared.root / "opt/edgevision").exists()


def test_firstrun_reports_missing_python(tmp_path: Path) -> None:
    prepared = prepare(tmp_path)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in "grep sed wc dd mktemp rm sync mv".split():
        (tools / name).symlink_to(str(shutil.which(name)))
    script = prepared.card / "firstrun.sh"
    script.write_text(script.read_text().replace("PATH=/usr/local/sbin:", f"PATH={tools} ignored="))
    assert firstrun(prepared).returncode == 0
    assert prepared.status["message"] == "python3 not found on this system"
    assert not cmdline.is_armed(kernel_line(prepared).decode())


def test_firstrun_refuses_a_machine_not_booted_from_the_card(tmp_path: Path) -> None:
    """Running the script by hand must not turn one's own computer into the device."""
    prepared = prepare(tmp_path)
    before = kernel_line(prepared)
    if before.split()[-1].decode() in Path("/proc/cmdline").read_text():
        pytest.skip("this machine was started by a prepared SD card")
    done = firstrun(prepared, EDGEVISION_ROOT="")
    assert done.returncode == 1
    assert "was not booted from one" in done.stderr
    assert kernel_line(prepared) == before
    line = tmp_path / "line"
    line.write_text("root=/dev/sda1 quiet")
    assert not first_boot.started_by_card(line)
    line.write_bytes(before)
    assert first_boot.started_by_card(line)


def test_installer_needs_only_python(tmp_path: Path) -> None:
    (tmp_path / "install.pyz").write_bytes(installer_pyz.pyz())
    command = [sys.executable, "-I", "-S", tmp_path / "install.pyz"]  # -S: no site-packages
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=60, check=True)
    assert "--first-boot DIR" in done.stdout
    for arguments in ([], ["b.tar.xz", "--setup"], ["--setup", "x", "--first-boot", "y"]):
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 2
        assert "give exactly one of: a bundle, --remove, --first-boot DIR, --setup" in done.stderr


# ----------------------------------------------------------------------------------------------------------- settings


@needs_root
def test_first_boot_applies_every_setting_on_bookworm(tmp_path: Path) -> None:
    prepared = prepare(tmp_path)
    done = run_first(prepared)
    assert done.returncode == 0, done.stderr
    assert "not set" not in done.stdout
    text = prepared.text
    assert text("etc/hostname") == "shelfcam-07\n"
    assert "127.0.1.1\tshelfcam-07\n" in text("etc/hosts")
    assert "raspberrypi" not in text("etc/hosts")
    assert "edge:x:1000:1000:,,,:/home/edge:/bin/bash\n" in text("etc/passwd")
    assert f"\nedge:{HASH}:" in text("etc/shadow")
    assert "sudo:x:27:edge\nvideo:x:44:edge\nedge:x:1000:\n" in text("etc/group")
    assert (text("etc/subuid"), text("etc/subgid")) == (
        "other:100000:65536\nedge:165536:65536\n",
        "edge:165536:65536\n",
    )
    assert text("home/edge/.profile") == "# of pi\n"
    assert not (prepared.root / "home/pi").exists()
    assert text("home/edge/.ssh/authorized_keys") == f"{KEY}\n"
    for path, mode in ((".ssh", 0o700), (".ssh/authorized_keys", 0o600)):
        found = (prepared.root / "home/edge" / path).stat()
        assert (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (mode, 1000, 1000)
    assert "PasswordAuthentication no\n" in text("etc/ssh/sshd_config.d/10-edgevision.conf")
    wanted = prepared.root / "etc/systemd/system/multi-user.target.wants"
    assert {"ssh.service", "edgevision-setup.service"} == {one.name for one in wanted.iterdir()}
    assert not (prepared.root / "etc/ssh/sshd_config.d/rename_user.conf").exists()
    assert (prepared.root / "etc/systemd/system/getty.target.wants/getty@tty1.service").is_symlink()
    assert not (prepared.root / "etc/sudoers.d/010_pi-nopasswd").exists()
    assert not (prepared.root / "etc/sudoers.d/010_edgevision").exists()  # sudo asks for the password
    wifi = prepared.root / "etc/NetworkManager/system-connections/edgevision.nmconnection"
    assert wifi.stat().st_mode & 0o777 == 0o600
    assert f"ssid={''.join(f'{byte};' for byte in CONFIG.wifi.ssid)}\nhidden=true\n" in wifi.read_text()
    assert "WirelessEnabled=true\n" in text("var/lib/NetworkManager/NetworkManager.state")
    assert text("var/lib/systemd/rfkill/platform-fe300000.mmcnr:wlan") == "0\n"
    assert text("var/lib/systemd/rfkill/platform-soc:bluetooth") == "1\n"
    assert (prepared.root / "etc/localtime").readlink() == Path("/usr/share/zoneinfo/Europe/Berlin")
    assert text("etc/timezone") == "Europe/Berlin\n"
    assert text("etc/default/keyboard").splitlines()[-1] == 'XKBLAYOUT="de"'
    assert 'XKBLAYOUT="gb"' not in text("etc/default/keyboard")
    assert text("etc/default/locale") == "LANG=de_DE.UTF-8\n"
    assert text("etc/locale.gen").endswith("\nen_GB.UTF-8 UTF-8\nde_DE.UTF-8 UTF-8\n")


def contents(root: Path) -> dict[str, tuple[int, bytes]]:
    """Return mode and content of all files, except the backups that the passwd tools keep."""
    return {
        str(path.relative_to(root)): (
            path.lstat().st_mode,
            os.readlink(path).encode() if path.is_symlink() else path.read_bytes(),
        )
        for path in sorted(root.rglob("*"))
        if not path.is_dir() and not (path.parent.name == "etc" and path.name.endswith("-"))
    }


@needs_root
def test_first_boot_is_idempotent(tmp_path: Path) -> None:
    prepared = prepare(tmp_path)
    run_first(prepared)
    once = contents(prepared.root)
    run_first(prepared)
    assert contents(prepared.root) == once


@needs_root
def test_first_boot_leaves_settings_to_cloud_init_on_trixie(tmp_path: Path) -> None:
    prepared = prepare(tmp_path, "trixie")
    before = contents(prepared.root)
    assert run_first(prepared).returncode == 0
    after = contents(prepared.root)
    changed = {path for path in before | after if before.get(path) != after.get(path)}
    theirs = {path for path in changed if not path.startswith(("opt/edgevision/", "var/lib/systemd/rfkill/"))}
    assert theirs == {
        "etc/systemd/system/edgevision-setup.service",
        "etc/systemd/system/multi-user.target.wants/edgevision-setup.service",
        "etc/systemd/system/multi-user.target.wants/userconfig.service",  # the user dialog, which would wait forever
        "etc/ssh/sshd_config.d/rename_user.conf",
        "etc/systemd/system/getty.target.wants/getty@tty1.service",
        "etc/NetworkManager/system-connections/edgevision.nmconnection",  # a name that netplan would change
        "var/lib/NetworkManager/NetworkManager.state",
    }


@pytest.mark.parametrize(
    ("sudo", "in_group", "rule"),
    [("password", True, None), ("nopasswd", True, "edge ALL=(ALL) NOPASSWD: ALL\n"), ("none", False, None)],
)
@needs_root
def test_first_boot_sets_the_sudo_rule(sudo: str, in_group: bool, rule: str | None, tmp_path: Path) -> None:
    prepared = prepare(tmp_path)
    system = parse((prepared.card / "device.json").read_text(), "device")["system"]
    prepared.device(system={"user": system["user"] | {"sudo": sudo, "password_hash": None}})
    # A rule left by an earlier choice.
    (prepared.root / "etc/sudoers.d/010_edgevision").write_text("edge ALL=(ALL) NOPASSWD: ALL\n")
    assert "not set" not in run_first(prepared).stdout
    path = prepared.root / "etc/sudoers.d/010_edgevision"
    assert (path.read_text() if path.exists() else None) == rule
    assert rule is None or path.stat().st_mode & 0o777 == 0o440
    assert not (prepared.root / "etc/sudoers.d/010_pi-nopasswd").exists()
    assert ("sudo:x:27:edge\n" in prepared.text("etc/group")) == in_group
    assert "\nedge:!:" in prepared.text("etc/shadow")


@needs_root
def test_first_boot_creates_a_missing_first_account(tmp_path: Path) -> None:
    prepared = prepare(tmp_path)
    for name in ("passwd", "shadow", "group", "gshadow"):
        path = prepared.root / "etc" / name
        lines = [line.replace(":pi", ":") for line in path.read_text().splitlines(True) if not line.startswith("pi:")]
        path.write_text("".join(lines))
    shutil.rmtree(prepared.root / "home/pi")
    assert "not set" not in run_first(prepared).stdout
    assert "edge:x:1000:1000::/home/edge:/bin/bash\n" in prepared.text("etc/passwd")
    assert "video:x:44:edge\n" in prepared.text("etc/group")
    assert (prepared.root / "home/edge/.ssh/authorized_keys").stat().st_uid == 1000


@needs_root
def test_first_boot_applies_other_settings_after_a_failure(tmp_path: Path) -> None:
    prepared = prepare(tmp_path)
    system = parse((prepared.card / "device.json").read_text(), "device")["system"]
    prepared.device(system=system | {"timezone": "Europe/Atlantis", "locale": "tlh_KX.UTF-8", "warp": 9})
    done = run_first(prepared)
    assert done.returncode == 0
    assert [line for line in done.stdout.splitlines() if line.startswith("not set: ")] == [
        "not set: 'warp': unknown setting (made by another edgevision version?)",
        "not set: timezone: unknown time zone on this system: Europe/Atlantis",
        "not set: locale: unknown locale on this system: tlh_KX.UTF-8",
    ]
    assert prepared.text("etc/hostname") == "shelfcam-07\n"
    assert prepared.text("etc/default/locale") == "LANG=en_GB.UTF-8\n"


def test_first_boot_installs_trusted_keys_before_reading_the_bundle(tmp_path: Path) -> None:
    key = tmp_path / "mine.pem"
    key.write_text("-----BEGIN PUBLIC KEY-----\n")
    prepared = prepare(tmp_path, trust=[key])
    (prepared.card / "bundle.tar.xz").write_bytes(b"never read")
    prepared.device(system=None)
    assert run_first(prepared).returncode == 0
    assert prepared.text("etc/edgevision/keys/key-1.pem") == key.read_text()


def test_first_boot_refuses_a_card_without_its_trusted_key(tmp_path: Path) -> None:
    key = tmp_path / "mine.pem"
    key.write_text("-----BEGIN PUBLIC KEY-----\n")
    prepared = prepare(tmp_path, trust=[key])
    (prepared.card / "key-1.pem").unlink()
    done = run_first(prepared)
    assert done.returncode == 1
    assert "so no bundle can be accepted" in done.stderr
    assert not (prepared.root / "opt/edgevision").exists()
    assert prepared.status["state"] == "failed"


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"schema": "edgevision.device/2"}, "expected schema"),
        ({"trust": ["../../etc/shadow"]}, "must be a list of file names"),
        ({"trust": "key-1.pem"}, "must be a list of file names"),
        ({"system": []}, "must be null or an object"),
        ({"instance": None}, "missing or invalid"),
        ({"release": "x" * 500}, "missing or invalid"),
        ({"backend": "../x"}, "missing or invalid"),
    ],
)
def test_first_boot_reports_a_damaged_device_json_in_one_line(
    change: dict[str, object], match: str, tmp_path: Path
) -> None:
    prepared = prepare(tmp_path)
    prepared.device(**change)
    done = run_first(prepared)
    assert done.returncode == 1
    assert match in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (prepared.root / "opt/edgevision").exists()
    assert not (prepared.root / "etc/edgevision").exists()


# ---------------------------------------------------------------------------------------------------------- power cuts

CUT = """
import os, signal, sys
left = [int(sys.argv.pop(1))]
MADE = {"os.rename", "os.mkdir", "os.remove", "os.symlink", "os.chmod", "os.chown", "subprocess.Popen", "shutil.rmtree"}
def hook(event, arguments):
    # Count everything that changes a file or starts a program.
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if event in MADE or writes:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.path.insert(0, sys.argv[1])
from edgevision_install.__main__ import main
sys.addaudithook(hook)
code = main(sys.argv[2:])
print(left[0])
sys.exit(code)
"""


def cut(prepared: Prepared, after: int, *options: object, pyz: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run install.pyz and kill it before the change that follows the first ``after`` changes."""
    command = [
        sys.executable,
        "-I",
        "-c",
        CUT,
        after,
        pyz or prepared.card / "install.pyz",
        *options,
        "--root",
        prepared.root,
    ]
    return subprocess.run([str(one) for one in command], capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("stride", [17, pytest.param(1, marks=pytest.mark.slow)])
@needs_root
def test_first_boot_recovers_from_or_reports_any_power_cut(stride: int, tmp_path: Path) -> None:
    whole = prepare(tmp_path / "whole")
    shutil.copytree(tmp_path / "whole", tmp_path / "fresh", symlinks=True)
    changes = 10**6 - int(cut(whole, 10**6, "--first-boot", whole.card).stdout.split()[-1])
    assert changes > 60
    seen = set()
    for after in range(0, changes, stride):
        prepared = Prepared(tmp_path / "cut/root", tmp_path / "cut/boot")
        shutil.copytree(tmp_path / "fresh", tmp_path / "cut", symlinks=True)
        assert cut(prepared, after, "--first-boot", prepared.card).returncode == -9
        told = prepared.status
        seen.add((told["state"], told["step"]))
        unit = prepared.root / "etc/systemd/system/multi-user.target.wants/edgevision-setup.service"
        if unit.exists():
            # The next boot applies all settings before it reads the bundle, which is for another machine.
            kept = prepared.root / "opt/edgevision/setup/install.pyz"
            done = cut(prepared, 10**6, "--setup", prepared.card, pyz=kept)
            assert "is for riscv64" in done.stderr, done.stderr
            assert "not set" not in done.stdout
            ours = ("opt/", "etc/edgevision")
            expected = {path: found for path, found in contents(whole.root).items() if not path.startswith(ours)}
            found = {path: one for path, one in contents(prepared.root).items() if not path.startswith(ours)}
            expected.pop(
                "etc/systemd/system/multi-user.target.wants/edgevision-setup.service"
            )  # disabled, since the bundle was rejected
            assert {path: one for path, one in found.items() if not path.endswith(".edgevision")} == expected
        else:
            assert told["state"] in ("pending", "running")
            assert told["step"] == "firstboot"
            assert prepared.text("etc/hostname") == "raspberrypi\n"
        shutil.rmtree(tmp_path / "cut")
    assert {("pending", "firstboot"), ("running", "system")} <= seen
