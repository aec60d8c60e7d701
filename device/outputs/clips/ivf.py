"""Reads IVF, the container of VP8 packets that OpenCV writes."""

from __future__ import annotations

import struct
from typing import NamedTuple

_HEADER, _FRAME = struct.Struct("<4sHH4sHHIIII"), struct.Struct("<IQ")


class Packet(NamedTuple):
    """One encoded frame."""

    number: int
    """Number of the frame, from 0."""
    is_key: bool
    """Whether it can be decoded without others."""
    is_shown: bool
    data: bytes


class Video(NamedTuple):
    """The content of a file."""

    width: int
    height: int
    packets: list[Packet]


def read(data: bytes) -> Video:
    """Return the packets of VP8 in IVF. Raises ValueError for anything else."""
    if len(data) < _HEADER.size:
        raise ValueError("the encoder wrote nothing")
    mark, _, header_size, codec, width, height, *_ = _HEADER.unpack_from(data)
    if mark != b"DKIF" or codec != b"VP80":
        raise ValueError("the encoder wrote something else than VP8")
    packets = []
    place = header_size
    while place < len(data):
        if place + _FRAME.size > len(data):
            raise ValueError("the encoder's file is cut off")
        size, number = _FRAME.unpack_from(data, place)
        place += _FRAME.size
        packet = data[place : place + size]
        if len(packet) != size or not size:
            raise ValueError("the encoder's file is cut off")
        # RFC 6386 section 9.1: bit 0 is 0 in a key frame, bit 4 is 1 in a frame that is shown.
        packets.append(Packet(number, not packet[0] & 1, bool(packet[0] & 16), packet))
        place += size
    return Video(width, height, packets)
