"""Tests of ``edgevision flash drives`` on fake machines: which drives are suitable."""

from __future__ import annotations

from pathlib import Path

import pytest
from documents import parse
from edgevision.device.flash.disk.block_devices import Machine
from edgevision.device.flash.disk.safety_rules import judge_all
from fake_machine import GB, FakeMachine

from edgevision.errors import BadInput


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    """A machine with its system on a SATA drive, and a card reader."""
    made = FakeMachine(tmp_path)
    system = made.disk("sda", "pci0/ata1/host0/target0/0:0:0:0", 500 * GB, model="WDC WD5000")
    made.mount(system / "sda2", "/")
    made.disk("sdb", "pci0/usb1/1-2/1-2:1.0/host1/target1/1:0:0:0", removable="1", vendor="Generic", model="SD Reader")
    (tmp_path / "sys/devices/pci0/usb1/1-2/serial").write_text("2012062\n")
    return made


def test_card_in_a_reader_is_suitable(machine: FakeMachine) -> None:
    found = machine.judge()["/dev/sdb"]
    assert found.suitable
    drive = found.drive
    assert (drive.kind, drive.model, drive.serial, drive.bytes) == ("usb", "Generic SD Reader", "2012062", 32 * GB)


def test_card_in_a_built_in_reader_is_suitable(machine: FakeMachine) -> None:
    machine.disk("mmcblk0", "pci0/mmc_host/mmc0/mmc0:aaaa", serial="0x1234")
    machine.disk("mmcblk0boot0", "pci0/mmc_host/mmc0/mmc0:aaab", parts=0)
    found = machine.judge()
    assert found["/dev/mmcblk0"].suitable
    assert found["/dev/mmcblk0"].drive.serial == "0x1234"
    assert "/dev/mmcblk0boot0" not in found


@pytest.mark.parametrize("at", ["/", "/boot", "/boot/firmware", "/usr", "/home", "/home/me/a\\040b"])
def test_system_drive_is_refused(machine: FakeMachine, at: str) -> None:
    machine.mount(machine.root / "sys/block/sdb/sdb1", at)
    (reason,) = machine.judge()["/dev/sdb"].never
    assert reason.startswith("this system runs from it")


def test_system_on_a_card_is_refused(tmp_path: Path) -> None:
    pi = FakeMachine(tmp_path)
    card = pi.disk("mmcblk0", "soc/mmc_host/mmc0/mmc0:aaaa", removable="0")
    pi.mount(card / "mmcblk0p2", "/")
    assert "this system runs from it (/)" in pi.judge()["/dev/mmcblk0"].never


def test_system_behind_luks_on_lvm_is_refused(machine: FakeMachine) -> None:
    stick = machine.disk("sdc", "pci0/usb1/1-3/1-3:1.0/host2/target2/2:0:0:0", removable="1")
    crypt = machine.build_on(stick / "sdc2", "dm-0")
    volume = machine.build_on(crypt, "dm-1")
    machine.mounts = machine.mounts[:1]
    machine.mount(volume, "/")
    found = machine.judge()
    assert found["/dev/sdc"].never[0] == "this system runs from it (/)"
    assert "in use by dm-0, dm-1 (LVM, RAID, LUKS or a multi-device file system)" in found["/dev/sdc"].never
    assert "/dev/dm-0" not in found


def test_members_of_raid_and_zfs_are_refused(machine: FakeMachine) -> None:
    part = machine.root / "sys/block/sdb/sdb1"
    machine.build_on(part, "md127")
    machine.udev(machine.root / "sys/block/sdb/sdb2", ID_FS_TYPE="zfs_member")
    never = machine.judge()["/dev/sdb"].never
    assert never == ("in use by md127 (LVM, RAID, LUKS or a multi-device file system)", "part of a ZFS pool")


@pytest.mark.parametrize("kind", ["crypto_LUKS", "LVM2_member", "linux_raid_member"])
def test_inactive_members_need_confirmation(machine: FakeMachine, kind: str) -> None:
    """Otherwise, a locked LUKS backup would look like an empty drive."""
    machine.udev(machine.root / "sys/block/sdb/sdb1", ID_FS_TYPE=kind, ID_FS_LABEL="backup")
    found = machine.judge()["/dev/sdb"]
    assert (found.never, [one.permit for one in found.doubts]) == ((), ["--allow-member"])
    assert found.drive.labels == ("backup",)


def test_second_drive_of_a_mounted_btrfs_is_refused(machine: FakeMachine) -> None:
    devices = machine.root / "sys/fs/btrfs/0123-4567/devices"
    devices.mkdir(parents=True)
    for name in ("sda2", "sdb2"):
        (devices / name).write_text("")
    assert machine.judge()["/dev/sdb"].never == ("in use by btrfs (LVM, RAID, LUKS or a multi-device file system)",)


def test_swap_drive_is_refused(machine: FakeMachine) -> None:
    machine.swaps = ["/dev/sdb2"]
    assert machine.judge()["/dev/sdb"].never == ("this system uses it for swap",)


def test_empty_reader_and_read_only_card_are_refused(machine: FakeMachine) -> None:
    machine.disk("sdc", "pci0/usb1/1-3/host2", 0, 0, removable="1")
    machine.disk("sdd", "pci0/usb1/1-4/host3", removable="1", ro="1")
    found = machine.judge()
    assert found["/dev/sdc"].never == ("no medium inserted",)
    assert found["/dev/sdd"].never == ("read-only (lock switch?)",)


def test_unlikely_cards_need_confirmation(machine: FakeMachine) -> None:
    machine.disk("nvme0n1", "pci0/nvme/nvme0", model="Fast")
    machine.disk("loop0", "virtual/loop0", parts=0)
    machine.disk("loop1", "virtual/loop1", 0, parts=0)
    machine.disk("sdc", "pci0/usb1/1-3/host2", 2000 * GB)
    machine.disk("vdb", "pci0/virtio1")
    found = machine.judge()
    for name, word in (
        ("nvme0n1", "NVMe"),
        ("loop0", "loop"),
        ("sdc", "larger than 256 GB"),
        ("vdb", "neither removable"),
    ):
        assert not found[f"/dev/{name}"].never
        assert word in " ".join(map(str, found[f"/dev/{name}"].doubts))
    assert found["/dev/sda"].never
    assert "/dev/loop1" not in found


def test_mounted_card_is_reported(machine: FakeMachine) -> None:
    machine.mount(machine.root / "sys/block/sdb/sdb1", "/media/me/my\\040card")
    found = machine.judge()["/dev/sdb"]
    assert (found.suitable, found.mounted) == (True, ("/media/me/my card",))


def test_no_drive_is_suitable_if_the_system_drive_is_unknown(machine: FakeMachine) -> None:
    """A live system runs from an overlay, so its USB stick looks like any other."""
    machine.mounts = ["22 1 0:20 / / rw - overlay overlay rw,lowerdir=/a"]
    assert all(not one.suitable for one in machine.judge().values())
    assert "cannot tell which drive" in " ".join(machine.judge()["/dev/sdb"].never)


@pytest.mark.parametrize("lost", ["proc/self/mountinfo", "proc/swaps", "sys/block/sdb/size", "sys/block/sda/sda2/dev"])
def test_missing_kernel_information_is_an_error(machine: FakeMachine, lost: str) -> None:
    machine.judge()
    (machine.root / lost).unlink()
    with pytest.raises(BadInput, match="none can be used"):
        judge_all(Machine(machine.root))


def test_invalid_kernel_information_is_an_error(machine: FakeMachine) -> None:
    (machine.root / "sys/block/sdb/size").write_text("many\n")
    with pytest.raises(BadInput, match="none can be used"):
        machine.judge()


def test_drives_command_lists_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    from edgevision.cli.main import main

    if not Path("/sys/block").is_dir():
        pytest.skip("no /sys here")
    with pytest.raises(SystemExit) as ended:
        main(["flash", "drives", "--json"])
    said = capsys.readouterr()
    assert ended.value.code == 0, said.err
    for drive in parse(said.out, "drives")["drives"]:
        assert drive["device"].startswith("/dev/")
        assert not (drive["suitable"] and "/" in drive["mounts"])
