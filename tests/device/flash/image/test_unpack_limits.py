"""Tests that archive bombs and damaged partition tables are refused before anything large is unpacked."""

from __future__ import annotations

import io
import lzma
import struct
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from edgevision.device.flash.filesystems.partitions import read_partitions
from edgevision.device.flash.image import unpack as module
from edgevision.device.flash.image.identify import examine
from edgevision.device.flash.image.unpack import unpack
from edgevision.device.flash.image.xz_index import unpacked_size
from hypothesis import given, settings
from hypothesis import strategies as st

from edgevision.errors import BadInput

SECTOR = 512
GB = 10**9
BLOCK = 64 << 20


def number(value: int) -> bytes:
    """Encode a multibyte integer of the .xz format."""
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def _decoded(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 0x80:
            return value, at


@cache
def _packed(head: bytes) -> bytes:
    """Return a block of ``head`` and zeros as an .xz of its own."""
    return lzma.compress(head.ljust(BLOCK, b"\0"), preset=0)


def bomb(size: int, head: bytes = b"") -> bytes:
    """Return a valid .xz of ``head`` and zeros, made in no time: one block repeated, with an index that is right."""
    first, zeros = _packed(head), _packed(b"")
    blocks = []
    for one in (first, zeros):
        backward = 4 * (struct.unpack_from("<I", one, len(one) - 8)[0] + 1)
        body = one[12 : -12 - backward]
        index = one[-12 - backward : -12]
        length, _ = _decoded(index, 2)
        blocks.append((body, length))
    count = size // BLOCK
    records = b"".join(number(blocks[min(place, 1)][1]) + number(BLOCK) for place in range(count))
    index = b"\0" + number(count) + records
    index += bytes(-len(index) % 4)
    index += struct.pack("<I", zlib.crc32(index))
    end = struct.pack("<I", len(index) // 4 - 1) + first[-4:-2]
    footer = struct.pack("<I", zlib.crc32(end)) + end + b"YZ"
    return first[:12] + blocks[0][0] + blocks[1][0] * (count - 1) + index + footer


def table(*entries: tuple[int, int, int], disk: bytes = b"") -> bytes:
    """Return a partition table; each entry: type, start and size in sectors."""
    head = bytearray(disk.ljust(SECTOR, b"\0")[:SECTOR])
    for place, (kind, start, size) in enumerate(entries):
        struct.pack_into("<B3xB3xII", head, 446 + 16 * place, 0, kind, start, size)
    head[510:] = b"\x55\xaa"
    return bytes(head)


GOOD = table((0x0C, 8192, 1000), (0x83, 9192, 2000))


def refused(data: bytes, tmp_path: Path, match: str, look: module.Look | None = None) -> None:
    """Unpack an image; it must be refused without much of it on the disk."""
    image, output = tmp_path / "os.img.xz", tmp_path / "out.img"
    image.write_bytes(data)
    with output.open("w+b") as stream, pytest.raises(BadInput, match=match) as caught:
        unpack(image, stream, lambda done: None, look=look)
    assert "\n" not in str(caught.value)
    assert output.stat().st_blocks * 512 < 64 << 20


def test_bombs_are_refused_by_their_index(tmp_path: Path) -> None:
    data = bomb(100 * GB)
    assert unpacked_size(io.BytesIO(data)) == 100 * GB // BLOCK * BLOCK
    refused(data, tmp_path, r"not an OS image: it unpacks to more than 64 GiB \(100 GB\)")
    refused(data + bytes(4096), tmp_path, "more than 64 GiB")
    refused(bomb(5 * GB), tmp_path, "over 200 times as much")
    many = bomb(40 * GB)
    refused(many + bytes(8) + many, tmp_path, "more than 64 GiB")


@pytest.mark.parametrize("cut", [1, 12, 2000])
def test_bombs_without_an_index_are_refused_while_they_are_unpacked(
    cut: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SMALL", 128 << 20)  # a test must not take seconds
    refused(bomb(100 * GB)[:-cut], tmp_path, "over 200 times as much")


def test_archive_larger_than_its_index_says_is_refused(tmp_path: Path) -> None:
    data = bytearray(bomb(4 * BLOCK))
    backward = 4 * (struct.unpack_from("<I", data, len(data) - 8)[0] + 1)
    at = len(data) - 12 - backward
    index = data[at:-12]
    small = index[:-4].replace(number(BLOCK), number(BLOCK // 2) if len(number(BLOCK // 2)) == 4 else number(BLOCK - 1))
    data[at:-12] = small + struct.pack("<I", zlib.crc32(small))
    assert unpacked_size(io.BytesIO(data)) == 2 * BLOCK
    refused(bytes(data), tmp_path, r"unpacks to more than its index says|is damaged")


def test_large_sparse_files_are_refused_at_once(tmp_path: Path) -> None:
    image = tmp_path / "os.img"
    with image.open("wb") as stream:
        stream.truncate(100 * GB)
    with (tmp_path / "out").open("w+b") as into, pytest.raises(BadInput, match="more than 64 GiB"):
        unpack(image, into, lambda done: None)


def test_partition_table_is_checked_before_the_rest_is_unpacked(tmp_path: Path) -> None:
    def look(head: bytes, size: int | None) -> None:
        read_partitions(io.BytesIO(head), size=size)

    refused(bomb(BLOCK * 10, table((0x0C, 8192, 1000), (0x83, 9192, 10**8))), tmp_path, "but the image has only", look)
    refused(bomb(BLOCK * 10, b"hello"), tmp_path, "no partition table", look)
    image, output = tmp_path / "os.img", tmp_path / "out.img"
    image.write_bytes(lzma.compress(GOOD + bytes(5 << 20), preset=0))
    with output.open("w+b") as stream, pytest.raises(BadInput, match=r"ends at 5\.7 MB"):
        unpack(image, stream, lambda done: None, look=look)
    assert output.stat().st_size == 0
    image.write_bytes(lzma.compress(GOOD + bytes(6 << 20), preset=0))
    with output.open("w+b") as stream:
        assert unpack(image, stream, lambda done: None, look=look) == SECTOR + (6 << 20)


@pytest.mark.parametrize(
    ("head", "match"),
    [
        (table((0x0C, 8192, 0), (0x83, 9192, 2000)), "partition 1 has size 0"),
        (table((0x0C, 8192, 1000), (0x83, 9192, 0)), "partition 2 has size 0"),
        (table((0x0C, 8192, 1001), (0x83, 9192, 2000)), "partition 2 overlaps partition 1"),
        (table((0x0C, 8192, 1000), (0x83, 8192, 2000)), "partition 2 overlaps partition 1"),
        (table((0x0C, 8192, 3000), (0x83, 8300, 20)), "partition 2 overlaps partition 1"),
        (table((0x0C, 8192, 1000), (0x83, 9192, 2000), (0x83, 10000, 5)), "partition 3 overlaps partition 2"),
        (table((0x0C, 8192, 1000), (0x83, 0, 2000)), "partition 2 overlaps the partition table"),
        (table((0x0C, 8192, 1000), (0x83, 9192, 2**32 - 1)), "partition 2 ends at"),
        (table((0x0C, 2**32 - 1, 2**32 - 1), (0x83, 9192, 2000)), "partition 1 ends at"),
        (GOOD[:510] + b"\xaa\x55", "no partition table found"),
    ],
)
def test_impossible_partitions_are_refused(head: bytes, match: str) -> None:
    with pytest.raises(BadInput, match=match) as caught:
        read_partitions(io.BytesIO(head), size=6 << 20)
    assert "\n" not in str(caught.value)


def test_sound_partitions_are_accepted() -> None:
    found = read_partitions(io.BytesIO(GOOD + bytes(11192 * SECTOR)))
    assert found.root is not None
    assert (found.boot.start, found.root.size) == (8192 * SECTOR, 2000 * SECTOR)


@settings(max_examples=60, deadline=None)
@given(parts=st.lists(st.binary(max_size=3000), min_size=1, max_size=4), padding=st.integers(0, 3))
def test_size_is_read_from_any_archive(parts: list[bytes], padding: int) -> None:
    data = b"".join(lzma.compress(part) + bytes(4 * padding) for part in parts)
    assert unpacked_size(io.BytesIO(data)) == sum(map(len, parts))


@settings(max_examples=100, deadline=None)
@given(cut=st.integers(0, 200), change=st.integers(0, 199), flip=st.integers(0, 255))
def test_damaged_archives_have_no_size_or_some_size(cut: int, change: int, flip: int) -> None:
    data = bytearray(lzma.compress(b"content" * 1000))
    data[change % len(data)] ^= flip
    unpacked_size(io.BytesIO(bytes(data[:cut])))
    unpacked_size(io.BytesIO(bytes(data)))


def boot_partition(clusters: int, size: int, longest: int = 0) -> bytes:
    """Return the first sectors of a FAT32 partition with 512-byte clusters and, in its root folder, cmdline.txt."""
    long = (4 * (clusters + 2) + 511) // 512
    head = bytearray(512)
    struct.pack_into("<HBHBHH", head, 11, 512, 1, 32, 1, 0, 0)
    struct.pack_into("<IIHHIH", head, 32, size, long, 0, 0, 2, 1)
    head[510:] = b"\x55\xaa"
    fat = bytearray(long * 512)
    struct.pack_into("<4I", fat, 0, 0x0FFFFFF8, 0x0FFFFFFF, 0x0FFFFFFF, 0x0FFFFFFF)
    entry = struct.pack("<11sB14sHI", b"CMDLINE TXT", 0x20, bytes(8) + b"\0\0" + bytes(4), 3, longest)
    return bytes(head).ljust(32 * 512, b"\0") + bytes(fat) + entry.ljust(512, b"\0")


def image(path: Path, boot: bytes, sectors: int) -> Path:
    """Write a sparse image with this boot partition of so many sectors."""
    with path.open("wb") as stream:
        stream.write(table((0x0C, 8192, sectors), (0x83, 8192 + sectors, 1000)))
        stream.seek(8192 * SECTOR)
        stream.write(boot)
        stream.truncate((8192 + sectors + 1000) * SECTOR)
    return path


@pytest.mark.parametrize(
    ("boot", "sectors", "match"),
    [
        (
            boot_partition(70_000, 32 + 547 + 70_000),
            70_578,
            "its file system has 36.1 MB, but the partition only 36.1 MB",
        ),
        (
            boot_partition(70_000, 32 + 547 + 70_000, 2**31),
            80_000,
            "cmdline.txt has 2147.5 MB, expected at most 0.1 MB",
        ),
        (boot_partition(70_000, 2**32 - 1), 80_000, "inconsistent sizes"),
        (boot_partition(9 << 20, (9 << 20) + 80_000), 10 << 20, "inconsistent sizes"),
    ],
)
def test_boot_partitions_of_impossible_size_are_refused(boot: bytes, sectors: int, match: str, tmp_path: Path) -> None:
    with image(tmp_path / "os.img", boot, sectors).open("rb") as stream, pytest.raises(BadInput, match=match):
        examine(stream)


LONGER: tuple[Callable[[bytes], bytes], ...] = (
    lambda data: data + b"x",
    lambda data: data + b"\0",
    lambda data: data[:-1],
)


@pytest.mark.parametrize("change", LONGER)
def test_archive_with_a_wrong_end_has_no_known_size(change: Callable[[bytes], bytes]) -> None:
    assert unpacked_size(io.BytesIO(change(lzma.compress(b"content")))) is None
