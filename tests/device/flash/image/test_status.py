"""Tests of ``edgevision flash status`` on card images and on files that are not card images."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from command_line import edgevision
from documents import parse
from edgevision.device.flash.filesystems.fat32 import Fat32
from edgevision.device.flash.image.status import read_status
from edgevision.device.installer.base.status import Status
from hypothesis import given, settings
from hypothesis import strategies as st

from edgevision.cli.main import main
from edgevision.errors import EdgeVisionError

OFFSET = 8 << 20
"""Start of the boot partition, as in Raspberry Pi OS."""
MIB = 1 << 20
FIELDS = st.sampled_from(["step", "state", "message", "release"])
WORDS = st.sampled_from(["ok", "failed", "running", "pending", "unpack"]) | st.text()
VALUES = st.dictionaries(FIELDS, WORDS | st.none() | st.integers()) | st.lists(WORDS) | WORDS


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image with an MBR and an empty FAT32 partition."""
    if shutil.which("mkfs.vfat") is None:
        pytest.skip("mkfs.vfat is not installed (Debian: apt install dosfstools)")
    path = tmp_path_factory.mktemp("card") / "card.img"
    sectors = 34 * MIB // 512
    with path.open("wb") as stream:
        stream.write(bytes(446) + struct.pack("<B3sB3sII", 0, b"", 0x0C, b"", OFFSET // 512, sectors))
        stream.write(bytes(48) + b"\x55\xaa")
        stream.truncate(OFFSET + sectors * 512)
    tool = ["mkfs.vfat", "-F", "32", "-s", "1", "-n", "bootfs", f"--offset={OFFSET // 512}", str(path), str(34 * 1024)]
    subprocess.run(tool, check=True, capture_output=True)
    return path


def card_with(blank: Path, folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / "card.img"
    shutil.copyfile(blank, path)
    with path.open("r+b") as stream:
        fat = Fat32(stream, OFFSET)
        for name, content in files.items():
            fat.write(name, content)
        fat.close()
    return path


def ask(*arguments: object, code: int) -> str:
    done = edgevision("flash", "status", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_status_explains_what_the_installer_wrote(
    blank: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "status.json"
    written = Status(file)
    written.step("check", "reading", "model-0123456789ab")
    running = card_with(blank, tmp_path, {"edgevision/status.json": file.read_bytes()})
    said = ask(running, code=3)
    assert "model-0123456789ab" in said
    assert "interrupted" in said

    written.step("unpack", "to /opt")
    written.failed("No space left on device")
    failed = card_with(blank, tmp_path, {"edgevision/status.json": file.read_bytes()})
    assert "failed while unpacking the bundle: No space left on device\nwhat to do: free some space" in ask(
        failed, code=3
    )

    written.ok("installed; the service runs")
    done = card_with(blank, tmp_path, {"edgevision/status.json": file.read_bytes()})
    assert "done: installed; the service runs" in ask(done, code=0)
    assert parse(ask(done, "--json", code=0), "install_status")["state"] == "ok"
    # A mounted boot partition.
    (tmp_path / "boot" / "edgevision").mkdir(parents=True)
    shutil.copyfile(file, tmp_path / "boot" / "edgevision" / "status.json")
    assert "done" in ask(tmp_path / "boot", code=0)


def test_status_errors_are_one_line(blank: Path, tmp_path: Path) -> None:
    (tmp_path / "zeros").write_bytes(bytes(4096))
    linux = bytearray(blank.read_bytes()[:4096])
    linux[446 + 4] = 0x83
    (tmp_path / "linux").write_bytes(linux)
    (tmp_path / "short").write_bytes(blank.read_bytes()[:4096])
    (tmp_path / "picture.img.xz").write_bytes(b"\xfd7zXZ\0" + bytes(1000))
    for name, match in (
        ("none", "OS image, SD card or folder not found"),
        ("zeros", "no partition table"),
        ("linux", "not a Raspberry Pi OS image"),
        ("short", "not a FAT file system"),
        ("picture.img.xz", "unpack it first"),
    ):
        said = ask(tmp_path / name, code=1)
        assert match in said
        assert said.count("\n") == 1
    assert "no installer was run" in ask(blank, code=1)


@pytest.mark.parametrize("command", ["status", "check"])
def test_unreadable_card_needs_sudo(
    blank: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # as for any user but root
    with pytest.raises(SystemExit) as ended:
        main(["flash", command, str(blank)])
    assert ended.value.code == 1
    assert "run the command with sudo" in capsys.readouterr().err


@settings(max_examples=100, deadline=None)
@given(raw=st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_status_explains_or_rejects_any_content(raw: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    boot = tmp_path_factory.mktemp("boot")
    (boot / "edgevision").mkdir()
    (boot / "edgevision" / "status.json").write_bytes(raw)
    try:
        assert list(read_status(boot).describe())
    except EdgeVisionError as error:
        assert "damaged" in str(error)
