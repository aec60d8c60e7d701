"""Fake machine with a system drive and a card reader for tests of ``flash write``; the SD card is a file."""

from __future__ import annotations

import io
import random
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from documents import parse_lines
from edgevision.device.cli import flash_write
from edgevision.device.flash.disk.fake_host import FakeHost, Fault
from fake_machine import GB, FakeMachine

MIB = 1 << 20
IMAGE_BYTES = 9 * MIB + 700
"""Image size in bytes: a head and two and a half blocks, not a whole number of sectors."""
CARD_BYTES = 16 * MIB
SERIAL = "2012062"
MODEL = "Generic SD Reader"


class Terminal(io.StringIO):
    """Standard input of a terminal, with an answer."""

    def isatty(self) -> bool:
        return True


@cache
def image_bytes(size: int) -> bytes:
    """Return random bytes with an empty partition table."""
    content = bytearray(random.Random(7).randbytes(size))
    content[446:512] = bytes(64) + b"\x55\xaa"
    return bytes(content)


def random_image(path: Path, size: int = IMAGE_BYTES) -> Path:
    """Write a file of ``image_bytes``."""
    path.write_bytes(image_bytes(size))
    return path


@dataclass
class Said:
    """Result of a command."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return parse_lines(self.out, "flash_event")


class Setup:
    """A machine whose SD card is ``/dev/sdb`` and whose system drive is ``/dev/sda``."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.machine = FakeMachine(folder / "root")
        system = self.machine.disk("sda", "pci0/ata1/host0/target0/0:0:0:0", 500 * GB, model="WDC WD5000")
        self.machine.mount(system / "sda2", "/")
        self.card = self.add("sdb", "pci0/usb1/1-2/1-2:1.0/host1", removable="1", vendor="Generic", model="SD Reader")
        (folder / "root/sys/devices/pci0/usb1/1-2/serial").write_text(f"{SERIAL}\n")
        self.image = random_image(folder / "card.img")
        self.disk = folder / "sdb"
        self.disk.write_bytes(b"somebody's photos" * (CARD_BYTES // 17) + bytes(CARD_BYTES % 17))
        self.before = self.disk.read_bytes()
        self.host = FakeHost(self.machine.told(), {}, {"/dev/sdb": self.disk})
        self._patch, self._capsys = monkeypatch, capsys
        monkeypatch.setattr(flash_write, "this_host", lambda: self.host)

    def add(self, name: str, at: str, size: int = CARD_BYTES, **files: str) -> Path:
        """Add a drive to the machine."""
        return self.machine.disk(name, at, size, **files)

    def write(self, *options: object, to: str = "/dev/sdb", answer: str | None = None, faults: object = ()) -> Said:
        """Run ``flash write``; ``answer``: typed text, or None without a terminal."""
        from edgevision.cli.main import main

        self.host.machine = self.machine.told()
        self.host.numbers = self._numbers()
        self.host.faults = (faults,) if isinstance(faults, Fault) else tuple(faults)  # type: ignore[arg-type]
        self._patch.setattr(sys, "stdin", io.StringIO("") if answer is None else Terminal(answer))
        with pytest.raises(SystemExit) as ended:
            main(["flash", "write", str(self.image), "--to", to, *map(str, options)])
        said = self._capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    def surely(self, *options: object, **more: Any) -> Said:
        """Run ``flash write`` without questions, as a script would."""
        return self.write("--yes", "--expect-serial", SERIAL, *options, **more)

    def refused(self, said: Said, *words: str, code: int = 10) -> None:
        """Check that the command failed with one line and changed nothing."""
        _, found, line = said.err.partition("edgevision: error: ")
        assert found, said.err
        assert line.endswith("\n")
        assert line.count("\n") == 1
        for word in words:
            assert word in line
        assert said.code == code, said.err
        assert self.disk.read_bytes() == self.before

    def is_written(self) -> bool:
        """Return whether the SD card holds the image."""
        content = self.image.read_bytes()
        return self.disk.read_bytes()[: len(content)] == content

    def _numbers(self) -> dict[str, str]:
        blocks = self.machine.root / "sys/block"
        found = {f"/dev/{path.name}": path for path in blocks.iterdir()}
        found |= {f"/dev/{path.parent.name}": path.parent for path in blocks.glob("*/*/partition")}
        return {device: (path / "dev").read_text().strip() for device, path in found.items()}
