"""Copy or unpack an OS image, check its SHA-256 on the way, and leave out zeros."""

from __future__ import annotations

import errno
import hashlib
import lzma
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edgevision.errors import BadInput
from edgevision.input_file import open_file
from edgevision.log import Log

from .xz_index import unpacked_size

log = Log("edgevision.flash")
CHUNK = 1 << 20
HOLE = 1 << 16
"""Block size in bytes; blocks of zeros are not written, which keeps the content and saves disk space."""
MEMORY = 512 * 2**20
"""Memory limit of the xz decoder in bytes; xz -9 needs 65 MiB."""
LARGEST = 64 * 2**30
"""Maximum unpacked size in bytes: larger than any OS image, smaller than an archive bomb."""
MAX_RATIO, SMALL = 200, 2**30
"""Largest ratio of unpacked to packed size, beyond the first ``SMALL`` bytes; OS images have 4 to 60, zeros 7000."""
HEAD = 512
"""Bytes at the start of an OS image, with the partition table, that can be checked before the rest is unpacked."""
XZ = "xz"
"""The only compression that is unpacked here."""
MAGIC = {
    b"\xfd7zXZ\0": XZ,
    b"\x1f\x8b": "gzip",
    b"PK\3\4": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"QFI\xfb": "qcow2",
}
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class ExpectedDigest:
    """Expected SHA-256 of the downloaded file."""

    sha256: str
    said_by: str
    """Source of the value."""


def wanted_sha256(image: Path, given: str | None) -> ExpectedDigest | None:
    """Return the SHA-256 given, or that of the file NAME.sha256 beside the image; None if neither. Raises BadInput."""
    if given is not None:
        if not _SHA256.fullmatch(given.strip()):
            raise BadInput(f"--sha256: expected 64 hexadecimal digits, got {given!r:.80}")
        return ExpectedDigest(given.strip().lower(), "--sha256")
    beside = image.with_name(image.name + ".sha256")
    if not beside.is_file():
        return None
    with open_file(beside, "checksum file") as stream:
        words = stream.read(1024).decode("utf-8", "replace").split()
    if not words or not _SHA256.fullmatch(words[0]):
        raise BadInput(f"{beside} does not start with a sha256; remove it, or download it again")
    return ExpectedDigest(words[0].lower(), str(beside))


def is_packed(image: Path) -> bool:
    """Return whether the image is an .xz. Raises MissingFile, and BadInput for other compressions."""
    with open_file(image, "OS image") as stream:
        kind = packed_as(stream.read(max(map(len, MAGIC))))
    if kind not in (None, XZ):
        raise BadInput(f"{image} is compressed with {kind}; unpack it first (.img and .img.xz are read directly)")
    return kind == XZ


def packed_as(head: bytes) -> str | None:
    """Return the compression of a file from its first bytes; None: uncompressed or unknown."""
    return next((name for magic, name in MAGIC.items() if head.startswith(magic)), None)


Look = Callable[[bytes, int | None], None]
"""Checks the first ``HEAD`` bytes of an OS image, given its size in bytes; None: unknown. Raises BadInput."""


def unpack(
    image: Path,
    into: BinaryIO,
    progress: Callable[[int], None],
    wanted: ExpectedDigest | None = None,
    look: Look | None = None,
) -> int:
    """Copy the image, unpacked if it is an .xz, into an empty file and return its size in bytes.

    ``progress``: called with the number of bytes read of ``image``; ``look``: called as soon as possible. Raises
    MissingFile, BadInput.
    """
    packed = is_packed(image)
    digest = hashlib.sha256() if wanted else None
    with open_file(image, "OS image") as stream:
        expected = _expected_size(stream, packed, image)
        if packed or digest:
            chunks = _chunks(stream, digest, progress)
            placed = _placed(_unpacked(chunks, image, expected) if packed else chunks)
        else:
            placed = _without_holes(stream, progress)
        size = _write_sparse(placed if look is None else _looked(placed, look, expected), into, image)
    log.info("%s: %s, %.0f MB of OS image", image, "unpacked" if packed else "copied", size / 1e6)
    log.info("sha256: %s", f"compared with {wanted.said_by}" if wanted else "not compared, none was given")
    if wanted and digest and digest.hexdigest() != wanted.sha256:
        raise BadInput(
            f"{image} is damaged or another file: its sha256 is {digest.hexdigest()}, but {wanted.said_by} says "
            f"{wanted.sha256}; download it again"
        )
    return size


def _chunks(stream: BinaryIO, digest: hashlib._Hash | None, progress: Callable[[int], None]) -> Iterator[bytes]:
    done = 0
    while chunk := stream.read(CHUNK):
        if digest:
            digest.update(chunk)
        yield chunk
        done += len(chunk)
        progress(done)


def _expected_size(stream: BinaryIO, packed: bool, image: Path) -> int | None:
    """Return the size of the OS image as far as it is known beforehand. Raises BadInput for an archive bomb."""
    packed_size = stream.seek(0, os.SEEK_END)
    size = unpacked_size(stream) if packed else packed_size
    stream.seek(0)
    if size is not None:
        _check_size(size, packed_size, image)
    return size


def _check_size(size: int, packed: int, image: Path) -> None:
    """Refuse what no OS image unpacks to. Raises BadInput."""
    if size > LARGEST:
        raise BadInput(
            f"{image} is not an OS image: it unpacks to more than {LARGEST // 2**30} GiB ({size / 1e9:.0f} GB)"
        )
    if size > SMALL and size > MAX_RATIO * packed:
        raise BadInput(
            f"{image} is not an OS image: {packed / 1e6:.1f} MB unpack to {size / 1e9:.1f} GB or more, over {MAX_RATIO} times "
            "as much; download it again"
        )


def _looked(placed: Iterator[tuple[int, bytes]], look: Look, size: int | None) -> Iterator[tuple[int, bytes]]:
    """Pass the chunks on; the first bytes are shown to ``look`` before."""
    head: bytearray | None = bytearray()
    for place, chunk in placed:
        if head is not None and place == len(head):  # a hole at the start has no partition table
            head += chunk[: HEAD - len(head)]
        if head is not None and (len(head) == HEAD or place > len(head) or not chunk):
            look(bytes(head), size)
            head = None
        yield place, chunk


def _unpacked(chunks: Iterator[bytes], image: Path, expected: int | None) -> Iterator[bytes]:
    """Unpack an .xz, but no more than its index says, or than an OS image can have without one. Raises BadInput."""
    done, total = [0], 0
    for part in _streams(_counted(chunks, done), image):
        total += len(part)
        if expected is None:
            _check_size(total, done[0], image)
        elif total > expected:
            raise BadInput(f"{image} is damaged: it unpacks to more than its index says; download it again")
        yield part


def _counted(chunks: Iterator[bytes], done: list[int]) -> Iterator[bytes]:
    for chunk in chunks:
        done[0] += len(chunk)
        yield chunk


def _streams(chunks: Iterator[bytes], image: Path) -> Iterator[bytes]:
    """Unpack one or several .xz streams with padding between them (the .xz file format, version 1.2, section 2)."""
    xz = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY)
    padding = 0
    for chunk in chunks:
        ready = chunk
        while ready or not (xz.needs_input or xz.eof):
            if xz.eof:
                rest = ready.lstrip(b"\0")
                padding += len(ready) - len(rest)
                ready = rest
                if not ready:
                    break
                if padding % 4:
                    raise BadInput(f"{image} is damaged: unexpected data between its parts; download it again")
                xz, padding = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY), 0
            try:
                yield xz.decompress(ready, CHUNK)
            except lzma.LZMAError as error:
                raise BadInput(f"{image} is damaged ({error}); download it again") from None
            ready = xz.unused_data if xz.eof else b""
    if not xz.eof:
        raise BadInput(f"{image} is truncated: the end of the .xz is missing; download it again")
    if padding % 4:
        raise BadInput(f"{image} is damaged: unexpected data after its end; download it again")


def _placed(chunks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield each chunk with its offset; an empty chunk marks the end."""
    at = 0
    for chunk in chunks:
        yield at, chunk
        at += len(chunk)
    yield at, b""


def _without_holes(stream: BinaryIO, progress: Callable[[int], None]) -> Iterator[tuple[int, bytes]]:
    """Like ``_placed``, but skip holes of a sparse file if the system reports them (lseek(2), SEEK_DATA)."""
    at, size = 0, stream.seek(0, os.SEEK_END)
    while at < size:
        try:
            at = os.lseek(stream.fileno(), at, os.SEEK_DATA) if hasattr(os, "SEEK_DATA") else at
        except OSError as error:
            if error.errno == errno.ENXIO:  # the rest of the file is a hole
                break
        stream.seek(at)
        chunk = stream.read(CHUNK)
        if not chunk:
            break
        yield at, chunk
        at += len(chunk)
        progress(at)
    progress(size)
    yield size, b""


def _write_sparse(chunks: Iterator[tuple[int, bytes]], into: BinaryIO, image: Path) -> int:
    """Write all chunks except zeros and return the total size."""
    size = 0
    zeros = bytes(HOLE)
    for place, chunk in chunks:
        for at in range(0, len(chunk), HOLE):
            part = chunk[at : at + HOLE]
            if part != zeros[: len(part)]:
                into.seek(place + at)
                into.write(part)
        size = place + len(chunk)
        if size > LARGEST:
            raise BadInput(f"{image} is not an OS image: it unpacks to more than {LARGEST // 2**30} GiB")
    into.truncate(size)
    into.flush()
    return size
