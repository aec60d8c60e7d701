"""Tests of ``edgevision flash check``: every change to a prepared OS image is found and named."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import raspios_image
import small_bundle
from command_line import edgevision
from documents import parse
from edgevision.device.bundle import keys
from edgevision.device.flash.config.records import DeviceConfig, User
from edgevision.device.flash.filesystems.fat32 import Fat32
from edgevision.device.flash.image.check import Finding, check, started
from edgevision.device.flash.image.prepare import PrepareWish, prepare
from edgevision.device.flash.seeds.cmdline import disarm
from hypothesis import given, settings
from hypothesis import strategies as st

from edgevision.errors import EdgeVisionError

CONFIG = DeviceConfig("shelfcam-07", User("edge", ("ssh-ed25519 AAAA me",)))
FOLDER = "edgevision/"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Release -> prepared OS image."""
    folder = tmp_path_factory.mktemp("made")
    found = {}
    for release, python in (("bookworm", "3.11"), ("trixie", "3.13")):
        system = raspios_image.build(folder, release)  # type: ignore[arg-type]
        bundle = small_bundle.build(folder / f"{release}.tar.xz", python)
        found[release] = prepare(PrepareWish(system, bundle, CONFIG, folder / f"{release}-out.img")).path
    return found


@pytest.fixture
def image(made: dict[str, Path], tmp_path: Path) -> Path:
    """A prepared Trixie image that may be changed."""
    return copied(made["trixie"], tmp_path)


def copied(image: Path, folder: Path) -> Path:
    subprocess.run(["cp", "--sparse=always", image, folder / "card.img"], check=True)
    return folder / "card.img"


def change(image: Path, **changes: bytes | Callable[[bytes], bytes]) -> None:
    """Replace files of the boot partition, given by name with _ for characters not allowed in a Python name."""
    with image.open("r+b") as stream:
        fat = Fat32(stream, raspios_image.BOOT_AT)
        names = {re.sub(r"\W", "_", name): f"{FOLDER}{name}" for name in fat.names("edgevision")}
        names |= {re.sub(r"\W", "_", name): name for name in fat.names()}
        for key, content in changes.items():
            fat.write(names[key], content if isinstance(content, bytes) else content(fat.read(names[key])))
        fat.close()


def wrong(place: Path, **options: Any) -> dict[str, str]:
    """Return name -> problem of the failed checks, each of which must have a remedy."""
    found = [one for one in check(place, **options) if not one.ok]
    assert all(one.todo and "\n" not in one.found + one.todo for one in found)
    return {one.name: one.found for one in found}


def ask(*arguments: object, code: int) -> str:
    done = edgevision("flash", "check", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_check_accepts_prepared_image(release: str, made: dict[str, Path]) -> None:
    said = ask(made[release], code=0)
    assert "wrong" not in said
    assert "the next boot sets up the device" in said
    assert f"next: edgevision flash write {made[release]}" in said
    assert ("user-data" in said) == (release == "trixie")


def test_check_reads_a_mounted_boot_partition(made: dict[str, Path], tmp_path: Path) -> None:
    boot = mounted(made["bookworm"], tmp_path)
    assert wrong(boot) == {}
    (boot / "edgevision" / "install.pyz").write_bytes(b"other")
    assert list(wrong(boot)) == ["edgevision/install.pyz"]


def mounted(image: Path, folder: Path) -> Path:
    """Copy the boot partition to a folder and return it."""
    boot = folder / "bootfs"
    with image.open("rb") as stream:
        fat = Fat32(stream, raspios_image.BOOT_AT)
        for path, entry, _ in fat.walk():
            if not entry.folder:
                (boot / path).parent.mkdir(parents=True, exist_ok=True)
                (boot / path).write_bytes(fat.read(path))
    return boot


def test_check_reports_an_unprepared_image(tmp_path: Path) -> None:
    said = ask(raspios_image.build(tmp_path, "bookworm"), code=3)
    assert "wrong edgevision/image.json: missing: not prepared with edgevision flash image" in said
    assert "what to do: prepare the OS image again: edgevision flash image" in said


@pytest.mark.parametrize(
    "name", ["bundle_tar_xz", "install_pyz", "firstrun_sh", "device_json", "user_data", "meta_data", "network_config"]
)
def test_check_finds_a_changed_file(name: str, image: Path) -> None:
    change(image, **{name: lambda content: content[:-1] + bytes([content[-1] ^ 1])})
    found = wrong(image)
    assert re.sub(r"\W", "_", next(iter(found)).removeprefix(FOLDER)) == name
    assert "changed since it was written" in next(iter(found.values()))


def test_check_finds_missing_files(made: dict[str, Path], tmp_path: Path) -> None:
    boot = mounted(made["trixie"], tmp_path)
    (boot / "edgevision/bundle.tar.xz").unlink()
    (boot / "user-data").unlink()
    assert wrong(boot) == dict.fromkeys(("edgevision/bundle.tar.xz", "user-data", "bundle"), "missing")


def relist(image: Path, name: str, content: bytes) -> None:
    """Change a file and image.json consistently, so that only deeper checks can find it."""

    def listed(raw: bytes) -> bytes:
        value = json.loads(raw)
        path = next(path for path in value["files"] if re.sub(r"\W", "_", path.removeprefix(FOLDER)) == name)
        value["files"][path] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        return json.dumps(value).encode()

    change(image, **{name: content, "image_json": listed})


@pytest.mark.parametrize(
    ("name", "content", "where", "match"),
    [
        ("user_data", b"hostname: x\n", "user-data", "does not start with #cloud-config"),
        ("user_data", b"#cloud-config\r\nhostname: x\r\n", "user-data", "Windows line ends"),
        ("firstrun_sh", b"#!/bin/sh\r\n", "edgevision/firstrun.sh", "Windows line ends"),
        ("meta_data", b'instance-id: "edgevision-0"\n', "meta-data", "another instance"),
        ("device_json", b'{"schema": "edgevision.device/1", "trust": []}', "settings", "instance, release, backend"),
        ("device_json", b"no JSON", "settings", "does not match image.json: schema"),
        ("bundle_tar_xz", b"no bundle at all, whatever it is called", "bundle", "not a .tar.xz"),
    ],
)
def test_check_finds_files_that_do_not_match(name: str, content: bytes, where: str, match: str, image: Path) -> None:
    relist(image, name, content)
    assert re.search(match, wrong(image)[where])


def test_check_finds_a_bundle_of_another_release(image: Path, tmp_path: Path) -> None:
    other = small_bundle.build(tmp_path / "other.tar.xz", "3.11", padding=64).read_bytes()
    relist(image, "bundle_tar_xz", other)
    assert "does not match image.json: release, python" in wrong(image)["bundle"]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_check_verifies_signatures(made: dict[str, Path], tmp_path: Path) -> None:
    key = tmp_path / "mine.pem"
    public, foreign = keys.new(key), keys.new(tmp_path / "other.pem")
    assert "not signed" in wrong(made["bookworm"], keys=(public,))["bundle"]
    signed = small_bundle.build(tmp_path / "signed.tar.xz", sign=key)
    system = raspios_image.build(tmp_path, "bookworm")
    output = prepare(PrepareWish(system, signed, CONFIG, tmp_path / "out.img", trust=(public,))).path
    assert "signed with key-1.pem" in ask(output, "--key", public, code=0)
    assert "none of the trusted keys" in ask(output, "--key", foreign, code=3)
    # The key on the SD card is not the one that signed the bundle.
    relist(output, "key_1_pem", foreign.read_bytes())
    found = wrong(output)["bundle"]
    assert "none of the trusted keys (key-1.pem)" in found
    assert "key not found" in ask(output, "--key", tmp_path / "none.pem", code=1)


# ---------------------------------------------------------------------------------------- kernel arguments and the disk


@pytest.mark.parametrize(
    ("line", "name", "match"),
    [
        (lambda line: line.replace(b"5a1c3f2e", b"11111111"), "partitions", "names root partition 11111111-02"),
        (lambda line: line.replace(b" systemd.run=", b"\nsystemd.run="), "cmdline.txt", "several lines"),
        (lambda line: b"", "cmdline.txt", "is empty"),
        (lambda line: disarm(line.decode()).encode(), "cmdline.txt", "has not been set up yet"),
    ],
)
def test_check_finds_wrong_kernel_arguments(line: Callable[[bytes], bytes], name: str, match: str, image: Path) -> None:
    change(image, cmdline_txt=line)
    assert re.search(match, wrong(image)[name])


@pytest.mark.parametrize("state", ["running", "ok", "failed"])
def test_check_reports_a_booted_card(state: str, made: dict[str, Path], tmp_path: Path) -> None:
    image = copied(made["bookworm"], tmp_path)
    status = json.dumps({"step": "unpack", "state": state, "message": "x"}).encode()
    change(
        image,
        cmdline_txt=lambda line: disarm(line.decode()).encode(),
        status_json=status,
        bundle_tar_xz=b"",
        device_json=b"{}",
    )
    said = ask(image, code=0)
    assert f"already done; state: {state}" in said
    assert f"next: edgevision flash status {image}" in said
    assert parse(ask(image, "--json", code=0), "image_check")["started"] is True


def test_check_finds_an_inconsistent_file_system(image: Path) -> None:
    with image.open("r+b") as stream:
        fat = Fat32(stream, raspios_image.BOOT_AT)
        chains = {path: chain for path, entry, chain in fat.walk() if not entry.folder}
        shape = fat._shape
        tables = [raspios_image.BOOT_AT + shape.table_at + copy * shape.table_bytes for copy in range(shape.tables)]

        def point(cluster: int, value: int, copies: list[int]) -> None:
            for table in copies:
                stream.seek(table + 4 * cluster)
                stream.write(struct.pack("<I", value))

        free = shape.clusters
        point(free, 0x0FFFFFFF, tables[:1])
        stream.flush()
        found = wrong(image)["boot partition"]
        assert "the copies of the file allocation table differ" in found
        assert "count of free clusters is wrong" in found
        assert "1 clusters belong to no file" in found
        point(free, 0, tables)
        installer, bundle = chains["edgevision/install.pyz"], chains["edgevision/bundle.tar.xz"]
        point(installer[0], bundle[1], tables)
        stream.flush()
        assert "share a cluster" in wrong(image)["boot partition"]


def test_check_reports_unreadable_places_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "zeros").write_bytes(bytes(4096))
    for place, match in (("none", "OS image, SD card or folder not found"), ("zeros", "no partition table")):
        said = ask(tmp_path / place, code=1)
        assert match in said
        assert said.count("\n") == 1


def test_check_json(image: Path) -> None:
    change(image, install_pyz=b"other")
    value = parse(ask(image, "--json", code=3), "image_check")
    assert (value["schema"], value["ok"], value["started"]) == ("edgevision.image_check/1", False, False)
    assert [one["name"] for one in value["findings"] if not one["ok"]] == ["edgevision/install.pyz"]


# ------------------------------------------------------------------------------------------------------------- damage

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=9)
    | st.sampled_from(["../x", "/etc/passwd", "a/../../b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["schema", "backend", "os", "release", "instance", "files", "hostname", "arch", "python"])


@pytest.fixture(scope="module")
def boot(made: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mounted(made["trixie"], tmp_path_factory.mktemp("boot"))


@settings(max_examples=100, deadline=None)
@given(
    changes=st.dictionaries(KEYS, VALUES, max_size=3),
    name=st.sampled_from(["image.json", "device.json", "status.json"]),
)
def test_check_handles_any_json_on_the_card(changes: dict[str, Any], name: str, boot: Path) -> None:
    """Whatever image.json lists, nothing outside the boot partition is read."""
    path = boot / "edgevision" / name
    before = path.read_bytes()
    try:
        path.write_text(json.dumps(json.loads(before) | changes))
        findings = check(boot)
        assert all(isinstance(one, Finding) and "\n" not in one.found for one in findings)
        assert not started(findings)
        files = changes.get("files")
        if (
            name == "image.json"
            and isinstance(files, dict)
            and any(".." in key or key.startswith("/") for key in files)
        ):
            assert [one for one in findings if not one.ok]
    except EdgeVisionError as error:
        assert "\n" not in str(error)
    finally:
        path.write_bytes(before)
