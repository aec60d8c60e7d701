"""Fake machine for tests, with files as drives and simulated faults."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from edgevision.errors import FlashRefused

from .block_devices import Machine

Kind = Literal["short", "stuck", "full", "broken", "unreadable", "corrupt", "gone"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that occurs at byte ``at`` of the drive."""

    kind: Kind
    """short: one write ends there; stuck: every write ends there; full: ENOSPC; broken: EIO on writing; unreadable: EIO on
    reading; corrupt: reading returns a wrong byte; gone: unplugged from then on."""
    at: int = 0


class FakeMedium:
    """``Medium`` backed by a file."""

    def __init__(self, path: Path, number: str, faults: tuple[Fault, ...] = (), sequence: int | None = None) -> None:
        """Open the drive; ``path``: a file of the drive's size."""
        self.number, self.sequence, self.place = number, sequence, path
        self.sector = 512
        self._handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self.bytes = os.fstat(self._handle).st_size
        self._faults = list(faults)
        self._gone = False

    def write_at(self, at: int, data: memoryview) -> int:
        """See ``Medium``."""
        self._reached(at, len(data))
        self._fail(at, len(data), {"full": errno.ENOSPC, "broken": errno.EIO})
        for fault in self._within(at, len(data)):
            if fault.kind in ("short", "stuck"):
                data = data[: fault.at - at]
            if fault.kind == "short":
                self._faults.remove(fault)
        return os.pwrite(self._handle, data, at) if data else 0

    def read_at(self, at: int, into: memoryview) -> int:
        """See ``Medium``."""
        self._reached(at, len(into))
        self._fail(at, len(into), {"unreadable": errno.EIO})
        count = os.preadv(self._handle, [into], at)
        for fault in self._within(at, count):
            if fault.kind == "corrupt":
                into[fault.at - at] ^= 1
        return count

    def flush(self) -> None:
        """See ``Medium``; nothing to do, since a file survives the process."""
        self._reached(-1, 0)

    def drop_caches(self) -> None:
        """See ``Medium``; nothing to do, since there are no caches."""

    def reread_partitions(self) -> bool:
        """See ``Medium``; nothing to do, since nothing uses the partitions."""
        return True

    def close(self) -> None:
        """See ``Medium``."""
        os.close(self._handle)

    def _within(self, at: int, count: int) -> list[Fault]:
        return [fault for fault in self._faults if at <= fault.at < at + count]

    def _reached(self, at: int, count: int) -> None:
        self._gone = self._gone or any(fault.kind == "gone" for fault in self._within(at, count))
        if self._gone:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

    def _fail(self, at: int, count: int, numbers: dict[Kind, int]) -> None:
        for fault in self._within(at, count):
            if fault.kind in numbers:
                raise OSError(numbers[fault.kind], os.strerror(numbers[fault.kind]))


@dataclass
class FakeHost:
    """``Host`` with the drives of ``machine``, of which those in ``files`` can be opened."""

    machine: Machine
    numbers: dict[str, str]
    """Device path -> device number; other paths are not block devices."""
    files: dict[str, Path] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    writable: bool = True
    busy: bool = False
    """Whether another program has the drive open exclusively."""
    on_unmount: Callable[[str], None] = lambda at: None
    on_open: Callable[[], None] = lambda: None
    """Called while the drive is opened."""
    opened_number: str | None = None
    """Device number of the opened drive, if it differs from the requested one."""

    def number(self, device: Path) -> str:
        """See ``Host``."""
        if str(device) not in self.numbers:
            raise FlashRefused(f"{device} is not a drive")
        return self.numbers[str(device)]

    def may_write(self, device: Path) -> bool:
        """See ``Host``."""
        return self.writable

    def unmount(self, at: str) -> None:
        """See ``Host``."""
        self.on_unmount(at)

    def open(self, device: Path) -> FakeMedium:
        """See ``Host``."""
        if self.busy:
            raise FlashRefused(f"{device} is in use")
        self.on_open()
        return FakeMedium(self.files[str(device)], self.opened_number or self.numbers[str(device)], self.faults)
