"""The elements of a WebM file: one VP8 track whose frames have times of their own (RFC 9559, as webmproject.org restricts it)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from .ivf import Packet

SEGMENT, SEEK_HEAD, INFO, TRACKS, CUES, CLUSTER, VOID = (
    0x18538067,
    0x114D9B74,
    0x1549A966,
    0x1654AE6B,
    0x1C53BB6B,
    0x1F43B675,
    0xEC,
)
EBML = 0x1A45DFA3
_2001 = 978_307_200
"""DateUTC counts from 2001."""
MAX_TITLE = 200
MAX_RELATIVE_MS = 30_000
"""Times of blocks are relative to their cluster, in 16 bits."""


def head() -> bytes:
    """Return what every file begins with."""
    numbers = {0x4286: 1, 0x42F7: 1, 0x42F2: 4, 0x42F3: 8, 0x4287: 2, 0x4285: 2}
    made = [number(key, value) for key, value in numbers.items()]
    return element(EBML, b"".join([*made[:4], element(0x4282, b"webm"), *made[4:]]))


def duration(ms: float) -> bytes:
    """Return the element of a duration."""
    return element(0x4489, struct.pack(">d", ms))


def info(first: bytes, wall_s: float, title: str) -> bytes:
    """Return the description of the file; ``first``: its duration, or space for it."""
    clean = "".join(letter for letter in title if letter.isprintable())[:MAX_TITLE]
    return element(
        INFO,
        first
        + number(0x2AD7B1, 1_000_000)
        + element(0x4461, struct.pack(">q", round((wall_s - _2001) * 1000) * 1_000_000))
        + element(0x7BA9, clean.encode("utf-8", "replace"))
        + element(0x4D80, b"edgevision")
        + element(0x5741, b"edgevision"),
    )


def tracks(width: int, height: int) -> bytes:
    """Return the description of the only track."""
    picture = number(0xB0, width) + number(0xBA, height)
    entry = number(0xD7, 1) + number(0x73C5, 1) + number(0x9C, 0) + number(0x83, 1)
    return element(TRACKS, element(0xAE, entry + element(0x86, b"V_VP8") + element(0xE0, picture)))


def clusters(packets: Sequence[Packet], times: Sequence[int]) -> list[tuple[int, bytes]]:
    """Return start and bytes of clusters; one begins at every key frame."""
    made: list[tuple[int, bytes]] = []
    start, blocks = times[0], b""
    for packet, time in zip(packets, times, strict=True):
        if blocks and (packet.is_key or time - start > MAX_RELATIVE_MS):
            made.append((start, element(CLUSTER, number(0xE7, start) + blocks)))
            start, blocks = time, b""
        front = b"\x81" + struct.pack(">hB", time - start, 0x80 if packet.is_key else 0)
        blocks += element(0xA3, front + packet.data)
    made.append((start, element(CLUSTER, number(0xE7, start) + blocks)))
    return made


def cues(points: Sequence[tuple[int, int]]) -> bytes:
    """Return the index of clusters by time and place; its size depends on their number only."""
    made = []
    for start, place in points:
        where = element(0xB7, number(0xF7, 1) + element(0xF1, struct.pack(">Q", place)))
        made.append(element(0xBB, element(0xB3, struct.pack(">Q", start)) + where))
    return element(CUES, b"".join(made))


def seek_head(place: int) -> bytes:
    """Return the reference to the index, ``place`` bytes after the start of the segment."""
    seek = element(0x53AB, CUES.to_bytes(4, "big")) + element(0x53AC, struct.pack(">Q", place))
    return element(SEEK_HEAD, element(0x4DBB, seek))


def space(size: int) -> bytes:
    """Return an element of ``size`` bytes that players pass over."""
    return element(VOID, bytes(size - len(element(VOID, b""))))


def element(key: int, data: bytes) -> bytes:
    """Return an element with its content."""
    return open_element(key, len(data)) + data


def open_element(key: int, size: int | None) -> bytes:
    """Return the start of an element whose content follows; None: of a size that is not known yet (RFC 8794, section 6.2)."""
    # Always 8 bytes: nothing to work out twice, and the size can be filled in later.
    stated = struct.pack(">Q", 2**57 - 1 if size is None else size | 1 << 56)
    return key.to_bytes((key.bit_length() + 7) // 8, "big") + stated


def number(key: int, value: int) -> bytes:
    """Return an element that holds a number of 0 or more."""
    return element(key, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))
