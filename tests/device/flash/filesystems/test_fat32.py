"""Files on a FAT32 partition: what fsck.vfat and mtools make of what we write, and we of what they do."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from edgevision.device.flash.filesystems.fat32 import Fat32
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgevision.errors import BadInput, EdgeVisionError, MissingFile

OFFSET = 1 << 20
"""Of the partition in the image."""
PROGRAMS = ("mkfs.vfat", "fsck.vfat", "mcopy", "mmd", "mdir")
MISSING = [name for name in PROGRAMS if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"not installed: {MISSING} (Debian: apt install dosfstools mtools)"
)
CLUSTERS = [1, 4]
"""Sectors: as Raspberry Pi OS Trixie and Bookworm have them."""


def tool(*arguments: object, **options: object) -> bytes:
    command = [str(one) for one in arguments]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return bytes(done.stdout)


def format_image(path: Path, sectors: int) -> Path:
    """The least size that is FAT32 with such clusters, and a file that mtools wrote."""
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
    """The least image there is, for tests that make many."""
    return format_image(tmp_path_factory.mktemp("fat") / "image", 1).read_bytes()


def judge(image: bytes, tmp_path: Path, files: dict[str, bytes]) -> None:
    """fsck finds nothing, and mtools reads what was written."""
    path, alone = tmp_path / "judged", tmp_path / "partition"
    path.write_bytes(image)
    alone.write_bytes(image[OFFSET:])
    said = tool("fsck.vfat", "-n", "-v", alone).decode()
    assert not [line for line in said.splitlines() if "rong" in line or "iffer" in line or "rphan" in line], said
    for name, content in files.items():
        assert tool("mcopy", "-n", "-i", f"{path}@@{OFFSET}", f"::{name}", "-") == content


def test_what_mtools_wrote_is_read(template: bytes) -> None:
    fat = Fat32(io.BytesIO(template), OFFSET)
    assert fat.names() == ["cmdline.txt", "overlays"]
    assert fat.read("CMDLINE.TXT").startswith(b"console=tty1")
    with pytest.raises(MissingFile, match=r"no folder edgevision"):
        fat.read("edgevision/status.json")


def test_files_of_all_sizes_and_folders(template: bytes, tmp_path: Path) -> None:
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


def test_the_same_files_give_the_same_bytes_and_nothing_beside_the_partition_changes(template: bytes) -> None:
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


def test_replacing_gives_the_room_back(template: bytes, tmp_path: Path) -> None:
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


def test_what_does_not_fit_changes_nothing(template: bytes, tmp_path: Path) -> None:
    image = io.BytesIO(template)
    fat = Fat32(image, OFFSET)
    with pytest.raises(BadInput, match=r"no room for bundle.tar.xz .* MB are free"):
        fat.write("bundle.tar.xz", bytes(fat.free + 1))
    fat.close()
    judge(image.getvalue(), tmp_path, {})
    assert Fat32(image, OFFSET).names() == ["cmdline.txt", "overlays"]


def test_a_folder_grows(template: bytes) -> None:
    fat = Fat32(io.BytesIO(template), OFFSET)
    for number in range(150):
        fat.write(f"overlays/file with a long name {number:04}.txt", b"")
    assert len(fat.names("overlays")) == 150


@pytest.mark.parametrize(
    "name", ["a:b", "a*", "x/../y", "dot.", "blank ", " first", "a\nb", "x" * 256, "a//b", "/a", "\ud800"]
)
def test_names_that_fat_cannot_hold(name: str, template: bytes) -> None:
    fat = Fat32(io.BytesIO(template), OFFSET)
    with pytest.raises(BadInput, match="cannot be the name"):
        fat.write(name, b"")


def test_a_file_is_no_folder_and_a_folder_no_file(template: bytes) -> None:
    fat = Fat32(io.BytesIO(template), OFFSET)
    with pytest.raises(BadInput, match="is a folder"):
        fat.write("overlays", b"")
    with pytest.raises(BadInput, match="is a file"):
        fat.write("cmdline.txt/x", b"")


def test_a_circle_of_clusters_ends(template: bytes) -> None:
    image = io.BytesIO(template)
    fat = Fat32(image, OFFSET)
    fat.write("a.bin", bytes(10_000))
    fat.close()
    first = next(entry.first for entry in fat._entries(fat._shape.root) if entry.name == "a.bin")
    image.seek(OFFSET + fat._shape.table_at + 4 * (first + 1))
    image.write(struct.pack("<I", first))
    with pytest.raises(BadInput, match="lead nowhere"):
        Fat32(image, OFFSET).read("a.bin")


def test_what_is_no_fat32(template: bytes) -> None:
    for image, match in ((b"", "no FAT"), (bytes(4096), "no FAT"), (template[OFFSET : OFFSET + 600], "cut off")):
        with pytest.raises(BadInput, match=match):
            Fat32(io.BytesIO(image), 0)


NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc"), max_codepoint=0x2FFF), min_size=1, max_size=40)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.dictionaries(NAMES, st.binary(max_size=3000), max_size=12))
def test_any_names_and_contents(files: dict[str, bytes], small: bytes, tmp_path: Path) -> None:
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


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 600), st.integers(0, 255)), min_size=1, max_size=6))
def test_damage_is_a_message(changes: list[tuple[int, int, int]], small: bytes) -> None:
    """In the first sector, both tables and the top folder."""
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
