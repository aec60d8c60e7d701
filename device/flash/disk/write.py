"""Write an OS image to a drive and read it back before the drive becomes bootable.

The first sector, with the partition table, is written last: until everything else has been verified, it marks the SD
card as half-written, and no machine boots from it.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass

from edgevision.errors import VerifyFailed, WriteFailed
from edgevision.log import Log

from ..filesystems.partitions import HALF_WRITTEN
from .image_source import ImageSource
from .medium import Medium, aligned

log = Log("edgevision.flash")
BLOCK = 4 << 20
HEAD = 1 << 20
"""Size in bytes of the part that is written last; it includes MBR and GPT partition tables and some boot loaders."""
PHASES = ("wipe", "write", "flush", "verify", "finish")

Report = Callable[[str, int, int], None]
"""Called with a phase, the bytes done in it, and their total."""


@dataclass(frozen=True, slots=True)
class Written:
    """Result of a verified write."""

    bytes: int
    sha256: str
    """SHA-256 of the OS image as read, written and read back."""


def write(source: ImageSource, medium: Medium, report: Report) -> Written:
    """Write and verify an OS image on a medium of at least its size. Raises WriteFailed, VerifyFailed."""
    whole, sums = hashlib.sha256(), dict[int, int]()
    head = aligned(HEAD)
    taken = min(HEAD, source.bytes)
    source.fill(head[:taken])
    whole.update(head[:taken])
    _wipe(medium, report)
    _write_rest(source, medium, report, lambda at, block: _note(whole, sums, at, block))
    source.finish()
    _sync(medium, report, source.bytes)
    back = hashlib.sha256(head[:taken])
    _verify_rest(source.bytes, medium, report, sums, back)
    log.info("%.0f MB written and read back", source.bytes / 1e6)
    if back.digest() != whole.digest():
        raise VerifyFailed(_differs("somewhere"))
    _write_head(head, source.bytes, medium, report)
    log.info("the first sector is written: the drive can boot")
    return Written(source.bytes, whole.hexdigest())


def _note(whole: hashlib._Hash, sums: dict[int, int], at: int, block: memoryview) -> None:
    whole.update(block)
    sums[at] = zlib.crc32(block)


def _wipe(medium: Medium, report: Report) -> None:
    """Overwrite the old partition table, including the backup GPT at the end."""
    report("wipe", 0, 2 * HEAD)
    blank = aligned(HEAD)
    blank[: len(HALF_WRITTEN)] = HALF_WRITTEN
    _put(medium, 0, blank[: min(HEAD, medium.bytes)])
    if medium.bytes >= 2 * HEAD:
        _put(medium, medium.bytes - HEAD, aligned(HEAD))
    _flush(medium, 0)
    medium.reread_partitions()
    report("wipe", 2 * HEAD, 2 * HEAD)


def _write_rest(source: ImageSource, medium: Medium, report: Report, note: Callable[[int, memoryview], None]) -> None:
    """Write everything after the head; each block is read and hashed while the previous one is written."""

    def fill(at: int, block: memoryview) -> None:
        source.fill(block)
        note(at, block)

    report("write", 0, source.bytes)
    with closing(_ahead(fill, HEAD, source.bytes)) as blocks:
        for at, block in blocks:
            _put(medium, at, _whole_sectors(block, medium.sector))
            report("write", at + len(block), source.bytes)


def _sync(medium: Medium, report: Report, total: int) -> None:
    report("flush", 0, total)
    _flush(medium, total)
    report("flush", total, total)


def _verify_rest(total: int, medium: Medium, report: Report, sums: dict[int, int], back: hashlib._Hash) -> None:
    """Read and check everything after the head; ``back`` is updated with all data."""

    def fill(at: int, block: memoryview) -> None:
        _get(medium, at, _whole_sectors(block, medium.sector))

    report("verify", 0, total)
    with closing(_ahead(fill, HEAD, total)) as blocks:
        for at, block in blocks:
            if zlib.crc32(block) != sums[at]:
                raise VerifyFailed(_differs(f"between {at / 1e6:.1f} and {(at + len(block)) / 1e6:.1f} MB"))
            back.update(block)
            report("verify", at + len(block), total)


def _write_head(head: memoryview, total: int, medium: Medium, report: Report) -> None:
    """Write the head; its first sector, which an SD card writes atomically, is last and makes the SD card valid."""
    size, first = min(HEAD, medium.bytes), medium.sector
    report("finish", 0, total)
    try:
        for start, end in ((first, size), (0, first)):
            _put(medium, start, head[start:end])
            _flush(medium, start)
        again = aligned(HEAD)[:size]
        _get(medium, 0, again)
        if again != head[:size]:
            raise VerifyFailed(_differs("in its first megabyte"))
    except BaseException:  # also on Ctrl-C: never leave a partition table that was not verified
        with suppress(WriteFailed):
            _wipe(medium, lambda *_: None)
        raise
    report("finish", total, total)


def _ahead(fill: Callable[[int, memoryview], None], start: int, end: int) -> Generator[tuple[int, memoryview]]:
    """Yield blocks with their offsets; the next block is filled in another thread while the current one is processed."""
    rooms = (aligned(BLOCK), aligned(BLOCK))
    with ThreadPoolExecutor(1, "flash") as pool:
        ready: tuple[int, memoryview, Future[None]] | None = None
        for count, at in enumerate(range(start, end, BLOCK)):
            block = rooms[count % 2][: min(BLOCK, end - at)]
            filling = (at, block, pool.submit(fill, at, block))
            if ready:
                ready[2].result()
                yield ready[:2]
            ready = filling
        if ready:
            ready[2].result()
            yield ready[:2]


def _whole_sectors(block: memoryview, sector: int) -> memoryview:
    """Return the block padded with zeros to whole sectors, in the same memory."""
    over = -len(block) % sector
    if not over:
        return block
    room = memoryview(block.obj)
    room[len(block) : len(block) + over] = bytes(over)
    return room[: len(block) + over]


def _put(medium: Medium, at: int, data: memoryview) -> None:
    """Write all data, in several calls if necessary."""
    while data:
        try:
            count = medium.write_at(at, data)
        except OSError as error:
            raise _failed(at, error) from None
        if count <= 0:
            raise _failed(at, None)
        at, data = at + count, data[count:]


def _get(medium: Medium, at: int, into: memoryview) -> None:
    while into:
        try:
            count = medium.read_at(at, into)
        except OSError as error:
            raise VerifyFailed(
                f"verification failed at {at / 1e6:.1f} MB: cannot read: {error.strerror}; {_HALF}"
            ) from None
        if count <= 0:
            raise VerifyFailed(
                f"verification failed at {at / 1e6:.1f} MB: the SD card is smaller than it reports; {_HALF}"
            )
        at, into = at + count, into[count:]


def _flush(medium: Medium, at: int) -> None:
    """Wait until everything is on the medium, and drop caches so that reads come from it."""
    try:
        medium.flush()
        medium.drop_caches()
    except OSError as error:
        raise _failed(at, error) from None


_HALF = "the SD card is now half-written and cannot boot: write it again, or use another one"


def _failed(at: int, error: OSError | None) -> WriteFailed:
    said = error.strerror if error else "it accepts no more data"
    return WriteFailed(f"writing the SD card failed at {at / 1e6:.1f} MB: {said} (worn out or removed?); {_HALF}")


def _differs(where: str) -> str:
    return (
        f"verification failed: the SD card returned wrong data {where}; it is worn out, or reports more than its real size; "
        f"{_HALF}"
    )
