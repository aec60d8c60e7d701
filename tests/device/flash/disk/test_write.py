"""Tests of ``edgevision flash write`` on a fake machine: refused drives, confirmation and messages."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import raspios_image
from fake_machine import GB
from flash_setup import CARD_BYTES, MODEL, SERIAL, Setup, random_image

from edgevision.errors import FlashRefused


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Setup]:
    """A machine with an SD card that may be written."""
    yield Setup(tmp_path, monkeypatch, capsys)
    shutil.rmtree(tmp_path)  # otherwise pytest would keep the drives of all tests


@pytest.mark.parametrize("answer", [MODEL, "generic sd reader", "  Generic SD  Reader ", "0.0 GB", "0.0gb", "0.0"])
def test_model_or_size_confirms_the_card(setup: Setup, answer: str) -> None:
    said = setup.write(answer=f"{answer}\n")
    assert said.code == 0, said.err
    assert setup.is_written()
    for told in (MODEL, SERIAL, "/dev/sdb", "0.0 GB (usb)", "not prepared", "will be lost"):
        assert told in said.err
    sha256 = hashlib.sha256(setup.image.read_bytes()).hexdigest()
    assert "verified at" in said.out
    assert f"sha256 {sha256}\n" in said.out
    assert "can be removed now" in said.out


@pytest.mark.parametrize("answer", ["", "\n", "yes\n", "y\n", "/dev/sdb\n", f"{SERIAL}\n", "Generic\n", "32\n"])
def test_other_answers_leave_the_card_unchanged(setup: Setup, answer: str) -> None:
    setup.refused(setup.write(answer=answer), "not confirmed", "nothing was written", code=11)


def test_labels_and_mounts_are_shown(setup: Setup) -> None:
    setup.machine.udev(setup.card / "sdb1", ID_FS_TYPE="vfat", ID_FS_LABEL="HOLIDAY")
    setup.machine.mount(setup.card / "sdb1", "/media/me/HOLIDAY")
    said = setup.write(answer="no\n")
    assert "HOLIDAY" in said.err
    assert "/media/me/HOLIDAY (will be unmounted)" in said.err
    setup.refused(said, code=11)


def test_serial_number_is_required_without_a_terminal(setup: Setup) -> None:
    setup.refused(setup.write(), "no terminal", "--expect-serial SERIAL", SERIAL)
    setup.refused(setup.write("--yes"), "--expect-serial", SERIAL)
    setup.refused(setup.write("--yes", "--expect-serial", "1"), f"has serial number {SERIAL}", "--expect-serial is 1")
    setup.refused(setup.write("--yes", answer="0.0\n"), "--expect-serial")
    assert setup.surely().code == 0
    assert setup.is_written()


def test_drive_without_serial_number_needs_a_terminal(setup: Setup) -> None:
    (setup.machine.root / "sys/devices/pci0/usb1/1-2/serial").unlink()
    setup.refused(setup.surely(), "has no serial number")
    setup.refused(setup.write("--yes"), "this drive has none", "in a terminal")


def test_drive_must_be_given(setup: Setup, capsys: pytest.CaptureFixture[str]) -> None:
    """Even a single suitable drive is never chosen automatically."""
    from edgevision.cli.main import main

    with pytest.raises(SystemExit) as ended:
        main(["flash", "write", str(setup.image)])
    assert ended.value.code == 2
    assert "--to" in capsys.readouterr().err


def test_partition_is_refused_with_a_hint(setup: Setup) -> None:
    setup.refused(setup.surely(to="/dev/sdb1"), "is a partition", "use --to /dev/sdb")


def test_other_files_and_devices_are_refused(setup: Setup) -> None:
    setup.refused(setup.surely(to=str(setup.image)), "is not a drive")
    made = setup.machine.build_on(setup.card / "sdb1", "dm-0")
    assert made.exists()
    setup.refused(setup.surely(to="/dev/dm-0"), "is not a drive that can be written")


@pytest.mark.parametrize("at", ["/", "/boot", "/boot/firmware", "/usr", "/home", "/home/me", "/var"])
def test_system_drive_is_refused(setup: Setup, at: str) -> None:
    setup.machine.mount(setup.card / "sdb2", at)
    setup.refused(setup.surely(), f"this system runs from it ({at})")


def test_system_drive_below_luks_and_lvm_is_refused(setup: Setup) -> None:
    volume = setup.machine.build_on(setup.machine.build_on(setup.card / "sdb2", "dm-0"), "dm-1")
    setup.machine.mount(volume, "/home")
    setup.refused(setup.surely(), "this system runs from it (/home)")


def test_swap_raid_and_zfs_drives_are_refused(setup: Setup) -> None:
    setup.machine.swaps = ["/dev/sdb2"]
    setup.refused(setup.surely(), "uses it for swap")
    setup.machine.swaps = []
    setup.machine.udev(setup.card / "sdb2", ID_FS_TYPE="zfs_member")
    setup.refused(setup.surely(), "ZFS")
    setup.machine.udev(setup.card / "sdb2")
    setup.machine.build_on(setup.card / "sdb2", "md127")
    setup.refused(setup.surely(), "in use by md127")


def test_drive_that_holds_the_image_is_refused(setup: Setup, tmp_path: Path) -> None:
    setup.machine.mount(setup.card / "sdb1", str(tmp_path))
    setup.refused(setup.surely(), "card.img is on this drive")


def test_loop_device_of_the_image_is_refused(setup: Setup) -> None:
    loop = setup.add("loop0", "virtual/loop0", parts=0)
    (loop / "loop").mkdir()
    (loop / "loop/backing_file").write_text(f"{setup.image}\n")
    said = setup.write("--yes", "--expect-serial", setup.image, "--allow-loop", to="/dev/loop0")
    setup.refused(said, "card.img is on this drive")


def test_read_only_empty_and_small_drives_are_refused(setup: Setup) -> None:
    (setup.card / "ro").write_text("1\n")
    setup.refused(setup.surely(), "read-only")
    (setup.card / "ro").write_text("0\n")
    (setup.card / "size").write_text("0\n")
    setup.refused(setup.surely(), "no medium inserted")
    (setup.card / "size").write_text(f"{setup.image.stat().st_size // 512}\n")
    setup.refused(setup.surely(), "the OS image needs", "use a larger SD card")


@pytest.mark.parametrize("lost", ["proc/self/mountinfo", "proc/swaps", "sys/block/sda/size"])
def test_unidentifiable_drives_are_refused(setup: Setup, lost: str) -> None:
    setup.host.on_open = lambda: pytest.fail("the drive was opened")
    told = setup.machine.told

    def without() -> object:
        found = told()
        (setup.machine.root / lost).unlink(missing_ok=True)
        return found

    setup.machine.told = without  # type: ignore[method-assign, assignment]
    setup.refused(setup.surely(), "none can be used")


def test_unknown_system_drive_is_refused(setup: Setup) -> None:
    setup.machine.mounts = ["22 1 0:20 / / rw - overlay overlay rw,lowerdir=/a"]
    setup.refused(setup.surely(), "cannot tell which drive")


@pytest.mark.parametrize(
    ("name", "at", "more", "permits"),
    [
        ("vdb", "pci0/virtio1", {}, "--allow-fixed"),
        ("nvme0n1", "pci0/nvme/nvme0", {}, "--allow-nvme"),
        ("loop0", "virtual/loop0", {}, "--allow-loop"),
        ("sdc", "pci0/usb1/1-3/host2", {"size": 300 * 10**9, "removable": "1"}, "--allow-large"),
        ("sdd", "pci0/ata2/host3", {"size": 4000 * 10**9}, "--allow-fixed --allow-large"),
    ],
)
def test_each_doubt_needs_its_option(setup: Setup, name: str, at: str, more: dict[str, object], permits: str) -> None:
    made = setup.add(name, at, serial="S1", **more)  # type: ignore[arg-type]
    if name == "loop0":
        (made / "loop").mkdir()
        (made / "loop/backing_file").write_text("S1\n")
    disk = setup.host.files[f"/dev/{name}"] = setup.disk.with_name(name)
    with disk.open("wb") as stream:
        stream.truncate(int((made / "size").read_text()) * 512)
    chosen = ("--yes", "--expect-serial", "S1")
    setup.refused(setup.write(*chosen, to=f"/dev/{name}"), f"add {permits}")
    for one in permits.split()[1:]:
        setup.refused(setup.write(*chosen, one, to=f"/dev/{name}"), f"add {permits.split()[0]}")
    said = setup.write(*chosen, *permits.split(), to=f"/dev/{name}")
    assert said.code == 0, said.err
    with disk.open("rb") as stream:
        assert stream.read(setup.image.stat().st_size) == setup.image.read_bytes()


def test_locked_backup_needs_its_option(setup: Setup) -> None:
    setup.machine.udev(setup.card / "sdb1", ID_FS_TYPE="crypto_LUKS")
    setup.refused(setup.surely(), "LUKS", "--allow-member")
    assert setup.surely("--allow-member").code == 0


def test_options_do_not_override_refusals(setup: Setup) -> None:
    setup.machine.mount(setup.card / "sdb2", "/home")
    every = [f"--allow-{name}" for name in ("fixed", "large", "nvme", "loop", "member")]
    setup.refused(setup.surely(*every), "this system runs from it")


def test_deepest_mounts_are_unmounted_first(setup: Setup) -> None:
    setup.machine.mount(setup.card / "sdb1", "/media/me/rootfs/boot")
    setup.machine.mount(setup.card / "sdb2", "/media/me/rootfs")
    order = []

    def unmount(at: str) -> None:
        order.append(at)
        setup.machine.mounts = [line for line in setup.machine.mounts if f" {at} rw" not in line]
        setup.machine.told()

    setup.host.on_unmount = unmount
    assert setup.surely().code == 0
    assert order == ["/media/me/rootfs/boot", "/media/me/rootfs"]


def test_card_that_cannot_be_unmounted_is_refused(setup: Setup) -> None:
    setup.machine.mount(setup.card / "sdb1", "/media/me/boot")

    def busy(at: str) -> None:
        raise FlashRefused(f"cannot unmount {at}: target is busy")

    setup.host.on_unmount = busy
    setup.refused(setup.surely(), "cannot unmount /media/me/boot")
    setup.host.on_unmount = lambda at: None
    setup.refused(setup.surely(), "mounted again at /media/me/boot")


def test_drive_in_use_is_refused(setup: Setup) -> None:
    setup.host.busy = True
    setup.refused(setup.surely(), "in use")


@pytest.mark.parametrize(
    ("file", "value", "word"),
    [
        ("size", f"{CARD_BYTES // 512 + 8}", "its size in bytes was"),
        ("device/model", "Other", "its model was"),
        ("../../../../serial", "999", "serial number 999"),
        ("diskseq", "12", "its count of media put in was"),
        ("dev", "8:77", "is not a drive"),
        ("ro", "1", "read-only"),
    ],
)
def test_changed_drive_after_opening_is_refused(setup: Setup, file: str, value: str, word: str) -> None:
    """The SD card was exchanged after the confirmation."""
    (setup.card / "diskseq").write_text("11\n")
    setup.host.on_open = lambda: (setup.card / file).write_text(f"{value}\n") and None  # type: ignore[func-returns-value]
    setup.refused(setup.surely(), word)


def test_other_drive_of_the_same_name_is_refused(setup: Setup) -> None:
    setup.host.opened_number = "8:99"
    setup.refused(setup.surely(), "another drive after opening", "8:99")


def test_card_mounted_again_is_refused(setup: Setup) -> None:
    def automount() -> None:
        setup.machine.mount(setup.card / "sdb1", "/media/me/boot")
        setup.machine.told()

    setup.host.on_open = automount
    setup.refused(setup.surely(), "mounted again")


def test_missing_permission_shows_the_sudo_command(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    setup.host.writable = False
    monkeypatch.setattr(sys, "argv", ["/venv/bin/edgevision", "flash", "write", "my card.img", "--to", "/dev/sdb"])
    said = setup.write(answer="0.0\n")
    setup.refused(said, "run: sudo /venv/bin/edgevision flash write 'my card.img' --to /dev/sdb")
    assert "will be lost" not in said.err


def test_other_platforms_suggest_an_image_writer(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgevision.device.cli import flash_disk, flash_write

    monkeypatch.setattr(flash_write, "this_host", flash_disk.this_host)
    for name in ("darwin", "win32"):
        monkeypatch.setattr(sys, "platform", name)
        setup.refused(setup.surely(), "on Linux only", "Raspberry Pi Imager", "without OS customization")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "no partition table"),
        (b"hostname = 'a'\n" * 100, "no partition table"),
        (b"\xfd7zXZ\0" + bytes(2000), "compressed (xz)"),
        (b"PK\3\4" + bytes(2000), "compressed (zip)"),
    ],
)
def test_files_that_are_not_images_are_refused(setup: Setup, content: bytes, word: str) -> None:
    setup.image.write_bytes(content)
    setup.refused(setup.surely(), word, code=1)
    setup.image.unlink()
    setup.refused(setup.surely(), "OS image not found", code=1)


def test_damaged_prepared_image_is_refused(setup: Setup, tmp_path: Path) -> None:
    setup.image = raspios_image.build(tmp_path, prepared=True)  # with an image.json that does not match
    (setup.card / "size").write_text(f"{GB // 512}\n")
    setup.host.on_open = lambda: pytest.fail("the drive was opened")
    setup.refused(setup.surely(), "the prepared OS image", "is damaged", "prepare it again", code=1)


def test_sha256_is_checked_before_writing(setup: Setup) -> None:
    right = hashlib.sha256(setup.image.read_bytes()).hexdigest()
    setup.refused(setup.surely("--sha256", "0" * 64), "is damaged or another file", code=1)
    setup.refused(setup.surely("--sha256", "abc"), "64 hexadecimal digits", code=1)
    beside = setup.image.with_name("card.img.sha256")
    beside.write_text(f"{'1' * 64}  card.img\n")
    setup.refused(setup.surely(), "card.img.sha256 says 1111", code=1)
    beside.write_text(f"{right}  card.img\n")
    said = setup.surely("--json")
    assert said.code == 0
    assert said.events[0]["phase"] == "check"
    assert setup.surely("--sha256", right.upper()).code == 0


def test_json_events(setup: Setup) -> None:
    said = setup.surely("--json")
    assert said.code == 0
    events = said.events
    assert {event["schema"] for event in events} == {"edgevision.flash_event/1"}
    phases = list(dict.fromkeys(event["phase"] for event in events))
    assert phases == ["wipe", "write", "flush", "verify", "finish", "done"]
    for event in events[:-1]:
        assert 0 <= event["bytes"] <= event["total_bytes"]
        assert {"rate_mb_s", "left_s"} <= set(event)
    last = events[-1]
    assert last["device"] == "/dev/sdb"
    assert last["sha256"] == hashlib.sha256(setup.image.read_bytes()).hexdigest()
    assert last["bytes"] == setup.image.stat().st_size


def test_json_events_end_with_any_failure(setup: Setup) -> None:
    (last,) = setup.write("--json").events
    assert (last["phase"], last["exit_code"]) == ("failed", 10)
    assert "no terminal" in last["message"]
    last = setup.write("--json", answer="no\n").events[-1]
    assert (last["phase"], last["exit_code"]) == ("failed", 11)


def test_ctrl_c_reports_the_state_of_the_card(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgevision.device.flash.disk.fake_host import FakeMedium

    def flush(_: FakeMedium) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FakeMedium, "flush", flush)
    said = setup.surely()
    assert said.code == 130
    assert "only partly written" in said.err


def test_small_image_is_written(setup: Setup) -> None:
    random_image(setup.image, 5000)
    assert setup.surely().code == 0
    assert setup.is_written()
    assert setup.disk.read_bytes()[5000 : 1 << 20] == bytes((1 << 20) - 5000)
