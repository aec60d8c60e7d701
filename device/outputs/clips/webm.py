"""Writes WebM: one VP8 track whose frames have times of their own (RFC 9559, in the subset of webmproject.org)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from .ivf import Packet, Video

_EBML, _SEGMENT, _INFO, _TRACKS, _CUES, _CLUSTER = (
    0x1A45DFA3,
    0x18538067,
    0x1549A966,
    0x1654AE6B,
    0x1C53BB6B,
    0x1F43B675,
)
_2001 = 978_307_200
"""DateUTC counts from 2001."""
MAX_TITLE = 200
MAX_RELATIVE_MS = 30_000
"""Times of blocks are relative to their cluster, in 16 bits."""


def write(video: Video, times_s: Sequence[float], wall_s: float, title: str) -> bytes:
    """Return the bytes of a file.

    Args:
        video: Packets, whose numbers are indices of ``times_s``.
        times_s: Time of each frame, from any start; rising.
        wall_s: Time of the first frame in seconds since 1970.
        title: Title of the video.

    Raises ValueError if a packet has no time, or there is none.
    """
    packets = [packet for packet in video.packets if packet.is_shown]
    if not packets or not packets[0].is_key or packets[-1].number >= len(times_s):
        raise ValueError("the encoder's frames do not match")
    start = times_s[packets[0].number]
    times: list[int] = []
    for packet in packets:
        ms = round((times_s[packet.number] - start) * 1000)
        times.append(max(ms, times[-1] + 1) if times else 0)
    mean = times[-1] / (len(times) - 1) if len(times) > 1 else 100.0
    head = _info(times[-1] + mean, wall_s, title) + _tracks(video)
    clusters = _clusters(packets, times)
    cues = _cues(clusters, len(head))
    body = b"".join([head, cues, *(data for _, data in clusters)])
    return _element(_EBML, _ebml()) + _element(_SEGMENT, body)


def _ebml() -> bytes:
    numbers = {0x4286: 1, 0x42F7: 1, 0x42F2: 4, 0x42F3: 8, 0x4287: 2, 0x4285: 2}
    made = [_number(key, value) for key, value in numbers.items()]
    return b"".join([*made[:4], _element(0x4282, b"webm"), *made[4:]])


def _info(duration_ms: float, wall_s: float, title: str) -> bytes:
    clean = "".join(letter for letter in title if letter.isprintable())[:MAX_TITLE]
    return _element(
        _INFO,
        _number(0x2AD7B1, 1_000_000)
        + _element(0x4489, struct.pack(">d", duration_ms))
        + _element(0x4461, struct.pack(">q", round((wall_s - _2001) * 1000) * 1_000_000))
        + _element(0x7BA9, clean.encode("utf-8", "replace"))
        + _element(0x4D80, b"edgevision")
        + _element(0x5741, b"edgevision"),
    )


def _tracks(video: Video) -> bytes:
    picture = _number(0xB0, video.width) + _number(0xBA, video.height)
    entry = _number(0xD7, 1) + _number(0x73C5, 1) + _number(0x9C, 0) + _number(0x83, 1)
    return _element(_TRACKS, _element(0xAE, entry + _element(0x86, b"V_VP8") + _element(0xE0, picture)))


def _clusters(packets: Sequence[Packet], times: Sequence[int]) -> list[tuple[int, bytes]]:
    """Return start and bytes of clusters; one begins at every key frame."""
    made: list[tuple[int, bytes]] = []
    start, blocks = times[0], b""
    for packet, time in zip(packets, times, strict=True):
        if blocks and (packet.is_key or time - start > MAX_RELATIVE_MS):
            made.append((start, _element(_CLUSTER, _number(0xE7, start) + blocks)))
            start, blocks = time, b""
        head = b"\x81" + struct.pack(">hB", time - start, 0x80 if packet.is_key else 0)
        blocks += _element(0xA3, head + packet.data)
    made.append((start, _element(_CLUSTER, _number(0xE7, start) + blocks)))
    return made


def _cues(clusters: Sequence[tuple[int, bytes]], before: int) -> bytes:
    """Return the index, which stands between ``before`` bytes and the clusters; its numbers have a fixed size."""

    def made(place: int) -> bytes:
        points = []
        for start, data in clusters:
            where = _element(0xB7, _number(0xF7, 1) + _element(0xF1, struct.pack(">Q", place)))
            points.append(_element(0xBB, _element(0xB3, struct.pack(">Q", start)) + where))
            place += len(data)
        return _element(_CUES, b"".join(points))

    return made(before + len(made(0)))


def _element(key: int, data: bytes) -> bytes:
    size = struct.pack(">Q", len(data) | 1 << 56)  # always 8 bytes: nothing to work out twice
    return key.to_bytes((key.bit_length() + 7) // 8, "big") + size + data


def _number(key: int, value: int) -> bytes:
    return _element(key, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))
