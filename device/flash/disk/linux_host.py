"""Open drives on Linux, exclusively and bypassing the page cache (open(2), block/ioctl.c of the kernel)."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
import subprocess
import time
from pathlib import Path

from edgevision.errors import FlashRefused

from .block_devices import Machine

BLKSSZGET, BLKRRPART, BLKFLSBUF = 0x1268, 0x125F, 0x1261
BLKGETSIZE64 = 0x80000000 | struct.calcsize("N") << 16 | 0x1272
BLKGETDISKSEQ = 0x80081280
PATIENCE_S = 5.0
"""Seconds that another program, such as udev, may lock the drive before it counts as in use."""
PAUSE_S = 0.1


class BlockDevice:
    """``Medium`` for a whole drive."""

    def __init__(self, handle: int, device: Path) -> None:
        """Take ownership of an open handle."""
        self._handle, self.place = handle, device
        told = os.fstat(handle).st_rdev
        self.number = f"{os.major(told)}:{os.minor(told)}"
        self.bytes = self._ask(BLKGETSIZE64, "Q")
        self.sector = self._ask(BLKSSZGET, "i")
        try:
            self.sequence: int | None = self._ask(BLKGETDISKSEQ, "Q")
        except OSError:
            self.sequence = None

    def write_at(self, at: int, data: memoryview) -> int:
        """See ``Medium``."""
        return os.pwrite(self._handle, data, at)

    def read_at(self, at: int, into: memoryview) -> int:
        """See ``Medium``."""
        return os.preadv(self._handle, [into], at)

    def flush(self) -> None:
        """See ``Medium``."""
        os.fsync(self._handle)

    def drop_caches(self) -> None:
        """See ``Medium``; O_DIRECT caches none of our data, but other programs may have cached old data."""
        os.posix_fadvise(self._handle, 0, 0, os.POSIX_FADV_DONTNEED)
        try:
            fcntl.ioctl(self._handle, BLKFLSBUF)
        except PermissionError:
            return

    def reread_partitions(self) -> bool:
        """See ``Medium``."""
        try:
            fcntl.ioctl(self._handle, BLKRRPART)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """See ``Medium``."""
        os.close(self._handle)

    def _ask(self, request: int, form: str) -> int:
        raw = fcntl.ioctl(self._handle, request, bytes(8))
        return int(struct.unpack_from(form, raw)[0])


class LinuxHost:
    """``Host`` for this machine."""

    def __init__(self) -> None:
        self.machine = Machine()

    def number(self, device: Path) -> str:
        """See ``Host``."""
        try:
            found = device.stat()
        except OSError as error:
            raise FlashRefused(
                f"cannot write to {device}: {error.strerror}; list the drives with: edgevision flash drives"
            ) from None
        if not stat.S_ISBLK(found.st_mode):
            raise FlashRefused(
                f"{device} is not a drive; an OS image can only be written to a whole drive, such as /dev/sdb"
            )
        return f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"

    def may_write(self, device: Path) -> bool:
        """See ``Host``."""
        return os.access(device, os.R_OK | os.W_OK)

    def unmount(self, at: str) -> None:
        """See ``Host``."""
        try:
            done = subprocess.run(["umount", at], capture_output=True, text=True, check=False)
        except OSError as error:
            raise FlashRefused(f"cannot unmount {at}: cannot run umount: {error.strerror}") from None
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["no reason given by umount"])[-1]
            raise FlashRefused(f"cannot unmount {at}: {said}; close all programs that use it and try again")

    def open(self, device: Path) -> BlockDevice:
        """See ``Host``; a lock keeps udev from probing a half-written drive (systemd.io/BLOCK_DEVICE_LOCKING)."""
        try:
            handle = os.open(device, os.O_RDWR | os.O_EXCL | os.O_DIRECT | os.O_CLOEXEC)
        except OSError as error:
            raise _not_opened(device, error) from None
        try:
            _lock(handle, device)
            return BlockDevice(handle, device)
        except OSError as error:
            os.close(handle)
            raise _not_opened(device, error) from None
        except BaseException:
            os.close(handle)
            raise


def _lock(handle: int, device: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > end:
                raise FlashRefused(f"{device} is locked by another program; wait for it or close it") from None
        time.sleep(PAUSE_S)


def _not_opened(device: Path, error: OSError) -> FlashRefused:
    if error.errno == errno.EBUSY:
        return FlashRefused(
            f"{device} is in use: another program has opened it exclusively, or a partition is mounted "
            "in another namespace (a container?); close or unmount it first"
        )
    remedy = "; check the lock switch of the SD card" if error.errno == errno.EROFS else ""
    return FlashRefused(f"cannot open {device}: {error.strerror}{remedy}")
