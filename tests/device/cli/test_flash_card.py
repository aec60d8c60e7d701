"""Tests of ``edgevision flash card``: the temporary OS image is removed in any case."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import raspios_image
import small_bundle
from edgevision.device.cli import flash_card
from edgevision.device.flash.disk import scratch
from edgevision.device.flash.disk.fake_host import FakeHost, FakeMedium, Fault
from edgevision.device.flash.filesystems.fat32 import Fat32
from fake_machine import GB, FakeMachine
from flash_setup import Terminal

MIB = 1 << 20
CARD_BYTES = 832 * MIB
DEVICE = f"""[device]
hostname = "shelfcam-07"
[user]
name = "edge"
password_hash = "$6$ab${"c" * 86}"
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unpacked OS image as published."""
    return raspios_image.build(tmp_path_factory.mktemp("system"))


class Desk:
    """An SD card in a reader, a bundle, settings, and an empty folder for temporary files."""

    def __init__(self, folder: Path, system: Path) -> None:
        self.folder, self.system = folder, system
        machine = FakeMachine(folder / "root")
        machine.mount(machine.disk("sda", "pci0/ata1/host0", 500 * GB) / "sda2", "/")
        machine.disk("sdb", "pci0/usb1/1-2/host1", CARD_BYTES, removable="1", model="Reader", serial="S1")
        self.disk = folder / "sdb"
        with self.disk.open("wb") as stream:
            stream.truncate(CARD_BYTES)
        number = (machine.root / "sys/block/sdb/dev").read_text().strip()
        self.host = FakeHost(machine.told(), {"/dev/sdb": number}, {"/dev/sdb": self.disk})
        self.bundle = small_bundle.build(folder / "default.tar.xz")
        self.config = folder / "device.toml"
        self.config.write_text(DEVICE)
        self.scratch = folder / "scratch"
        self.scratch.mkdir()

    def card(self, *more: str) -> int:
        from edgevision.cli.main import main

        chosen = more or ("--yes", "--expect-serial", "S1")
        with pytest.raises(SystemExit) as ended:
            given = ("--bundle", str(self.bundle), "--config", str(self.config))
            main(["flash", "card", str(self.system), *given, "--to", "/dev/sdb", *chosen])
        return int(ended.value.code or 0)


@pytest.fixture
def desk(tmp_path: Path, system: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """All inputs for an SD card."""
    made = Desk(tmp_path, system)
    monkeypatch.setattr(flash_card, "this_host", lambda: made.host)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    monkeypatch.setenv("TMPDIR", str(made.scratch))
    yield made
    made.disk.unlink()


def test_card_is_prepared_and_written(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    before = desk.system.stat()
    assert desk.card() == 0
    assert "prepared for shelfcam-07" in capsys.readouterr().err
    with desk.disk.open("rb") as stream:
        assert b"shelfcam-07" in Fat32(stream, raspios_image.BOOT_AT).read("edgevision/image.json")
    assert list(desk.scratch.iterdir()) == []
    after = desk.system.stat()
    assert (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)


def pull(desk: Desk) -> None:
    desk.host.faults = (Fault("gone", 5 * MIB),)


def lie(desk: Desk) -> None:
    desk.host.faults = (Fault("corrupt", 5 * MIB),)


def stop(desk: Desk) -> None:
    desk.host.on_open = lambda: os.kill(os.getpid(), signal.SIGTERM)


def hang_up(desk: Desk) -> None:
    desk.host.on_open = lambda: os.kill(os.getpid(), signal.SIGHUP)


def break_off(desk: Desk) -> None:
    desk.host.on_open = lambda: os.kill(os.getpid(), signal.SIGINT)


def occupy(desk: Desk) -> None:
    desk.host.busy = True


def shrink(desk: Desk) -> None:
    """Make the SD card too small, which is only known once the OS image is unpacked."""
    (desk.host.machine.root / "sys/block/sdb/size").write_text(f"{600 * MIB // 512}\n")


def exchange(desk: Desk) -> None:
    """Make reads after the write return another SD card's data."""
    zeros, really = desk.folder / "zeros", desk.host.open
    zeros.write_bytes(bytes(MIB))

    def other(device: Path) -> FakeMedium:
        medium = really(device)
        medium.place = zeros
        return medium

    desk.host.open = other  # type: ignore[method-assign]


def mismatch(desk: Desk) -> None:
    small_bundle.build(desk.bundle, python="3.13")


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (pull, 12),
        pytest.param(lie, 13, marks=pytest.mark.slow),
        pytest.param(exchange, 13, marks=pytest.mark.slow),
        (stop, 128 + signal.SIGTERM),
        (hang_up, 128 + signal.SIGHUP),
        (break_off, 130),
        (occupy, 10),
        (shrink, 10),
        (mismatch, 1),
    ],
)
def test_temporary_image_is_removed_in_any_case(desk: Desk, happens: Callable[[Desk], None], code: int) -> None:
    happens(desk)
    assert desk.card() == code
    assert list(desk.scratch.iterdir()) == []


def test_missing_temporary_folder_is_reported(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TMPDIR", str(desk.folder / "none"))
    assert desk.card() == 1
    assert "set TMPDIR to another folder" in capsys.readouterr().err


def test_drive_is_confirmed_before_the_image_is_prepared(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scratch, "scratch_folder", lambda: pytest.fail("the OS image was prepared"))
    assert desk.card("--yes") == 10
    monkeypatch.setattr(sys, "stdin", Terminal("no\n"))
    assert desk.card("--expect-serial", "S1") == 11
    assert "not confirmed" in capsys.readouterr().err
    desk.config.write_text('[device]\nhostnam = "a"\n')
    assert desk.card() == 1
    assert "device.toml:2" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["default.tar.xz", "device.toml", "raspios-bookworm.img"])
def test_inputs_on_the_card_are_refused(
    desk: Desk, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from edgevision.device.flash.disk.block_devices import Machine

    drive = desk.host.machine.drives()[1]
    assert drive.device == "/dev/sdb"
    mounted = (desk.host.machine.root / "proc/self/mountinfo").read_text()
    mounted += f"40 22 {drive.number} / /media/me/card rw - vfat /dev/sdb rw\n"
    (desk.host.machine.root / "proc/self/mountinfo").write_text(mounted)
    monkeypatch.setattr(Machine, "mount_of", lambda _, path: "/media/me/card" if path.name == name else "/")
    assert desk.card() == 10
    assert f"{name} is on this drive" in capsys.readouterr().err


def test_only_unused_leftovers_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    left = tmp_path / f"{scratch.PREFIX}left"
    left.mkdir()
    (left / "card.img").write_bytes(b"secret")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / f"{scratch.PREFIX}link").symlink_to(elsewhere)
    with scratch.scratch_folder() as one:
        assert not left.exists()
        assert one.stat().st_mode & 0o077 == 0
        with scratch.scratch_folder() as other:
            assert one.is_dir()
            assert other != one
    assert elsewhere.is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{scratch.PREFIX}link", "elsewhere"]
