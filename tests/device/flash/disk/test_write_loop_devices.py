"""Tests of ``edgevision flash write`` and ``flash card`` on loop devices, which need root privileges."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest
import raspios_image
import small_bundle
from command_line import edgevision
from documents import parse, parse_lines
from edgevision.device.flash.disk.block_devices import Machine
from flash_setup import random_image

MIB = 1 << 20
CARD_BYTES = 832 * MIB
PATIENCE_S = 300
MORE_PHASES = ("wipe", "flush", "verify")
"""Phases of which each step is also covered by test_write_faults."""
DEVICE = f"""[device]
hostname = "shelfcam-07"
[user]
name = "edge"
password_hash = "$6$ab${"c" * 86}"
"""


def tool(*command: object) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{' '.join(map(str, command[:2]))} does not work here: {done.stderr.strip()}")
    return done.stdout.strip()


def flash(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = edgevision("flash", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done


@contextmanager
def writing(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run ``flash write`` in the background, with a timeout."""
    command = [sys.executable, "-m", "edgevision", "flash", "write", *map(str, arguments), "--json"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    watchdog = Timer(PATIENCE_S, child.kill)
    watchdog.start()
    try:
        with child:
            yield child
    finally:
        watchdog.cancel()


@pytest.fixture
def card(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A loop device and its backing file."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("needs root rights on Linux for loop devices")
    machine = Machine()
    if not machine.root_is_known(machine.drives()):
        pytest.skip("cannot tell which drive this system runs from (a container?), so no drive may be written")
    file = tmp_path / "card"
    with file.open("wb") as stream:
        stream.truncate(CARD_BYTES)
    device = tool("losetup", "--find", "--show", "--partscan", file)
    try:
        yield device, file
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)
        file.unlink()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk image without a system, which is smaller."""
    return random_image(tmp_path_factory.mktemp("image") / "disk.img", 48 * MIB + 700)


def chosen(device: str, file: Path) -> tuple[object, ...]:
    return ("--to", device, "--allow-loop", "--yes", "--expect-serial", file)


def same(file: Path, image: Path) -> bool:
    with file.open("rb") as one, image.open("rb") as other:
        while part := other.read(16 * MIB):
            if one.read(len(part)) != part:
                return False
    return True


def test_write_and_verify_image(card: tuple[str, Path], image: Path) -> None:
    device, file = card
    said = flash("write", image, *chosen(device, file), "--json")
    events = parse_lines(said.stdout, "flash_event")
    assert events[-1]["phase"] == "done"
    assert events[-1]["bytes"] == image.stat().st_size
    assert same(file, image)


def test_write_survives_a_closed_event_pipe(card: tuple[str, Path], image: Path) -> None:
    device, file = card
    with writing(image, *chosen(device, file)) as child:
        assert child.stdout
        child.stdout.close()
    assert child.returncode == 0
    assert same(file, image)


def test_drive_in_use_is_refused(card: tuple[str, Path], image: Path) -> None:
    device, file = card
    handle = os.open(device, os.O_RDONLY | os.O_EXCL)
    try:
        said = flash("write", image, *chosen(device, file), code=10)
    finally:
        os.close(handle)
    assert "is in use" in said.stderr
    with file.open("rb") as stream:
        assert stream.read(MIB) == bytes(MIB)


def test_partitions_are_refused_or_unmounted(card: tuple[str, Path], image: Path, tmp_path: Path) -> None:
    """A partition is not a target; a mounted one is unmounted, unless it is in use."""
    device, file = card
    tool("addpart", device, 1, 2048, 65536)
    tool("mke2fs", "-q", "-t", "ext4", f"{device}p1")
    said = flash("write", image, "--to", f"{device}p1", code=10)
    assert f"use --to {device}\n" in said.stderr

    place = tmp_path / "mounted here"
    place.mkdir()
    tool("mount", f"{device}p1", place)
    try:
        with (place / "open").open("wb"):
            said = flash("write", image, *chosen(device, file), code=10)
            assert f"cannot unmount {place}" in said.stderr
            assert "busy" in said.stderr
        inside = place / "card.img"
        inside.write_bytes(bytes(510) + b"\x55\xaa")
        assert "is on this drive" in flash("write", inside, *chosen(device, file), code=10).stderr
        said = flash("write", image, *chosen(device, file))
        assert f"{place} (will be unmounted)" in said.stderr
        assert not place.is_mount()
    finally:
        if place.is_mount():
            subprocess.run(["umount", place], check=True)
    assert same(file, image)
    assert not Path(f"{device}p1").exists()


@pytest.mark.parametrize(
    "phase", ["write", "finish", *(pytest.param(one, marks=pytest.mark.slow) for one in MORE_PHASES)]
)
def test_kill_in_each_phase_leaves_a_marked_card(card: tuple[str, Path], image: Path, phase: str) -> None:
    """Marked as half-written; if killed before or after the phase, unchanged or complete."""
    device, file = card
    with writing(image, *chosen(device, file)) as child:
        assert child.stdout
        for line in child.stdout:
            if parse(line, "flash_event")["phase"] == phase:
                child.send_signal(signal.SIGKILL)
                break
    assert child.returncode in (-signal.SIGKILL, 0)
    after = flash("status", device, code=1).stderr
    if "was interrupted" in after:
        assert "was interrupted" in flash("check", device, code=1).stderr
    else:
        with file.open("rb") as stream:
            assert same(file, image) or stream.read(MIB) == bytes(MIB)


@pytest.mark.slow
def test_flash_card_from_os_image_to_card(
    card: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, file = card
    system = raspios_image.build(tmp_path, "trixie")
    bundle = small_bundle.build(tmp_path / "default.tar.xz", python="3.13")
    config = tmp_path / "device.toml"
    config.write_text(DEVICE)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    said = flash("card", system, "--bundle", bundle, "--config", config, *chosen(device, file), "--json")
    phases = list(dict.fromkeys(event["phase"] for event in parse_lines(said.stdout, "flash_event")))
    assert phases == ["unpack", "inject", "wipe", "write", "flush", "verify", "finish", "files", "done"]
    assert list(scratch.iterdir()) == []
    assert "all files are unchanged" in flash("check", device).stdout
    assert "not started" in flash("status", device, code=3).stdout
