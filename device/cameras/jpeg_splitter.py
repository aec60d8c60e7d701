"""Cuts a stream of bytes into JPEGs: one after the other, or with multipart headers or anything else between them.

Markers: ISO/IEC 10918-1, table B.1.
"""

from __future__ import annotations

from collections.abc import Iterator

START = b"\xff\xd8\xff"
MAX_BYTES = 64 * 1024 * 1024
"""No JPEG of a camera is larger; bytes without a start or an end must not fill the memory."""
_BEGIN, _SCAN, _END = 0xD8, 0xDA, 0xD9
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a length: TEM, RST0 to RST7."""
_LOWEST = 0xC0
"""Below it there are no markers within compressed data; such a pair of bytes is damage, or an escaped 0xFF."""
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""Start of frame, of every kind: what says the size."""


class JpegSplitter:
    """Fed with bytes as they come, gives JPEGs: whole, or cut off where another one begins.

    An end within a thumbnail (a segment's content) is no end.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._at = 0
        """How far the JPEG at the start of what is held was looked at."""
        self._in_scan = False
        self.skipped = 0
        """Bytes so far that belong to no JPEG: headers, mostly."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The JPEGs that end within these bytes."""
        self._held += data
        while self._find_start() and (end := self._find_end()) is not None:
            yield bytes(self._held[:end])
            self._drop(end)
        if len(self._held) > MAX_BYTES:
            self.skipped += len(self._held)
            self._drop(len(self._held))

    def rest(self) -> bytes:
        """A JPEG that began and did not end; empty: none did."""
        return bytes(self._held) if self._held.startswith(START) else b""

    def _find_start(self) -> bool:
        """Whether what is held begins with a JPEG; what stands before one is let go."""
        if self._at:
            return True
        start = self._held.find(START)
        if start < 0:
            start = max(0, len(self._held) - len(START) + 1)  # a start may be cut in two
        self.skipped += start
        self._drop(start)
        if not self._held.startswith(START):
            return False
        self._at = 2
        return True

    def _drop(self, count: int) -> None:
        del self._held[:count]
        self._at, self._in_scan = 0, False

    def _find_end(self) -> int | None:
        """Where the first JPEG ends; None: not yet."""
        held = self._held
        while True:
            if self._in_scan and not self._skip_scan():
                return None
            if len(held) < self._at + 2:
                return None
            marker = held[self._at + 1]
            if held[self._at] != 0xFF:  # damage between segments: the decoder will say so
                self._at = self._restart()
                continue
            if marker == _END:
                return self._at + 2
            if marker == _BEGIN:  # another one begins: this one was cut off
                return self._at
            if marker == 0xFF:  # padding
                self._at += 1
                continue
            if marker in _BARE:
                self._at += 2
                continue
            if len(held) < self._at + 4:
                return None
            length = int.from_bytes(held[self._at + 2 : self._at + 4], "big")
            if len(held) < self._at + 2 + length:
                return None
            self._at += 2 + max(2, length)
            self._in_scan = marker == _SCAN

    def _skip_scan(self) -> bool:
        """Goes on to the next marker behind compressed data; False: it is not there yet."""
        held = self._held
        while (found := held.find(b"\xff", self._at)) >= 0 and found + 1 < len(held):
            follower = held[found + 1]
            if follower >= _LOWEST and follower not in _BARE:
                self._at, self._in_scan = found, False
                return True
            self._at = found + 2
        self._at = len(held) if found < 0 else found
        return False

    def _restart(self) -> int:
        found = self._held.find(b"\xff", self._at)
        return len(self._held) if found < 0 else found


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height (pixels) that a JPEG's header says; None: it says none."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF and data[at + 1] != _SCAN:
        marker = data[at + 1]
        if marker in _FRAMES:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        bare = marker == 0xFF or marker in _BARE
        at += 1 if marker == 0xFF else 2 if bare else 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return None
