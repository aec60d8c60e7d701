"""Build images with the structure of Raspberry Pi OS Lite: partitions, labels, cluster sizes and identifying files.

Imitated features and their sources (pi-gen: RPi-Distro/pi-gen; sys-mods: RPi-Distro/raspberrypi-sys-mods):

- partitions: MBR with a disk ID, 8 MiB alignment, 512 MiB FAT32 ``bootfs`` (type c), ext4 ``rootfs`` of content + 20 % +
  200 MiB without huge_file; clusters of 2 KiB, on Trixie of 512 bytes: pi-gen export-image/prerun.sh (bookworm-arm64 d7a31c6,
  arm64 ca8aeed);
- cmdline.txt: pi-gen stage1/00-boot-files/files/cmdline.txt (04bc684, Trixie: ``resize``); Bookworm appends
  ``quiet init=...firstboot``: stage2/01-sys-tweaks/00-patches/07-resize-init.diff (d7a31c6);
- PARTUUIDs in cmdline.txt and fstab: pi-gen export-image/04-set-partuuid/00-run.sh (0bfa363),
  stage1/01-sys-tweaks/files/fstab (00da851);
- issue.txt, rpi-issue, machine-id (empty on Bookworm, ``uninitialized`` on Trixie): pi-gen
  export-image/05-finalise/01-run.sh (a46065d and later);
- user-data and network-config (comments only), meta-data with ``instance_id``: pi-gen stage2/04-cloud-init (0e2bbf6,
  cb05dfc); 99_raspberry-pi.cfg: the same folder (026e4a0), since 2025-11 of the package rpi-cloud-init-mods;
- both architectures known to dpkg, the native one first: pi-gen stage0/00-configure-apt (bookworm-arm64 d7a31c6);
- the user with UID 1000: pi-gen stage1/01-sys-tweaks/00-run.sh (f6e24df); /boot/cmdline.txt that points to /boot/firmware:
  package raspi-firmware;
- usr/lib/raspberrypi-sys-mods/*: sys-mods (3af395f; Trixie, 5c67317, has no ``firstboot``); usr/lib/userconf-pi/userconf:
  RPi-Distro/userconf-pi (ca2620a);
- the 32-bit system: ID=raspbian, armhf first, the same boot partition with 32-bit kernels beside kernel8.img;
- not Raspberry Pi OS: Ubuntu 24.04 for the Pi (labels system-boot and writable, seeds on the boot partition,
  Python 3.12).

Firmware, kernels, device trees and programs are stand-ins of a few bytes; their names are real.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from raspios_files import boot_files, furnish

MB = 1 << 20
SECTOR = 512
BOOT_AT = 8 * MB
BOOT_SIZE = 512 * MB
ROOT_AT = BOOT_AT + BOOT_SIZE
DISK_ID = "5a1c3f2e"
"""Disk ID of the partition table, the first part of every PARTUUID."""
SMALL_BOOT_LEFT = 4 * MB
PROGRAMS = {"sfdisk": "fdisk", "mkfs.vfat": "dosfstools", "mcopy": "mtools", "mke2fs": "e2fsprogs"}
Release = Literal["bookworm", "trixie"]


@dataclass(frozen=True, slots=True)
class Flaws:
    """Differences from a regular image."""

    armhf: bool = False
    """The 32-bit system."""
    no_seeds: bool = False
    """Trixie of October 2025: no user-data, meta-data, network-config."""
    not_raspios: bool = False
    """Ubuntu for the Pi: also a FAT32 and an ext4 partition and cloud-init files, but everything else differs."""
    small_boot: bool = False
    """Only 4 MiB are free on the boot partition."""
    python: str | None = None
    """Python version other than the release's, such as 3.12."""
    no_ext4: bool = False
    """The second partition holds zeros."""
    prepared: bool = False
    """Already prepared: kernel arguments of the first boot, edgevision/image.json."""


def missing_programs() -> list[str]:
    """Return the Debian packages that are needed to build images and not installed."""
    return sorted({package for program, package in PROGRAMS.items() if shutil.which(program) is None})


def build(
    folder: Path, release: Release = "bookworm", root: Path | None = None, card_mb: int | None = None, **flaws: object
) -> Path:
    """Build ``folder/raspios-RELEASE.img`` as a sparse file within two seconds; skip the test if programs are missing.

    Args:
        folder: Output folder.
        release: Raspberry Pi OS release.
        root: Complete root file system, prepared with ``raspios_files.furnish`` for ``DISK_ID``; None: make a tiny one.
        card_mb: File size in MiB, as if written to an SD card of this size.
        flaws: Fields of ``Flaws``.
    """
    if missing := missing_programs():
        pytest.skip(f"not installed: {' '.join(missing)} (Debian: apt install)")
    wanted = Flaws(**flaws)  # type: ignore[arg-type]
    image = folder / f"raspios-{release}.img"
    with tempfile.TemporaryDirectory(dir=folder) as name:
        scratch = Path(name)
        if root is None:
            root = scratch / "root"
            furnish(root, release, DISK_ID, wanted)
        root_size = 0 if wanted.no_ext4 else _content(root)
        root_size = -(-(root_size * 12 // 10 + 200 * MB) // (8 * MB)) * 8 * MB
        image.unlink(missing_ok=True)
        with image.open("wb") as stream:
            stream.truncate(max(ROOT_AT + root_size, (card_mb or 0) * MB))
        _partition(image, root_size)
        _fat(scratch, image, release, wanted)
        if not wanted.no_ext4:
            _ext4(image, root, root_size, "writable" if wanted.not_raspios else "rootfs")
    return image


def _content(root: Path) -> int:
    """Return the size of all files in bytes, in blocks of 4 KiB."""
    return sum(
        -(-os.lstat(os.path.join(place, name)).st_size // 4096) * 4096 + 1024
        for place, folders, files in os.walk(root)
        for name in (*folders, *files)
    )


def _partition(image: Path, root_size: int) -> None:
    lines = [
        "label: dos",
        f"label-id: 0x{DISK_ID}",
        f"start={BOOT_AT // SECTOR}, size={BOOT_SIZE // SECTOR}, type=c",
        f"start={ROOT_AT // SECTOR}, size={root_size // SECTOR}, type=83",
    ]
    _run("sfdisk", "-q", "--no-reread", image, text="\n".join(lines) + "\n")


def _fat(scratch: Path, image: Path, release: Release, flaws: Flaws) -> None:
    label = "system-boot" if flaws.not_raspios else "bootfs"
    clusters = "1" if release == "trixie" else "4"
    options: list[str | Path] = ["-F", "32", "-s", clusters, "-n", label, "-i", "54D11A9F"]
    if flaws.small_boot:
        options += ["-l", _bad_blocks(scratch / "bad", tables_mb=9 if release == "trixie" else 3)]
    options += ["--offset", str(BOOT_AT // SECTOR)]
    _run("mkfs.vfat", *options, image, str(BOOT_SIZE // 1024))
    boot = scratch / "boot"
    for name, content in boot_files(release, DISK_ID, flaws).items():
        (boot / name).parent.mkdir(parents=True, exist_ok=True)
        (boot / name).write_bytes(content)
    _run("mcopy", "-s", "-i", f"{image}@@{BOOT_AT}", *sorted(boot.iterdir()), "::")
    if flaws.small_boot:
        _count_bad(image)


def _bad_blocks(path: Path, tables_mb: int) -> Path:
    """List all but the first few MiB as bad blocks: a quick stand-in for large files."""
    first, last = (SMALL_BOOT_LEFT + tables_mb * MB) // 1024, BOOT_SIZE // 1024 - 8
    path.write_text("".join(f"{block}\n" for block in range(first, last)))
    return path


def _count_bad(image: Path) -> None:
    """Correct the count of free clusters: mkfs.vfat counts bad clusters as free, and drivers trust the count."""
    with image.open("r+b") as stream:
        stream.seek(BOOT_AT)
        reserved, fat_sectors = struct.unpack("<14xH20xI", stream.read(40))
        stream.seek(BOOT_AT + reserved * SECTOR)
        bad = stream.read(fat_sectors * SECTOR).count(struct.pack("<I", 0x0FFFFFF7))
        stream.seek(BOOT_AT + SECTOR + 488)
        free = struct.unpack("<I", stream.read(4))[0]
        stream.seek(BOOT_AT + SECTOR + 488)
        stream.write(struct.pack("<I", free - bad))


def _ext4(image: Path, root: Path, size: int, label: str) -> None:
    features = ("-O", "^huge_file", "-E", f"offset={ROOT_AT},root_owner=0:0")
    _run("mke2fs", "-q", "-F", "-t", "ext4", "-L", label, *features, "-d", root, image, f"{size // 1024}k")


def _run(*command: str | Path, text: str | None = None) -> None:
    """Run a program, also from sbin, which is not in the PATH of a regular user."""
    program = shutil.which(str(command[0]), path=f"{os.environ['PATH']}:/usr/sbin:/sbin") or str(command[0])
    done = subprocess.run([program, *command[1:]], input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{command[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
