"""Build a disk image like a Raspberry Pi's SD card without mounting: FAT partition ``bootfs``, ext4 partition ``rootfs``."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .host import need_programs, run, say

SECTOR = 512
MB = 1024 * 1024
PROGRAMS = {
    "mkfs.vfat": "dosfstools",
    "mcopy": "mtools",
    "mke2fs": "e2fsprogs",
    "sfdisk": "fdisk",
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of the partitions in MB of 2^20 bytes."""

    start: int = 1
    """Start of the first partition."""
    boot: int = 64
    root: int = 1800

    @property
    def whole(self) -> int:
        """Size of the image."""
        return self.start + self.boot + self.root


def build(root: Path, boot: Mapping[str, bytes], image: Path, sizes: Sizes = Sizes()) -> Path:
    """Write the image from the folder ``root`` and the files ``boot`` (name -> content, FAT). Raises CannotRun."""
    need_programs(PROGRAMS)
    say(f"building the image {image.name} ({sizes.whole} MB, sparse)")
    image.parent.mkdir(parents=True, exist_ok=True)
    part = image.with_suffix(".part")
    part.unlink(missing_ok=True)
    with part.open("wb") as stream:
        stream.truncate(sizes.whole * MB)
    _partition(part, sizes)
    with tempfile.TemporaryDirectory(dir=image.parent) as scratch:
        _insert(_fat(Path(scratch), boot, sizes.boot), part, sizes.start)
        _insert(_ext4(Path(scratch), root, sizes.root), part, sizes.start + sizes.boot)
    part.rename(image)
    return image


def _partition(image: Path, sizes: Sizes) -> None:
    start, boot = sizes.start * MB // SECTOR, sizes.boot * MB // SECTOR
    script = f"label: dos\nstart={start}, size={boot}, type=c, bootable\nstart={start + boot}, type=83\n"
    with tempfile.NamedTemporaryFile("w", suffix=".sfdisk") as table:
        table.write(script)
        table.flush()
        run(["sh", "-c", 'exec sfdisk -q "$1" < "$2"', "sfdisk", image, table.name], "sfdisk")


def _fat(folder: Path, files: Mapping[str, bytes], size: int) -> Path:
    path = folder / "boot.fat"
    with path.open("wb") as stream:
        stream.truncate(size * MB)
    run(["mkfs.vfat", "-F", "32", "-n", "bootfs", path], "mkfs.vfat")
    for name, content in files.items():
        source = folder / "file"
        source.write_bytes(content)
        run(["mcopy", "-o", "-i", path, source, f"::{name}"], f"mcopy of {name}")
    return path


def _ext4(folder: Path, root: Path, size: int) -> Path:
    path = folder / "root.ext4"
    run(["mke2fs", "-q", "-t", "ext4", "-L", "rootfs", "-d", root, path, f"{size}M"], "mke2fs")
    return path


def _insert(partition: Path, image: Path, start: int) -> None:
    """Copy the non-zero data of a partition into the image."""
    with partition.open("rb") as source, image.open("r+b") as target:
        position, end = 0, os.fstat(source.fileno()).st_size
        while position < end:
            try:
                position = os.lseek(source.fileno(), position, os.SEEK_DATA)
            except OSError:  # only holes remain
                return
            hole = os.lseek(source.fileno(), position, os.SEEK_HOLE)
            source.seek(position)
            target.seek(start * MB + position)
            while position < hole:
                block = source.read(min(hole - position, 4 * MB))
                target.write(block)
                position += len(block)
