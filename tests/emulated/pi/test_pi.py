"""Tests of prepared SD cards on emulated boards: the device sets itself up without network or user and recognizes images."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from documents import parse
from raspios_image import DISK_ID

from tools.emulation import pi_bundle
from tools.emulation.host import CannotRun
from tools.emulation.pi_board import BOOT_AT, CARD_MB, boot_file
from tools.emulation.pi_watch import Watch

from .conftest import HASH, KEY, PSK, SIGNED, Finished, Prepared

MB = 1 << 20
STARTS = {"bookworm": 3, "trixie": 2}
"""Number of boots: the OS's own first boot (Bookworm), our first boot, and the one that installs."""
STATE = "/var/lib/private/edgevision"


def told(card: Path) -> str:
    """Return the output of flash status for an SD card."""
    return pi_bundle.edgevision("flash", "status", card, code=None)


def cmdline(card: Path) -> str:
    return boot_file(card, "cmdline.txt").decode()


def test_device_boots_the_expected_number_of_times(finished: Finished) -> None:
    release = finished.prepared.release
    assert len(finished.starts) == STARTS[release]
    assert ["systemd.run=" in line for line in finished.starts] == [True] * (STARTS[release] - 1) + [False]
    last = cmdline(finished.card)
    assert "systemd." not in last and "init=" not in last and " resize" not in last and last.count("\n") == 1
    assert "cfg80211.ieee80211_regdom=DE" in last


def test_status_reports_the_first_prediction(finished: Finished) -> None:
    said = told(finished.card)
    assert "done: the service runs; first prediction: green" in said, said
    assert pi_bundle.edgevision("flash", "status", finished.card) == said, (
        "exit code 0 if the installation has finished"
    )


def test_predictions_are_stored_on_the_card(finished: Finished) -> None:
    summary = parse(finished.root.read(f"{STATE}/summary.json"), "run")
    assert summary["frames"] >= 10 and summary["errors"] == 0 and summary["stopped_by"] == "signal", summary
    assert "green" in finished.root.names(f"{STATE}/collect"), finished.root.ask(f"ls -l {STATE}/collect")
    assert any(name.endswith(".jpg") for name in finished.root.names(f"{STATE}/collect/green"))


def test_device_verifies_the_signature_and_keeps_the_key(finished: Finished) -> None:
    log = boot_file(finished.card, "edgevision/setup.log").decode()
    signed = finished.prepared.release in SIGNED
    assert ("all files match the manifest, signed by key-1.pem" in log) is signed, log
    assert finished.root.names("/etc/edgevision/keys") == ({"key-1.pem"} if signed else set())


def test_settings_are_applied(finished: Finished) -> None:
    root = finished.root
    assert root.read("/etc/hostname") == "shelfcam-07\n"
    account = next(line.split(":") for line in root.read("/etc/passwd").splitlines() if line.startswith("edge:"))
    assert account[5:] == ["/home/edge", "/bin/bash"]
    assert (
        next(line.split(":")[1] for line in root.read("/etc/shadow").splitlines() if line.startswith("edge:")) == HASH
    )
    assert root.read("/home/edge/.ssh/authorized_keys").strip().endswith(KEY)
    assert "Mode:  0600" in root.stat("/home/edge/.ssh/authorized_keys")
    assert (
        "edge" in next(line for line in root.read("/etc/group").splitlines() if line.startswith("sudo:")).split(":")[3]
    )
    assert "Europe/Berlin" in root.ask("stat /etc/localtime")
    assert 'XKBLAYOUT="de"' in root.read("/etc/default/keyboard")
    assert "ssh.service" in root.names("/etc/systemd/system/multi-user.target.wants")


def test_network_is_configured(finished: Finished) -> None:
    by_us = finished.prepared.release == "bookworm"
    folder = "/etc/NetworkManager/system-connections" if by_us else "/etc/netplan"
    profiles = {name: finished.root.read(f"{folder}/{name}") for name in finished.root.names(folder)}
    assert any(PSK in text for text in profiles.values()), profiles
    for name in profiles:
        assert "Mode:  0600" in finished.root.stat(f"{folder}/{name}")


def test_boot_partition_has_no_secret_and_no_bundle(finished: Finished) -> None:
    with pytest.raises(CannotRun, match="not found"):
        boot_file(finished.card, "edgevision/bundle.tar.xz")
    sectors = _boot_partition(finished.card)
    for secret in (PSK, HASH):
        assert secret.encode() not in sectors
        assert secret.encode() in _boot_partition(finished.prepared.image), (
            "the secret must be found in the prepared image"
        )


def test_root_partition_fills_the_card(finished: Finished) -> None:
    blocks = re.search(r"Block count:\s+(\d+)", finished.root.ask("stats -h"))
    assert blocks and int(blocks[1]) * 4096 > (CARD_MB - 530) * MB
    disk = f"{int.from_bytes(_head(finished.card)[440:444], 'little'):08x}"
    assert disk != DISK_ID, "each SD card must get its own disk ID"
    assert f"PARTUUID={disk}-02" in finished.root.read("/etc/fstab") and f"PARTUUID={disk}-02" in cmdline(finished.card)


def test_file_systems_are_consistent(finished: Finished, tmp_path: Path) -> None:
    boot = tmp_path / "boot"
    boot.write_bytes(_boot_partition(finished.card))
    subprocess.run(["fsck.vfat", "-n", boot], check=True, capture_output=True)
    boot.unlink()
    root = subprocess.run(
        ["e2fsck", "-fn", f"{finished.card}?offset={finished.root.offset}"], check=False, capture_output=True
    )
    assert root.returncode == 0, root.stdout


def test_device_had_no_network(finished: Finished) -> None:
    devices = set(re.findall(r"NetworkManager\[.*device \((\w+)\)", finished.console))
    assert devices == {"lo"}, "devices that NetworkManager found"


def test_power_cut_in_our_first_boot(prepared: Prepared, finished: Finished) -> None:
    """The next boot is a normal one in any case, and the status reports the interruption."""
    pi = prepared.pi(finished.before["first"], "cut")
    try:
        pi.power_on()
        assert "systemd.run=" in pi.starts[-1]
        Watch(pi).until("firstboot", "system", "room")
        pi.cut_power()
        assert "interrupted" in told(pi.card), told(pi.card)
        pi.power_on()
        assert "systemd." not in pi.starts[-1]
        pi.wait_for("somebody can log in", lambda: " login:" in pi.said())
        pi.press_power_button()
        assert "interrupted" in told(pi.card), told(pi.card)
    finally:
        pi.close()


def test_power_cuts_during_the_installation(prepared: Prepared, finished: Finished) -> None:
    """While the bundle is unpacked, and while its libraries are installed; the third attempt succeeds."""
    pi = prepared.pi(finished.before["setup"], "cuts")
    try:
        watch = Watch(pi)
        for steps in (("unpack",), ("environment", "prove")):
            pi.power_on()
            watch.until(*steps)
            pi.cut_power()
            assert "interrupted" in told(pi.card), told(pi.card)
        pi.power_on()
        watch.until()
        assert " login:" in pi.said(), "the installation must not block a normal boot"
        pi.press_power_button()
        assert "done: the service runs; first prediction: green" in told(pi.card), told(pi.card)
    finally:
        pi.close()


def _head(card: Path) -> bytes:
    with card.open("rb") as stream:
        return stream.read(512)


def _boot_partition(card: Path) -> bytes:
    with card.open("rb") as stream:
        stream.seek(BOOT_AT)
        return stream.read(512 * MB)
