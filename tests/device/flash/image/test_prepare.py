"""Tests of ``edgevision flash image``: the prepared OS image, rejected inputs, and the files left after a kill."""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import os
import re
import resource
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import command_line
import pytest
import raspios_image
import small_bundle
from documents import parse
from edgevision.device.bundle import keys
from edgevision.device.flash.config import read as device_file
from edgevision.device.flash.filesystems.fat32 import Fat32
from edgevision.device.flash.image.atomic_output import SUFFIX, half_made
from edgevision.device.flash.image.check import check
from edgevision.device.flash.image.prepare import PrepareWish, prepare
from edgevision.device.flash.image.unpack import unpack, wanted_sha256
from edgevision.device.flash.seeds.cmdline import is_armed
from edgevision.device.installer.boot.boot_partition import read_device
from edgevision.device.installer.boot.firstrun_script import TOKENS
from hypothesis import given, settings
from hypothesis import strategies as st
from locations import HELPERS

from edgevision.errors import BadInput, CannotWrite, EdgeVisionError

CHILD = HELPERS / "flash_image_child.py"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFmd8kXm0sU2C2pQvVqoPJ3PzN9y0v8tWb0f0Yq4sB1c me@desk"
SETTINGS = f"""
[device]
hostname = "shelfcam-07"
timezone = "Europe/Berlin"

[user]
name = "edge"
ssh_keys = ["{KEY}"]

[wifi]
ssid = "My Net"
password = "correct horse"
country = "DE"
"""
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
needs_judges = pytest.mark.skipif(
    shutil.which("fsck.vfat") is None or shutil.which("mcopy") is None, reason="dosfstools or mtools is not installed"
)
PYTHON = {"bookworm": "3.11", "trixie": "3.13"}


@dataclass(frozen=True)
class Bench:
    """Input files for prepared OS images."""

    images: dict[str, Path]
    bundles: dict[str, Path]
    config: Path

    def wish(self, output: Path, release: str = "bookworm", **changes: Any) -> PrepareWish:
        given = {"image": self.images[release], "bundle": self.bundles[release], "output": output} | changes
        return PrepareWish(**{"config": device_file.read(self.config)} | given)

    def arguments(self, output: Path, release: str = "bookworm") -> list[str]:
        options = ("--bundle", self.bundles[release], "--config", self.config, "-o", output)
        return [str(one) for one in ("flash", "image", self.images[release], *options)]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Input files; afterwards it is checked that no test changed the original OS images."""
    folder = tmp_path_factory.mktemp("bench")
    images = {release: raspios_image.build(folder, release) for release in ("bookworm", "trixie")}  # type: ignore[arg-type]
    bundles = {release: small_bundle.build(folder / f"{release}.tar.xz", PYTHON[release]) for release in images}
    config = folder / "device.toml"
    config.write_text(SETTINGS)
    before = {release: marked(path) for release, path in images.items()}
    yield Bench(images, bundles, config)
    assert {release: marked(path) for release, path in images.items()} == before
    assert len(list(folder.iterdir())) == 5, "a test left files beside the original OS images"


def digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def marked(path: Path) -> str:
    """Return a hash of the non-zero blocks; holes of a sparse file are not read."""
    found, block = hashlib.sha256(), 4096
    at, end = 0, path.stat().st_size
    with path.open("rb") as stream:
        while at < end:
            try:
                at = os.lseek(stream.fileno(), at, os.SEEK_DATA) // block * block
            except OSError:
                break
            content = os.pread(stream.fileno(), 256 * block, at)
            for place in range(0, len(content), block):
                if content[place : place + block] != bytes(block):
                    found.update(f"{at + place} ".encode() + content[place : place + block])
            at += len(content)
    return f"{found.hexdigest()} {end}"


def edgevision(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = command_line.edgevision(*arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert code == 0 or done.stderr.count("\n") == 1, done.stderr
    return done


def boot(image: Path) -> Fat32:
    return Fat32(io.BytesIO(_boot_bytes(image)), 0)


def _boot_bytes(image: Path) -> bytes:
    """Return the start of the boot partition, which holds all files of these tests."""
    with image.open("rb") as stream:
        stream.seek(raspios_image.BOOT_AT)
        return stream.read(48 << 20)


def refused(wish: PrepareWish, match: str) -> None:
    """Check that it is rejected with one line, and that no file is left."""
    there = set(wish.output.parent.iterdir())
    with pytest.raises(EdgeVisionError, match=match) as error:
        prepare(wish)
    assert "\n" not in str(error.value)
    assert set(wish.output.parent.iterdir()) == there


# ------------------------------------------------------------------------------------------------------ prepared image


@needs_judges
@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_prepared_image_is_valid_for_fsck_and_mtools(release: str, bench: Bench, tmp_path: Path) -> None:
    output = tmp_path / "out.img"
    said = edgevision(*bench.arguments(output, release))
    assert f"next: edgevision flash check {output}" in said.stdout
    assert "shelfcam-07" in said.stdout
    assert list(tmp_path.iterdir()) == [output]
    assert stat.S_IMODE(output.stat().st_mode) == 0o600

    listed = parse(mtype(output, "edgevision/image.json"), "image")
    assert (listed["backend"], listed["hostname"]) == (release, "shelfcam-07")
    for name, entry in listed["files"].items():
        content = mtype(output, name)
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["bytes"], entry["sha256"])
    assert mtype(output, "edgevision/bundle.tar.xz") == bench.bundles[release].read_bytes()
    assert mtype(output, "edgevision/firstrun.sh").startswith(b"#!/bin/sh\n")
    status = parse(mtype(output, "edgevision/status.json"), "install_status")
    assert (status["state"], status["step"], status["release"]) == ("pending", "firstboot", listed["release"])
    line = mtype(output, "cmdline.txt").decode()
    assert is_armed(line)
    assert line.count("\n") == 1
    assert ("resize" in line.split()) == (release == "trixie")
    # The rest is unchanged: the partition table before, and the root after the boot partition.
    same = ["cmp", bench.images[release], output]
    subprocess.run([*same, "-n", str(raspios_image.BOOT_AT)], check=True)
    subprocess.run([*same, "-i", f"{raspios_image.ROOT_AT}:{raspios_image.ROOT_AT}"], check=True)
    judged = tmp_path / "judged"
    with output.open("rb") as source, judged.open("wb") as target:
        source.seek(raspios_image.BOOT_AT)
        target.write(source.read(64 << 20))
        target.truncate(raspios_image.BOOT_SIZE)
    fsck = subprocess.run(["fsck.vfat", "-n", judged], capture_output=True, text=True, check=False)
    assert fsck.returncode == 0, fsck.stdout
    assert [one for one in check(output) if not one.ok] == []


def mtype(image: Path, name: str) -> bytes:
    source = f"{image}@@{raspios_image.BOOT_AT}"
    return subprocess.run(["mcopy", "-n", "-i", source, f"::{name}", "-"], check=True, capture_output=True).stdout


def test_image_json_output_and_log_contain_no_secret(bench: Bench, tmp_path: Path) -> None:
    said = edgevision(*bench.arguments(tmp_path / "out.img"), "--json", "-vv")
    assert "edgevision.flash: wrote edgevision/device.json (" in said.stderr
    assert "edgevision.flash: all files read back as written\n" in said.stderr
    made = parse(said.stdout, "image_made")
    assert (made["schema"], made["backend"], made["wifi"]) == ("edgevision.image_made/1", "bookworm", "My Net")
    assert made["bytes"] == (tmp_path / "out.img").stat().st_size
    psk = device_file.read(bench.config).wifi
    assert psk is not None
    assert psk.psk is not None
    for secret in ("correct horse", psk.psk):
        assert secret not in said.stdout + said.stderr


def test_each_prepared_image_has_its_own_instance(bench: Bench, tmp_path: Path) -> None:
    one, other = prepare(bench.wish(tmp_path / "1.img")), prepare(bench.wish(tmp_path / "2.img"))
    assert one.instance != other.instance
    assert re.fullmatch(r"edgevision-[0-9a-f]{12}", one.instance)


def test_loop_options_are_written_to_the_boot_partition(bench: Bench, tmp_path: Path) -> None:
    config = tmp_path / "device.toml"
    config.write_text(SETTINGS + "\n[run]\ntop = 3\n")
    prepare(bench.wish(tmp_path / "out.img", config=device_file.read(config)))
    fat = boot(tmp_path / "out.img")
    assert b"top = 3" in fat.read("edgevision/run.toml")
    assert b"ExecStart" in fat.read("edgevision/service.conf")
    assert parse(fat.read("edgevision/device.json"), "device")["service"] == {"files": ["run.toml", "service.conf"]}


def test_device_reads_the_prepared_files(bench: Bench, tmp_path: Path) -> None:
    """The installer's own code reads the settings and the kernel arguments of the first boot."""
    config = tmp_path / "device.toml"
    config.write_text(SETTINGS + "\n[run]\ntop = 3\n")
    made = prepare(bench.wish(tmp_path / "out.img", config=device_file.read(config)))
    fat = boot(tmp_path / "out.img")
    card = tmp_path / "edgevision"
    card.mkdir()
    for name in fat.names("edgevision"):
        (card / name).write_bytes(fat.read(f"edgevision/{name}"))
    device = read_device(card)
    assert (device.instance, device.release, device.backend) == (made.instance, made.manifest.id, "bookworm")
    assert device.service
    assert device.system is not None
    assert device.system["hostname"] == "shelfcam-07"
    line = fat.read("cmdline.txt").decode().split()
    assert [token for token in TOKENS if token not in line] == []


def test_original_cloud_init_files_are_replaced_on_trixie(bench: Bench, tmp_path: Path) -> None:
    before = boot(bench.images["trixie"])
    assert b"rpios-image" in before.read("meta-data")
    made = prepare(bench.wish(tmp_path / "out.img", "trixie"))
    after = boot(tmp_path / "out.img")
    assert after.names().count("user-data") == 1
    assert made.instance.encode() in after.read("meta-data")
    assert b"rpios-image" not in after.read("meta-data")


HOSTILE = [
    "My \"Net\"; $(reboot) `id` 'x'",
    "a: [b, {c: #d}]\n- e",
    "\\back\\slash \\n \\0",
    "über 📷 ..",
    "%s %(x)s {x} ${HOME} !!",
    " blanks  at both ends ",
    "\x00\x01\x7f\x1b[2J",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_hostile_values_are_written_verbatim(text: str, release: str, bench: Bench, tmp_path: Path) -> None:
    """From device.toml into the OS image, as the device reads them; or rejected in one line."""
    password = "".join(letter for letter in text if " " <= letter <= "~") + "12345678"
    ssid, written = (json.dumps(one, ensure_ascii=False).replace("\x7f", "\\u007f") for one in (text, password))
    config = tmp_path / "device.toml"
    network = f'[wifi]\nssid = {ssid}\npassword = {written}\nsecurity = "wpa3"\ncountry = "DE"\n'
    config.write_text(SETTINGS.partition("[wifi]")[0] + network)
    try:
        read = device_file.read(config)
    except BadInput as error:
        assert "\n" not in str(error)
        assert not text.isprintable()
        return
    assert read.wifi is not None
    prepare(bench.wish(tmp_path / "out.img", release, config=read))
    fat = boot(tmp_path / "out.img")
    own = (parse(fat.read("edgevision/device.json"), "device")["system"] or {}).get("wifi")
    if own is not None:
        assert (bytes.fromhex(own["ssid"]), own["passphrase"]) == (text.encode(), password)
    else:
        yaml = pytest.importorskip("yaml")
        points = yaml.safe_load(fat.read("network-config"))["network"]["wifis"]["wlan0"]["access-points"]
        assert points[text]["auth"]["password"] == password


# ------------------------------------------------------------------------------------------------------ rejected inputs


def test_prepare_rejects_mismatched_image_and_bundle(bench: Bench, tmp_path: Path) -> None:
    output = tmp_path / "out.img"
    (tmp_path / "images").mkdir()
    narrow = raspios_image.build(tmp_path / "images", "bookworm", armhf=True)
    refused(bench.wish(output, image=narrow), r"is for armv7l \(a 32-bit system\), but the bundle is for aarch64")
    other = raspios_image.build(tmp_path / "images", "bookworm", python="3.12")
    refused(
        bench.wish(output, image=other),
        r"has Python 3.12 .*, but the bundle is for 3.11; use a freshly downloaded OS image",
    )
    refused(bench.wish(output, bundle=bench.bundles["trixie"]), "the bundle is for 3.13; .* --python 3.11")
    full = raspios_image.build(tmp_path / "images", "bookworm", small_boot=True)
    refused(
        bench.wish(output, image=full),
        r"not enough space on the boot partition: .* MB free, of which 64 MB are reserved .*; use a fresh",
    )
    seedless = raspios_image.build(tmp_path / "images", "trixie", no_seeds=True)
    refused(bench.wish(output, "trixie", image=seedless), "October 2025")
    ubuntu = raspios_image.build(tmp_path / "images", "trixie", not_raspios=True)
    refused(bench.wish(output, "trixie", image=ubuntu), "not a Raspberry Pi OS image")
    prepare(bench.wish(output))
    refused(bench.wish(tmp_path / "again.img", image=output), "already prepared with edgevision")


def test_prepare_rejects_an_inconsistent_boot_partition(bench: Bench, tmp_path: Path) -> None:
    image = tmp_path / "damaged.img"
    subprocess.run(["cp", "--sparse=always", bench.images["bookworm"], image], check=True)
    with image.open("r+b") as stream:
        shape = Fat32(stream, raspios_image.BOOT_AT)._shape
        for copy in range(shape.tables):
            stream.seek(raspios_image.BOOT_AT + shape.table_at + copy * shape.table_bytes + 4 * shape.clusters)
            stream.write(b"\xff\xff\xff\x0f")
    refused(bench.wish(tmp_path / "out.img", image=image), "is damaged .1 clusters belong to no file.; use a freshly")


def test_prepare_detects_a_disk_that_returns_wrong_data(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = os.fsync

    def fsync(handle: int) -> None:
        settle(handle)
        first = next(chain[0] for path, _, chain in Fat32(stream, offset).walk() if path == "edgevision/device.json")
        os.pwrite(handle, b"?", offset + shape.place(first) + 5)

    offset = raspios_image.BOOT_AT
    prepare(bench.wish(tmp_path / "same.img"))
    with (tmp_path / "same.img").open("rb") as stream:
        shape = Fat32(stream, offset)._shape
        monkeypatch.setattr(os, "fsync", fsync)
        refused(bench.wish(tmp_path / "out.img"), "device.json reads back differently than written")


def test_prepare_verifies_the_bundle_first(bench: Bench, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.tar.xz"
    content = bytearray(bench.bundles["bookworm"].read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    output = tmp_path / "out.img"
    refused(bench.wish(output, bundle=damaged), "damaged.tar.xz")
    refused(bench.wish(output, bundle=tmp_path / "none"), "bundle not found")
    refused(bench.wish(output, bundle=bench.images["bookworm"]), "is not a bundle: larger than 512 MiB")
    refused(bench.wish(output, bundle=bench.config), "not a .tar.xz")


def test_prepare_does_not_use_temporary_files(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders for temporary files are often small and in memory."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    prepare(bench.wish(tmp_path / "out.img"))


@needs_openssl
def test_prepare_with_trusted_keys(bench: Bench, tmp_path: Path) -> None:
    mine, other = tmp_path / "mine.pem", tmp_path / "other.pem"
    public, foreign = keys.new(mine), keys.new(other)
    signed = small_bundle.build(tmp_path / "signed.tar.xz", sign=mine)
    output = tmp_path / "out.img"
    refused(bench.wish(output, trust=(public,)), "is not signed")
    refused(bench.wish(output, bundle=signed, trust=(foreign,)), "none of the trusted keys")
    refused(bench.wish(output, bundle=signed, trust=(mine,)), "private key, which must never")
    prepare(bench.wish(output, bundle=signed, trust=(foreign, public)))
    fat = boot(output)
    assert parse(fat.read("edgevision/device.json"), "device")["trust"] == ["key-1.pem", "key-2.pem"]
    assert fat.read("edgevision/key-2.pem") == public.read_bytes()
    assert "key-2.pem" in next(one.found for one in check(output) if one.name == "bundle")


def test_prepare_rejects_outputs_that_exist_or_are_inputs(bench: Bench, tmp_path: Path) -> None:
    there = tmp_path / "there.img"
    there.write_bytes(b"mine")
    refused(bench.wish(there), "already exists; give another name")
    refused(bench.wish(tmp_path), "is a folder")
    copy = tmp_path / "copy.img"
    copy.write_bytes(b"x")
    link = tmp_path / "link.img"
    link.symlink_to(copy)
    for output in (copy, link):
        refused(bench.wish(output, image=copy, overwrite=True), "is an input of the image")
    arguments = bench.arguments(bench.config)
    before = bench.config.read_text()
    assert "is an input of the image" in edgevision(*arguments, "--overwrite", code=1).stderr
    assert bench.config.read_text() == before
    public = tmp_path / "key.pub.pem"
    public.write_text("a key")
    refused(bench.wish(public, trust=(public,), overwrite=True), "is an input of the image")
    refused(bench.wish(Path("/dev/null"), overwrite=True), "is not a regular file; write the OS image to a file first")
    assert there.read_bytes() == b"mine"
    # Not followed: the prepared image replaces a link.
    prepare(bench.wish(there, overwrite=True))
    assert there.stat().st_size > 1 << 20


def test_prepare_rejects_pipes(bench: Bench, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    refused(bench.wish(tmp_path / "out.img", image=pipe), "OS image must be a file, but .* is a pipe")
    refused(bench.wish(tmp_path / "out.img", bundle=pipe), "bundle must be a file, but .* is a pipe")
    with pytest.raises(EdgeVisionError, match=r"must be a file or a drive, but .* is a pipe"):
        check(pipe)


def test_missing_arguments_are_reported(bench: Bench, tmp_path: Path) -> None:
    arguments = bench.arguments(tmp_path / "out.img")
    del arguments[arguments.index("--config") : arguments.index("--config") + 2]
    assert "edgevision flash config" in edgevision(*arguments, code=2).stderr
    assert "config file not found" in edgevision(*arguments, "--config", tmp_path / "none.toml", code=1).stderr
    nowhere = [*bench.arguments(tmp_path / "out.img"), "--sha256", "12"]
    assert "64 hexadecimal digits" in edgevision(*nowhere, code=1).stderr
    assert list(tmp_path.iterdir()) == []


def test_full_disk_leaves_no_file(bench: Bench, tmp_path: Path) -> None:
    """A limit on the file size stands in for a full disk: writing fails in the same way."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))

    command = [sys.executable, "-m", "edgevision", *bench.arguments(tmp_path / "out.img")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, preexec_fn=limit, check=False)
    assert done.returncode == 1
    assert f"cannot write {tmp_path / 'out.img'}: File too large; free some space there" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


# ----------------------------------------------------------------------------------------------------- compressed images


@pytest.fixture(scope="module")
def packed(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bookworm as an .xz of many streams, some with padding between them."""
    path = tmp_path_factory.mktemp("packed") / "os.img.xz"
    size = 16 << 20
    zeros = bytes(size)
    packed_zeros = lzma.compress(zeros, preset=0) + bytes(8)
    with bench.images["bookworm"].open("rb") as stream, path.open("wb") as target:
        while chunk := stream.read(size):
            target.write(packed_zeros if chunk == zeros else lzma.compress(chunk, preset=0))
    return path


def test_prepare_unpacks_xz_and_checks_the_sha256_beside_it(packed: Path, bench: Bench, tmp_path: Path) -> None:
    beside = packed.with_name(packed.name + ".sha256")
    beside.write_text(f"{digest(packed).upper()}  os.img.xz\n")
    made = prepare(bench.wish(tmp_path / "out.img", image=packed))
    beside.unlink()
    assert made.checked_by == str(beside)
    assert made.bytes == bench.images["bookworm"].stat().st_size
    assert (tmp_path / "out.img").stat().st_blocks * 512 < made.bytes / 4
    assert [one for one in check(tmp_path / "out.img") if not one.ok] == []


def test_prepare_rejects_a_truncated_xz(packed: Path, bench: Bench, tmp_path: Path) -> None:
    short = tmp_path / "short.img.xz"
    short.write_bytes(packed.read_bytes()[:5000])
    refused(bench.wish(tmp_path / "out.img", image=short), "short.img.xz is truncated: the end of the .xz is missing")


def test_unpack_rejects_a_wrong_sha256(tmp_path: Path) -> None:
    wrong, right = "0" * 64, hashlib.sha256(b"content").hexdigest()
    with pytest.raises(BadInput, match=f"its sha256 is {right}, but --sha256 says {wrong}; download it again"):
        unpacked(b"content", tmp_path, wrong)
    (tmp_path / "in.sha256").write_text(f"{wrong}  in\n")
    with pytest.raises(BadInput, match=rf"in\.sha256 says {wrong}"):
        unpacked(b"content", tmp_path)
    # The value given takes precedence.
    assert unpacked(b"content", tmp_path, right.upper()) == b"content"


def unpacked(content: bytes, folder: Path, sha256: str | None = None) -> bytes:
    image, target = folder / "in", folder / "out"
    image.write_bytes(content)
    told: list[int] = []
    with target.open("w+b") as stream:
        size = unpack(image, stream, told.append, wanted_sha256(image, sha256))
    assert size == target.stat().st_size
    assert told == sorted(told)
    assert not told or told[-1] == len(content)
    return target.read_bytes()


PIECES = st.lists(st.sampled_from([b"\0" * 70_000, b"\0" * 7, b"x", b"data" * 30_000, b"\0" * 300_000]), max_size=8)


@settings(max_examples=40, deadline=None)
@given(parts=st.lists(PIECES.map(b"".join), min_size=1, max_size=3), padding=st.integers(0, 3))
def test_unpack_keeps_any_content(parts: list[bytes], padding: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, whole = tmp_path_factory.mktemp("any"), b"".join(parts)
    assert unpacked(whole, folder) == whole
    assert unpacked(whole, folder, hashlib.sha256(whole).hexdigest()) == whole
    packed = b"".join(lzma.compress(part, preset=0) + bytes(4 * padding) for part in parts)
    assert unpacked(packed, folder) == whole


def test_unpack_rejects_damaged_archives(tmp_path: Path) -> None:
    whole = lzma.compress(bytes(range(256)) * 5000, preset=0)
    for end in (7, 12, len(whole) // 2, len(whole) - 1):
        with pytest.raises(BadInput, match=r"truncated: the end of the \.xz is missing"):
            unpacked(whole[:end], tmp_path)
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 0x10
    with pytest.raises(BadInput, match="is damaged"):
        unpacked(bytes(changed), tmp_path)
    for more in (b"more of something else", b"\0\0\0", b"\0\0" + whole):
        with pytest.raises(BadInput, match="is damaged"):
            unpacked(whole + more, tmp_path)


@pytest.mark.parametrize(
    ("head", "name"), [(b"\x1f\x8b", "gzip"), (b"PK\3\4", "zip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh9", "bzip2")]
)
def test_unpack_names_other_compressions(head: bytes, name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=f"compressed with {name}; unpack it first"):
        unpacked(head + bytes(100), tmp_path)


def test_invalid_sha256_file_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "os.img.sha256").write_text("<html>not found</html>")
    with pytest.raises(BadInput, match="does not start with a sha256"):
        wanted_sha256(tmp_path / "os.img", None)


# ------------------------------------------------------------------------------------------------------- interruptions

STEPS = (
    "unpacking begins",
    "unpacking goes on",
    "preparing begins",
    "preparing goes on",
    "before fsync 1",  # sync of the files
    "before fsync 2",  # sync of cmdline.txt: the image is prepared
    "verifying begins",
    "verifying goes on",
    "before fsync 3",  # sync of the whole file, after it was read back
    "before it gets its name",
)
LAST = "before fsync 4"
"""Sync of the folder: the image already has its name."""


@pytest.mark.parametrize("step", [*STEPS, LAST])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_kill_at_each_step_leaves_no_partial_output(
    how: signal.Signals, step: str, bench: Bench, tmp_path: Path
) -> None:
    output, part = tmp_path / "out.img", tmp_path / f"out.img{SUFFIX}"
    before = bench.images["bookworm"].stat()
    code = kill_at(step, how, bench.arguments(output))
    assert code == (-how if how == signal.SIGKILL else 128 + how)
    after = bench.images["bookworm"].stat()
    assert (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)
    if step == LAST:
        assert list(tmp_path.iterdir()) == [output]
        assert [one for one in check(output) if not one.ok] == []
        return
    assert list(tmp_path.iterdir()) == ([part] if how == signal.SIGKILL else [])
    if how == signal.SIGKILL:
        at = STEPS.index(step)
        if at > STEPS.index("preparing begins"):
            prepared = is_armed(boot(part).read("cmdline.txt").decode())
            assert prepared == (at >= STEPS.index("before fsync 2")), (
                "cmdline.txt is written last and completes the image"
            )
            assert not prepared or [one for one in check(part) if not one.ok] == []
        prepare(bench.wish(output))
        assert list(tmp_path.iterdir()) == [output]
        assert [one for one in check(output) if not one.ok] == []


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_interrupt_removes_the_temporary_file(how: signal.Signals, code: int, bench: Bench, tmp_path: Path) -> None:
    assert kill_at("preparing goes on", how, bench.arguments(tmp_path / "out.img")) == code
    assert list(tmp_path.iterdir()) == []


def kill_at(step: str, how: signal.Signals, arguments: list[str]) -> int:
    command = [sys.executable, "-P", str(CHILD), step, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "here\n", child.communicate()[1]
        child.send_signal(how)
        try:
            said = child.communicate(timeout=120)[1]
        except subprocess.TimeoutExpired:
            child.kill()
            raise
    assert "Traceback" not in said, said
    return child.returncode


def test_concurrent_writers_are_rejected(tmp_path: Path) -> None:
    output = tmp_path / "out.img"
    with half_made(output) as stream:
        stream.write(b"first")
        with pytest.raises(CannotWrite, match="another edgevision process is writing this file"), half_made(output):
            pass
        assert not output.exists()
    assert output.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["out.img"]


def test_leftovers_of_killed_processes_are_removed(tmp_path: Path) -> None:
    orphan, alive = tmp_path / f"other.img{SUFFIX}", tmp_path / "alive.img"
    orphan.write_bytes(b"secrets")
    (tmp_path / f"folder{SUFFIX}").mkdir()
    with half_made(alive) as stream:
        stream.write(b"alive")
        with half_made(tmp_path / "out.img"):
            assert not orphan.exists()
    assert alive.read_bytes() == b"alive"
    assert {path.name for path in tmp_path.iterdir()} == {"alive.img", "out.img", f"folder{SUFFIX}"}


def test_temporary_file_is_private_and_follows_no_link(tmp_path: Path) -> None:
    """In a shared folder, somebody may have created a link or a readable file in its place."""
    output, victim = tmp_path / "out.img", tmp_path / "victim"
    part = tmp_path / f"out.img{SUFFIX}"
    victim.write_bytes(b"precious")
    part.symlink_to(victim)
    with pytest.raises(CannotWrite, match="cannot write"), half_made(output):
        pass
    assert victim.read_bytes() == b"precious"
    part.unlink()
    part.write_bytes(b"left behind")
    part.chmod(0o666)
    with half_made(output) as stream:
        assert stat.S_IMODE(part.stat().st_mode) == 0o600
        stream.write(b"new")
    assert output.read_bytes() == b"new"
    if os.geteuid() == 0:
        part.write_bytes(b"")
        os.chown(part, 12345, 12345)
        with pytest.raises(CannotWrite, match="belongs to another user"), half_made(output):
            pass


def test_suggested_commands_can_be_pasted(bench: Bench, tmp_path: Path) -> None:
    output = tmp_path / "my card's.img"
    said = edgevision(*bench.arguments(output)).stdout
    following = said.rpartition("next: ")[2].strip()
    assert "all files are unchanged" in edgevision(*shlex.split(following)[1:]).stdout
