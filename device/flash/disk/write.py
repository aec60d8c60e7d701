"""Writes an image to a disk, byte by byte, reads it back, and only then lets the disk be what the image is.

The first sector, with the partition table, comes last: until everything else was read back, it says that the card is
half-written, and no machine starts from it.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass

from edgevision.errors import VerifyFailed, WriteFailed

from ..filesystems.partitions import HALF_WRITTEN
from .image_source import ImageSource
from .medium import Medium, aligned

BLOCK = 4 << 20
HEAD = 1 << 20
"""What is written last; partition tables of both kinds, and the start programs of some, are in it."""
PHASES = ("wipe", "write", "flush", "verify", "finish")

Report = Callable[[str, int, int], None]
"""Called with a phase, the bytes done in it, and their total."""


@dataclass(frozen=True, slots=True)
class Written:
    """A card that gave back what was written to it."""

    bytes: int
    sha256: str
    """Of the image, as it was read, written, and read back."""


def write(source: ImageSource, medium: Medium, report: Report) -> Written:
    """All of an image, from a source at its start, to a medium at least as large. Raises WriteFailed, VerifyFailed."""
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
    if back.digest() != whole.digest():
        raise VerifyFailed(_differs("somewhere"))
    _write_head(head, source.bytes, medium, report)
    return Written(source.bytes, whole.hexdigest())


def _note(whole: hashlib._Hash, sums: dict[int, int], at: int, block: memoryview) -> None:
    whole.update(block)
    sums[at] = zlib.crc32(block)


def _wipe(medium: Medium, report: Report) -> None:
    """No old partition table stays, not even the second one at the end that GPT has."""
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
    """Everything after the head; the image is read and hashed while the block before is written."""

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
    """Reads everything after the head; ``back`` gets all of it."""

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
    """The commit point is its first sector, which a card writes whole or not at all: then the card is what the image is."""
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
    except BaseException:  # Ctrl-C, too: no card keeps a partition table that was not read back.
        with suppress(WriteFailed):
            _wipe(medium, lambda *_: None)
        raise
    report("finish", total, total)


def _ahead(fill: Callable[[int, memoryview], None], start: int, end: int) -> Generator[tuple[int, memoryview]]:
    """Blocks with their places, in turn; the next is filled on another thread while the last is worked on."""
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
    """A block and, where it ends within a sector, zeros up to its end: what lies behind the block in the same memory."""
    over = -len(block) % sector
    if not over:
        return block
    room = memoryview(block.obj)
    room[len(block) : len(block) + over] = bytes(over)
    return room[: len(block) + over]


def _put(medium: Medium, at: int, data: memoryview) -> None:
    """Writes all of it, however often that takes."""
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
            raise VerifyFailed(f"reading back at {at / 1e6:.1f} MB failed: {error.strerror}; {_HALF}") from None
        if count <= 0:
            raise VerifyFailed(f"reading back ended at {at / 1e6:.1f} MB: the card is smaller than it says; {_HALF}")
        at, into = at + count, into[count:]


def _flush(medium: Medium, at: int) -> None:
    """Everything is on the medium, and what is read from now on comes from there."""
    try:
        medium.flush()
        medium.drop_caches()
    except OSError as error:
        raise _failed(at, error) from None


_HALF = "the card is half-written now and starts nothing: write it again, or take another"


def _failed(at: int, error: OSError | None) -> WriteFailed:
    said = error.strerror if error else "the card takes no more"
    return WriteFailed(f"writing the card failed at {at / 1e6:.1f} MB: {said} (worn out, or pulled out?); {_HALF}")


def _differs(where: str) -> str:
    return (
        f"the card gives back something else than was written, {where}: it is worn out, or pretends to be larger than "
        f"it is; {_HALF}"
    )
