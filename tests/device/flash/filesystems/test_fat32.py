"""Tests of the FAT32 file system against fsck.vfat and mtools, in both directions."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from edgevision.device.flash.filesystems.fat32 import Fat32
from hypothesis import given, settings
from hypothesis import strategies as st

from edgevision.errors import BadInput, EdgeVisionError, MissingFile

OFFSET = 1 << 20
"""Start of the partition in the image."""
PROGRAMS = ("mkfs.vfat", "fsck.vfat", "mcopy", "mmd", "mdir")
MISSING = [name for name in PROGRAMS if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"not installed: {MISSING} (Debian: apt install dosfstools mtools)"
)
CLUSTERS = [1, 4]
"""Sectors per cluster, as in Raspberry Pi OS Trixie and Bookworm."""


def tool(*arguments: object, **options: object) -> bytes:
    command = [str(one) for one in arguments]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return bytes(done.stdout)


def format_image(path: Path, sectors: int) -> Path:
    """Make the smallest FAT32 image with such clusters, and write a file with mtools."""
    size = OFFSET + 512 * (sectors * 66000 + 3000)
    with path.open("wb") as stream:
        stream.truncate(size)
    tool("mkfs.vfat", "-F", 32, "-s", sectors, "-n", "bootfs", "--offset", OFFSET // 512, "-i", "12345678", path)
    (path.parent / "cmdline.txt").write_text("console=tty1 root=PARTUUID=12345678-02 rootwait quiet\n")
    tool("mcopy", "-i", f"{path}@@{OFFSET}", path.parent / "cmdline.txt", "::")
    tool("mmd", "-i", f"{path}@@{OFFSET}", "::overlays")
    return path


@pytest.fixture(scope="module", params=CLUSTERS)
def template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return format_image(tmp_path_factory.mktemp("fat") / "image", request.param).read_bytes()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The smallest image, for tests that make many."""
    return format_image(tmp_path_factory.mktemp("fat") / "image", 1).read_bytes()


def judge(image: bytes, tmp_path: Path, files: dict[str, bytes]) -> None:
    """Check that fsck finds no error and mtools reads the files."""
    path, alone = tmp_path / "judged", tmp_path / "partition"
    path.write_bytes(image)
    alone.write_bytes(image[OFFSET:])
    said = tool("fsck.vfat", "-n", "-v", alone).decode()
    assert not [line for line in said.splitlines() if "rong" in line or "iffer" in line or "rphan" in line], said
    for name, content in files.items():
        assert tool("mcopy", "-n", "-i", f"{path}@@{OFFSET}", f"::{name}", "-") == content


def test_read_files_written_by_mtools(template: bytes) -> None:
    fat = Fat32(io.BytesIO(template), OFFSET)
    assert fat.names() == ["cmdline.txt", "overlays"]
    assert fat.read("CMDLINE.TXT").startswith(b"console=tty1")
    with pytest.raises(MissingFile, match=r"folder not found on the boot partition: edgevision"):
        fat.read("edgevision/status.json")


def test_write_files_of_all_sizes_and_folders(template: bytes, tmp_path: Path) -> None:
    files = {
        f"edgevision/part {size}.tar.xz": bytes(index % 251 for index in range(size))
        for size in (0, 1, 511, 512, 513, 2048, 2049)
    }
    files |= {"edgevision/deep/er/status.json": b"{}", "cmdline.txt": b"short", "Überlänge-ß-名前.txt": b"unicode"}
    files |= {f"overlays/a long name of an overlay {number}.dtbo": b"x" * number for number in range(60)}
    image = io.BytesIO(template)
    fat = Fat32(image, OFFSET)
    for name, content in files.items():
        fat.write(name, content)
    fat.close()
    judge(image.getvalue(), tmp_path, files)
    again = Fat32(io.BytesIO(image.getvalue()), OFFSET)
    assert {name: again.read(name) for name in files} == files
    assert (
        sorted(again.names()) == ["Überlänge-ß-名前.txt", "cmdline.txt", "edgevision", "overlays"]
        or len(again.names()) == 4
    )


def test_write_is_reproducible_and_stays_in_the_partition(template: bytes) -> None:
    made = []
    for _ in range(2):
        image = io.BytesIO(template)
        fat = Fat32(image, OFFSET)
        fat.write("edgevision/a.txt", b"a")
        fat.close()
        made.append(image.getvalue())
    assert made[0] == made[1]
    assert made[0][:OFFSET] == template[:OFFSET]
    assert len(made[0]) == len(template)


def test_replacing_a_file_frees_its_space(template: bytes, tmp_path: Path) -> None:
    image = io.BytesIO(template)
    fat = Fat32(image, OFFSET)
    fat.write("big.bin", bytes(2_000_000))
    free = fat.free
    for number in range(40):
        fat.write("BIG.BIN", bytes([number]) * 2_000_000)
    assert fat.free == free
    fat.write("big.bin", b"")
    fat.close()
    assert fat.names().count("big.bin") == 1
    judge(image.getvalue(), tmp_path, {"big.bin": b""})


def test_write_without_space_changes_nothing(template: bytes, tmp_path: Path) -> None:
    image = io.BytesIO(template)
    fat = Fat32(image, OFFSET)
    with pytest.raises(BadInput, match=r"not enough space for bundle.tar.xz .* MB free"):
        fat.write("bundle.tar.xz", bytes(fat.free + 1))
    fat.close()
    judge(image.getvalue(), tmp_path, {})
    assert Fat32(image, OFFSET).names() == ["cmdline.txt", "overlays"]


def test_folders_grow(template: bytes) -> None:
    fat = Fat32(io.BytesIO(template), OFFSET)
    for number in range(150):
        fat.write(f"overlays/file with a long name {number:04}.txt", b"")
    assert len(fat.names("overlays")) == 150


@pytest.mark.parametrize(
    "name", ["a:b", "a*", "x/../y", "dot.", "blank ", " first", "a\nb", "x" * 256, "a//b", "/a", "\ud800"]
)
def test_write_rejects_invalid_names(name: str, template: bytes) -> None:
    fat = Fat32(io.BytesIO(template), OFFSET)
    with pytest.raises(BadInput, match="invalid file name"):
        fat.write(name, b"")


def test_write_does_not_mix_up_files_and_folders(template: bytes) -> None:
    fat = Fat32(io.BytesIO(template), OFFSET)
    with pytest.raises(BadInput, match="a folder of this name exists"):
        fat.write("overlays", b"")
    with pytest.raises(BadInput, match="a file of this name exists"):
        fat.write("cmdline.txt/x", b"")


def test_read_rejects_circular_cluster_chains(template: bytes) -> None:
    image = io.BytesIO(template)
    fat = Fat32(image, OFFSET)
    fat.write("a.bin", bytes(10_000))
    fat.close()
    first = next(entry.first for entry in fat._entries(fat._shape.root) if entry.name == "a.bin")
    image.seek(OFFSET + fat._shape.table_at + 4 * (first + 1))
    image.write(struct.pack("<I", first))
    with pytest.raises(BadInput, match="invalid cluster chain"):
        Fat32(image, OFFSET).read("a.bin")


def test_fat32_rejects_other_data(template: bytes) -> None:
    for image, match in (
        (b"", "not a FAT"),
        (bytes(4096), "not a FAT"),
        (template[OFFSET : OFFSET + 600], "truncated"),
    ):
        with pytest.raises(BadInput, match=match):
            Fat32(io.BytesIO(image), 0)


NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc"), max_codepoint=0x2FFF), min_size=1, max_size=40)


@settings(max_examples=15, deadline=None)
@given(files=st.dictionaries(NAMES, st.binary(max_size=3000), max_size=12))
def test_write_any_names_and_contents(files: dict[str, bytes], small: bytes, tmp_path: Path) -> None:
    image = io.BytesIO(small)
    fat = Fat32(image, OFFSET)
    written: dict[str, tuple[str, bytes]] = {}
    for name, content in files.items():
        try:
            fat.write(f"new/{name}", content)
        except BadInput:
            continue
        written[name.upper()] = (name, content)
    fat.close()
    judge(image.getvalue(), tmp_path, {})
    again = Fat32(image, OFFSET)
    assert {name: again.read(f"new/{name}") for name, _ in written.values()} == dict(written.values())


@settings(max_examples=60, deadline=None)
@given(changes=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 600), st.integers(0, 255)), min_size=1, max_size=6))
def test_damage_is_reported_or_harmless(changes: list[tuple[int, int, int]], small: bytes) -> None:
    """Damage in the first sector, both tables and the root folder."""
    sound = Fat32(io.BytesIO(small), OFFSET)._shape
    places = (0, sound.table_at, sound.table_at + sound.table_bytes, sound.place(sound.root))
    image = io.BytesIO(small)
    for where, at, value in changes:
        image.seek(OFFSET + places[where] + at)
        image.write(bytes([value]))
    try:
        fat = Fat32(image, OFFSET)
        for name in fat.names():
            fat.read(name)
        fat.write("edgevision/x", b"x")
    except EdgeVisionError as error:
        assert "\n" not in str(error)
