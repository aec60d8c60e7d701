"""Tests of identifying OS images and of the ext4 reader, which is compared with debugfs."""

from __future__ import annotations

import io
import struct
import subprocess
from pathlib import Path

import pytest
import raspios_files
import raspios_image
from edgevision.device.flash.filesystems.ext4 import Ext4
from edgevision.device.flash.filesystems.fat32 import Fat32
from edgevision.device.flash.image.identify import SystemImage, examine
from hypothesis import given, settings
from hypothesis import strategies as st

from edgevision.errors import BadInput, EdgeVisionError, MissingFile

TABLE = 446
needs_programs = pytest.mark.skipif(
    bool(raspios_image.missing_programs()), reason=f"not installed: {raspios_image.missing_programs()}"
)


def look(path: Path) -> SystemImage:
    with path.open("rb") as stream:
        return examine(stream)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("images")
    return {release: raspios_image.build(folder, release) for release in ("bookworm", "trixie")}


@pytest.fixture
def changed(images: dict[str, Path], tmp_path: Path) -> Path:
    """A Bookworm image that may be changed."""
    path = tmp_path / "changed.img"
    subprocess.run(["cp", "--sparse=always", images["bookworm"], path], check=True)
    return path


def furnished(folder: Path, files: dict[str, str], without: tuple[str, ...] = ()) -> Path:
    """Build a Bookworm image whose root has additional files or lacks some."""
    root = folder / "root"
    root.mkdir()
    raspios_files.furnish(root, "bookworm", raspios_image.DISK_ID, raspios_image.Flaws())
    for name in (*files, *without):
        (root / name).unlink(missing_ok=True)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return raspios_image.build(folder, "bookworm", root)


def patch(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as stream:
        stream.seek(at)
        stream.write(data)


def put(path: Path, name: str, content: bytes) -> None:
    """Write a file on the boot partition."""
    with path.open("r+b") as stream:
        fat = Fat32(stream, raspios_image.BOOT_AT)
        fat.write(name, content)
        fat.close()


# -------------------------------------------------------------------------------------------------------- identification


def test_examine_identifies_both_releases(images: dict[str, Path]) -> None:
    bookworm, trixie = look(images["bookworm"]), look(images["trixie"])
    assert (bookworm.backend, bookworm.python, bookworm.arch) == ("bookworm", "3.11", "aarch64")
    assert (trixie.backend, trixie.python, trixie.arch) == ("trixie", "3.13", "aarch64")
    assert bookworm.os_name == "Debian GNU/Linux 12 (bookworm)"
    assert bookworm.disk_id == raspios_image.DISK_ID
    assert bookworm.cmdline.endswith("init=/usr/lib/raspberrypi-sys-mods/firstboot")
    assert bookworm.boot_at == raspios_image.BOOT_AT
    assert 500e6 < bookworm.boot_free_bytes < raspios_image.BOOT_SIZE


def test_examine_reports_architecture_and_python(tmp_path: Path) -> None:
    assert look(raspios_image.build(tmp_path, "bookworm", armhf=True)).arch == "armv7l"
    assert look(raspios_image.build(tmp_path, "bookworm", python="3.12")).python == "3.12"


@pytest.mark.parametrize(
    ("release", "flaw", "match"),
    [
        ("trixie", "no_seeds", "user-data and meta-data not found .* October 2025"),
        ("trixie", "not_raspios", "not a Raspberry Pi OS image: it contains 'Ubuntu 24.04.4 LTS'"),
        ("bookworm", "prepared", "already prepared with edgevision"),
        ("bookworm", "no_ext4", "not an ext4"),
    ],
)
def test_examine_rejects_unsuitable_images(release: str, flaw: str, match: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=match) as error:
        look(raspios_image.build(tmp_path, release, **{flaw: True}))  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("files", "without", "match"),
    [
        ({"etc/machine-id": "0123456789abcdef0123456789abcdef\n"}, (), "has been booted before"),
        (
            {"usr/lib/os-release": "PRETTY_NAME=Old\nID=debian\nVERSION_CODENAME=bullseye\n"},
            (),
            "'bullseye' is not supported",
        ),
        ({"usr/lib/os-release": "ID=debian\nVERSION_CODENAME=trixie\n"}, (), "with the first-boot setup of bookworm"),
        (
            {"usr/lib/os-release": "this is 'no file of assignments\n"},
            (),
            "not a Raspberry Pi OS.*an unnamed system",
        ),
        ({}, ("etc/rpi-issue",), "not a Raspberry Pi OS"),
        ({}, ("usr/bin/python3",), "no Python 3"),
        ({"usr/bin/python3.11": "#!/bin/sh\n"}, (), "Python is not an ELF program"),
        ({"usr/bin/python3.11": "\x7fELF" + "\2" * 60}, (), "unsupported processor"),
    ],
)
def test_examine_rejects_unsuitable_root_file_systems(
    files: dict[str, str], without: tuple[str, ...], match: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=match) as error:
        look(furnished(tmp_path, files, without))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("root=PARTUUID=5a1c3f2e-02 rootwait", "does not start its first-boot setup"),
        (
            "root=PARTUUID=11111111-02 init=/x/firstboot",
            "names root partition 11111111-02, but this disk has 5a1c",
        ),
        ("root=PARTUUID=5a1c3f2e-02 resize systemd.run=/boot/firstrun.sh", "another program"),
        ("root=PARTUUID=5a1c3f2e-02\ninit=/x/firstboot", "got 2 lines"),
        ("root=PARTUUID=5a1c3f2e-02 \x1b[2J init=/x/firstboot", "got 1 lines"),
        ("", "got 0 lines"),
    ],
)
def test_examine_rejects_wrong_kernel_arguments(line: str, match: str, changed: Path) -> None:
    put(changed, "cmdline.txt", line.encode())
    with pytest.raises(BadInput, match=match):
        look(changed)


@pytest.mark.parametrize("name", ["custom.toml", "firstrun.sh", "userconf.txt"])
def test_examine_rejects_images_set_up_by_another_program(name: str, changed: Path) -> None:
    put(changed, name, b"x")
    with pytest.raises(BadInput, match=f"another program .*{name}"):
        look(changed)


def test_examine_rejects_wrong_partition_tables(changed: Path) -> None:
    patch(changed, TABLE + 16 + 4, b"\x07")
    with pytest.raises(BadInput, match="no second partition with a Linux file system"):
        look(changed)
    patch(changed, TABLE + 4, b"\x83")
    with pytest.raises(BadInput, match="first partition is not FAT32"):
        look(changed)
    patch(changed, TABLE + 4, b"\xee")
    with pytest.raises(BadInput, match="GPT"):
        look(changed)
    patch(changed, 510, b"\0\0")
    with pytest.raises(BadInput, match="no partition table"):
        look(changed)


@pytest.mark.parametrize("end", [0, 511, 4096, (8 << 20) + 100, (520 << 20) + 1024, (520 << 20) + 5000])
def test_examine_rejects_truncated_images(end: int, changed: Path) -> None:
    with changed.open("r+b") as stream:
        stream.truncate(end)
    with pytest.raises(BadInput) as error:
        look(changed)
    assert "\n" not in str(error.value)


# ---------------------------------------------------------------------------------------------------------- ext4 reader


def make_ext4(folder: Path, *options: str, kind: str = "ext4", size: str = "24M") -> Path:
    """Make a file system with everything that the reader supports: many names, holes, extents, all kinds of links."""
    root, path = folder / "tree", folder / "root.ext4"
    (root / "etc").mkdir(parents=True)
    (root / "many").mkdir()
    for number in range(1500):
        (root / "many" / f"a name of some length {number}").write_text(str(number))
    (root / "etc/plain").write_bytes(bytes(range(256)) * 40)
    with (root / "etc/holes").open("wb") as stream:
        for number in range(12):  # more extents than the four that an inode holds
            stream.seek(number * 50_000)
            stream.write(f"piece {number}".encode() * 20)
    (root / "link").symlink_to("etc/plain")
    (root / "etc/absolute").symlink_to("/etc/../many/../etc/./plain")
    (root / "etc/long").symlink_to("../" * 30 + "etc/plain")
    (root / "etc/circle").symlink_to("circle")
    (root / "etc/nowhere").symlink_to("/not/there")
    subprocess.run(["mke2fs", "-q", "-F", "-t", kind, *options, "-d", root, path, size], check=True)
    return path


@needs_programs
@pytest.mark.parametrize(
    "options",
    [(), ("-O", "^huge_file"), ("-O", "^64bit,^metadata_csum", "-b", "1024"), ("-I", "128", "-O", "^flex_bg")],
)
def test_ext4_reads_files_like_debugfs(options: tuple[str, ...], tmp_path: Path) -> None:
    path = make_ext4(tmp_path, *options)
    # Index the folder with many names, as the kernel does.
    subprocess.run(["e2fsck", "-fyD", path], check=False, capture_output=True)
    with path.open("rb") as stream:
        root = Ext4(stream, 0)
        for name in ("etc/plain", "etc/holes", *(f"many/a name of some length {one}" for one in (0, 777, 1499))):
            judged = subprocess.run(["debugfs", "-R", f'cat "/{name}"', path], check=True, capture_output=True)
            assert root.read(name, 1 << 20) == judged.stdout
            assert root.read(name, 3) == judged.stdout[:3]
        plain = root.read("etc/plain", 1 << 20)
        for link in ("link", "etc/absolute", "etc/long"):
            assert root.read(link, 1 << 20) == plain
        assert root.target("link") == "etc/plain"
        assert root.target("etc/long") == "../" * 30 + "etc/plain"
        for missing in ("etc/nowhere", "etc/none", "many", "etc/plain/x"):
            with pytest.raises(MissingFile, match="not found in the root file system"):
                root.read(missing, 10)
        with pytest.raises(BadInput, match="is a circular link"):
            root.read("etc/circle", 10)


@needs_programs
@pytest.mark.parametrize(
    ("kind", "options"), [("ext2", ()), ("ext4", ("-O", "inline_data")), ("ext4", ("-O", "encrypt"))]
)
def test_ext4_rejects_unsupported_features(kind: str, options: tuple[str, ...], tmp_path: Path) -> None:
    with (
        make_ext4(tmp_path, *options, kind=kind).open("rb") as stream,
        pytest.raises(BadInput, match="not supported"),
    ):
        Ext4(stream, 0).read("etc/plain", 10)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if raspios_image.missing_programs():
        pytest.skip("mke2fs is not installed (Debian: apt install e2fsprogs)")
    return make_ext4(tmp_path_factory.mktemp("small"), "-b", "4096", "-O", "^has_journal", size="12M")


@settings(max_examples=150, deadline=None)
@given(
    changes=st.lists(
        st.tuples(
            st.sampled_from(["super", "group", "inode", "anywhere"]), st.integers(0, 1 << 23), st.integers(0, 255)
        ),
        min_size=1,
        max_size=12,
    )
)
def test_ext4_reports_damage_or_reads_on(changes: list[tuple[str, int, int]], small: Path) -> None:
    """Damage never causes a crash or hang, in the most important structures or anywhere else."""
    image = bytearray(small.read_bytes())
    (blocks,) = struct.unpack_from("<I", image, 4096 + 8)
    places = {
        "super": (1024, 200),
        "group": (4096, 64),
        "inode": (blocks * 4096 + 256, 256 * 30),
        "anywhere": (0, 1 << 21),
    }
    for where, at, value in changes:
        start, length = places[where]
        image[start + at % length] = value
    stream = io.BytesIO(image)
    for name in ("etc/plain", "etc/holes", "many/a name of some length 777", "etc/long"):
        try:
            assert len(Ext4(stream, 0).read(name, 1 << 16)) <= 1 << 16
        except EdgeVisionError as error:
            assert "\n" not in str(error)


def test_ext4_rejects_a_cyclic_extent_tree(small: Path) -> None:
    """Every extent block refers to itself."""
    node = struct.pack("<HHHHI", 0xF30A, 340, 340, 1, 0) + struct.pack("<IIHH", 0, 1, 0, 0) * 340
    image = bytearray(small.read_bytes())
    (table,) = struct.unpack_from("<I", image, 4096 + 8)
    image[4096 * 1000 : 4096 * 1000 + len(node)] = node
    root = table * 4096 + 256
    top = struct.pack("<HHHHI", 0xF30A, 4, 4, 5, 0) + struct.pack("<IIHH", 0, 1000, 0, 0) * 4
    image[root + 0x28 : root + 0x28 + 60] = top
    with pytest.raises(BadInput, match="inconsistent"):
        Ext4(io.BytesIO(bytes(image)), 0).read("etc/plain", 10)
