"""Tests of failing and counterfeit SD cards and of a killed writer: messages, and the state of the SD card."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from edgevision.device.flash.disk import write
from edgevision.device.flash.disk.fake_host import FakeMedium, Fault
from edgevision.device.flash.disk.image_source import ImageSource
from edgevision.device.flash.image.status import read_status
from flash_setup import CARD_BYTES, IMAGE_BYTES, MIB, Setup, random_image
from hypothesis import given, settings
from hypothesis import strategies as st
from locations import HELPERS

from edgevision.errors import BadInput, VerifyFailed, WriteFailed

CHILD = HELPERS / "flash_write_child.py"
BLOCKS = [1 * MIB, 5 * MIB, 9 * MIB]
"""Start of the blocks after the first megabyte."""
PLACES = [0, 1, 511, MIB - 1, MIB, 6 * MIB, IMAGE_BYTES - 1]
STEPS = [
    # All operations on the drive in order; the writer is killed before each of them.
    "write 0",
    "written half of 0",
    f"write {CARD_BYTES - MIB}",
    f"written half of {CARD_BYTES - MIB}",
    "flush",
    *(f"{what} {at}" for at in BLOCKS for what in ("write", "written half of")),
    "flush",
    *(f"read {at}" for at in BLOCKS),
    "write 512",
    "written half of 512",
    "flush",
    "write 0",
    "flush",
    "read 0",
    "done",
]
WHOLE_FROM = len(STEPS) - 3
"""Step from which on the first sector is valid."""


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Setup]:
    """A machine with an SD card that may be written."""
    yield Setup(tmp_path, monkeypatch, capsys)
    shutil.rmtree(tmp_path)  # otherwise pytest would keep the drives of all tests


def half_written(disk: Path) -> bool:
    """Return whether flash status reports a half-written SD card."""
    try:
        read_status(disk)
    except BadInput as error:
        return "was interrupted" in str(error)
    return False


def fails(setup: Setup, fault: Fault, code: int, *words: str) -> None:
    source = setup.image.read_bytes()
    said = setup.surely("--json", faults=fault)
    line = said.err.splitlines()[-1]
    assert said.code == code, said.err
    assert line.startswith("edgevision: error: ")
    for word in words:
        assert word in line
    last = said.events[-1]
    assert (last["phase"], last["exit_code"], last["message"]) == ("failed", code, line.split("error: ", 1)[1])
    assert setup.image.read_bytes() == source
    assert not any(path.name.startswith(".") or "tmp" in path.name for path in setup.disk.parent.iterdir())


@pytest.mark.parametrize("at", PLACES)
@pytest.mark.parametrize(("kind", "said"), [("broken", "Input/output error"), ("full", "No space left")])
def test_write_errors_are_reported(setup: Setup, kind: str, said: str, at: int) -> None:
    fails(setup, Fault(kind, at), 12, "writing the SD card failed at", said, "write it again")  # type: ignore[arg-type]
    assert not setup.is_written()
    assert half_written(setup.disk) == (at >= MIB)


@pytest.mark.parametrize("at", [MIB, 6 * MIB])
def test_removed_card_is_reported(setup: Setup, at: int) -> None:
    fails(setup, Fault("gone", at), 12, "No such device", "removed")
    assert half_written(setup.disk)


@pytest.mark.parametrize("at", [MIB + 512, 6 * MIB, 6 * MIB + 1000])
def test_short_writes_are_continued(setup: Setup, at: int) -> None:
    assert setup.surely(faults=Fault("short", at)).code == 0
    assert setup.is_written()
    fails(setup, Fault("stuck", at), 12, "accepts no more data")


@pytest.mark.parametrize("at", PLACES)
def test_wrong_data_is_detected(setup: Setup, at: int) -> None:
    place = "in its first megabyte" if at < MIB else "between "
    fails(setup, Fault("corrupt", at), 13, "the SD card returned wrong data", place)
    assert half_written(setup.disk)


def test_data_after_the_image_is_not_verified(setup: Setup) -> None:
    assert setup.surely(faults=Fault("corrupt", IMAGE_BYTES)).code == 0


@pytest.mark.parametrize(("at", "block"), [(0, "0.0 MB"), (MIB, "1.0 MB"), (6 * MIB, "5.2 MB")])
def test_read_errors_are_reported(setup: Setup, at: int, block: str) -> None:
    fails(setup, Fault("unreadable", at), 13, f"verification failed at {block}: cannot read", "Input/output error")
    assert half_written(setup.disk)


def test_old_partition_tables_are_removed(setup: Setup) -> None:
    """Including the backup GPT at the end of the drive."""
    setup.disk.write_bytes(b"EFI PART" * (CARD_BYTES // 8))
    assert setup.surely().code == 0
    assert setup.disk.read_bytes()[CARD_BYTES - MIB :] == bytes(MIB)


def test_image_of_the_size_of_the_card(setup: Setup) -> None:
    random_image(setup.image, CARD_BYTES)
    assert setup.surely().code == 0
    assert setup.is_written()
    random_image(setup.image, CARD_BYTES + 1)
    said = setup.surely()
    assert said.code == 10
    assert "use a larger SD card" in said.err
    assert setup.disk.read_bytes()[:CARD_BYTES] != setup.before


def test_zeros_are_written(setup: Setup) -> None:
    with setup.image.open("r+b") as stream:
        stream.truncate(MIB)
        stream.truncate(IMAGE_BYTES)
    assert setup.surely().code == 0
    assert setup.is_written()


@settings(max_examples=60)
@given(size=st.integers(512, 60_000), spare=st.integers(0, 40), sector=st.sampled_from([512, 4096]))
def test_any_image_size_on_any_card_size(
    size: int, spare: int, sector: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "HEAD", 8192)
    monkeypatch.setattr(write, "BLOCK", 16384)
    image, disk = random_image(tmp_path / "image", size), tmp_path / "disk"
    room = (-(-size // sector) + spare) * sector
    disk.write_bytes(b"\xa5" * room)
    medium = FakeMedium(disk, "8:16")
    medium.sector = sector
    seen: list[tuple[str, int, int]] = []
    with image.open("rb") as stream, closing(medium):
        written = write.write(ImageSource(stream, size), medium, lambda *told: seen.append(told))
    content = disk.read_bytes()
    assert (content[:size], len(content)) == (image.read_bytes(), room)
    assert set(content[size : -(-size // sector) * sector]) <= {0}  # padding of the last sector
    assert written.sha256 == hashlib.sha256(content[:size]).hexdigest()
    assert all(0 <= done <= total for _, done, total in seen)


@pytest.mark.parametrize(("change", "word"), [(-5000, "became shorter"), (5000, "became longer")])
def test_image_that_changes_size_is_reported(tmp_path: Path, change: int, word: str) -> None:
    image, disk = random_image(tmp_path / "image"), tmp_path / "disk"
    disk.write_bytes(bytes(CARD_BYTES))
    with image.open("r+b") as stream:
        stream.truncate(IMAGE_BYTES + change)
        stream.seek(0)
        with pytest.raises(WriteFailed, match=word):
            write.write(ImageSource(stream, IMAGE_BYTES), FakeMedium(disk, "8:16"), lambda *_: None)
    assert half_written(disk)


def test_counterfeit_card_is_detected(tmp_path: Path) -> None:
    """Addresses beyond the real size wrap around to its start."""

    class Counterfeit(FakeMedium):
        def read_at(self, at: int, into: memoryview) -> int:
            return super().read_at(at % (4 * MIB), into)

    image, disk = random_image(tmp_path / "image"), tmp_path / "disk"
    disk.write_bytes(bytes(CARD_BYTES))
    with image.open("rb") as stream, pytest.raises(VerifyFailed, match="reports more than its real size"):
        write.write(ImageSource(stream, IMAGE_BYTES), Counterfeit(disk, "8:16"), lambda *_: None)
    assert half_written(disk)


def steps_until(image: Path, disk: Path, last: int) -> list[str]:
    """Run the writer, kill it at a step and return the steps reported so far."""
    command = [sys.executable, str(CHILD), str(image), str(disk)]
    said = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin
        assert child.stdout
        for number in range(last + 1):
            said.append(child.stdout.readline().strip())
            if number < last:
                child.stdin.write("\n")
                child.stdin.flush()
        child.kill()
    return said


@pytest.mark.parametrize("step", range(len(STEPS)), ids=[f"{n}-{step}" for n, step in enumerate(STEPS)])
def test_kill_at_each_step_leaves_a_marked_or_complete_card(tmp_path: Path, step: int) -> None:
    image, disk = random_image(tmp_path / "image.img"), tmp_path / "disk"
    disk.write_bytes(b"EFI PART" * (CARD_BYTES // 8))
    assert steps_until(image, disk, step) == STEPS[: step + 1]
    assert image.read_bytes() == random_image(tmp_path / "again").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"image.img", "disk", "again"}
    content = disk.read_bytes()
    if step == 0:
        assert content == b"EFI PART" * (CARD_BYTES // 8)
    elif step < WHOLE_FROM:
        assert half_written(disk)
    else:
        assert content[:IMAGE_BYTES] == image.read_bytes()
    shutil.rmtree(tmp_path)
