"""Tests of the test images: they have the structure of Raspberry Pi OS, and standard tools find no error."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from raspios_image import BOOT_AT, BOOT_SIZE, DISK_ID, MB, ROOT_AT, SECTOR, Release, build

CHECKERS = ("fsck.vfat", "e2fsck", "debugfs", "mtype")
MISSING = [name for name in CHECKERS if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING} (apt install dosfstools mtools)")


def said(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def boot_file(image: Path, name: str) -> str:
    return said("mtype", "-i", f"{image}@@{BOOT_AT}", f"::{name}")


def root_file(image: Path, name: str) -> str:
    return said("debugfs", "-R", f"cat {name}", f"{image}?offset={ROOT_AT}")


def part(image: Path, at: int, size: int, target: Path) -> Path:
    """Copy part of an image as a sparse file; most of a partition is a hole."""
    with image.open("rb") as source, target.open("wb") as copy:
        end = min(at + size, image.stat().st_size)
        copy.truncate(end - at)
        place = at
        while place < end:
            try:
                place = os.lseek(source.fileno(), place, os.SEEK_DATA)
            except OSError:  # the rest is a hole
                break
            source.seek(place)
            block = source.read(min(MB, max(0, end - place)))
            copy.seek(place - at)
            copy.write(block)
            place += MB
    return target


def cluster_of(boot: Path) -> int:
    with boot.open("rb") as stream:
        return stream.read(SECTOR)[13] * SECTOR


@pytest.mark.parametrize(("release", "cluster"), [("bookworm", 2048), ("trixie", 512)])
def test_image_has_valid_partitions(tmp_path: Path, release: Release, cluster: int) -> None:
    image = build(tmp_path, release)
    with image.open("rb") as stream:
        head = stream.read(SECTOR)
    assert f"{struct.unpack_from('<I', head, 440)[0]:08x}" == DISK_ID
    entries = [struct.unpack_from("<4xB3xII", head, 446 + 16 * index) for index in range(4)]
    assert entries[0] == (0x0C, BOOT_AT // SECTOR, BOOT_SIZE // SECTOR)
    assert entries[1] == (0x83, ROOT_AT // SECTOR, (image.stat().st_size - ROOT_AT) // SECTOR)
    assert entries[2:] == [(0, 0, 0), (0, 0, 0)]
    boot = part(image, BOOT_AT, BOOT_SIZE, tmp_path / "boot")
    said("fsck.vfat", "-n", boot)
    assert cluster_of(boot) == cluster
    said("e2fsck", "-fn", part(image, ROOT_AT, 1 << 30, tmp_path / "root"))


@pytest.mark.parametrize(
    ("release", "end", "python"),
    [("bookworm", "quiet init=/usr/lib/raspberrypi-sys-mods/firstboot", "3.11"), ("trixie", "resize", "3.13")],
)
def test_image_identifies_its_release(tmp_path: Path, release: Release, end: str, python: str) -> None:
    image = build(tmp_path, release)
    line = boot_file(image, "cmdline.txt")
    assert line.count("\n") == 1 and line.endswith(f"rootwait {end}\n") and f"root=PARTUUID={DISK_ID}-02 " in line
    assert f"VERSION_CODENAME={release}\n" in root_file(image, "/usr/lib/os-release")
    assert f"PARTUUID={DISK_ID}-01  /boot/firmware" in root_file(image, "/etc/fstab")
    assert f'Fast link dest: "python{python}"' in said(
        "debugfs", "-R", "stat /usr/bin/python3", f"{image}?offset={ROOT_AT}"
    )
    assert "Raspberry Pi reference" in boot_file(image, "issue.txt")


def test_flaws_are_present(tmp_path: Path) -> None:
    assert root_file(build(tmp_path, armhf=True), "/var/lib/dpkg/arch").split() == ["armhf", "arm64"]
    seeds = "instance_id" in boot_file(build(tmp_path, "trixie"), "meta-data")
    names = said("mdir", "-b", "-i", f"{build(tmp_path, 'trixie', no_seeds=True)}@@{BOOT_AT}", "::")
    assert seeds and "meta-data" not in names and "cmdline.txt" in names
    assert "ID=ubuntu" in root_file(build(tmp_path, not_raspios=True), "/usr/lib/os-release")
    assert " systemd.run=" in boot_file(build(tmp_path, prepared=True), "cmdline.txt")


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_small_boot_partition_is_full(tmp_path: Path, release: Release) -> None:
    image = build(tmp_path, release, small_boot=True, card_mb=1000)
    assert image.stat().st_size == 1000 * MB
    said("fsck.vfat", "-n", part(image, BOOT_AT, BOOT_SIZE, tmp_path / "boot"))
    (tmp_path / "big").write_bytes(bytes(8 * MB))
    copy = ["mcopy", "-i", f"{image}@@{BOOT_AT}", str(tmp_path / "big"), "::"]
    assert subprocess.run(copy, capture_output=True, check=False).returncode != 0
