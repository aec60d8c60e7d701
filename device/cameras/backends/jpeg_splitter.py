"""Splits a byte stream into JPEGs, which may be concatenated or separated by multipart headers or other bytes.

Markers: ISO/IEC 10918-1, table B.1.
"""

from __future__ import annotations

from collections.abc import Iterator

START = b"\xff\xd8\xff"
MAX_BYTES = 64 * 1024 * 1024
"""Upper bound for one JPEG from a camera, so that bytes without a start or an end cannot fill the memory."""
_BEGIN, _SCAN, _END = 0xD8, 0xDA, 0xD9
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a length field: TEM, RST0 to RST7."""
_LOWEST = 0xC0
"""Lowest marker that can follow compressed data; a lower byte after 0xFF is damage or an escaped 0xFF."""
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""Start-of-frame markers of every kind; their segment holds the image size."""


class JpegSplitter:
    """Takes bytes as they arrive and yields JPEGs, whole or truncated where the next one begins.

    End markers inside a thumbnail (segment content) are ignored.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._at = 0
        """Position up to which the first held JPEG has been parsed."""
        self._in_scan = False
        self.skipped = 0
        """Number of bytes so far that belong to no JPEG, mostly headers."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the JPEGs that are completed by these bytes."""
        self._held += data
        while self._find_start() and (end := self._find_end()) is not None:
            yield bytes(self._held[:end])
            self._drop(end)
        if len(self._held) > MAX_BYTES:
            self.skipped += len(self._held)
            self._drop(len(self._held))

    def rest(self) -> bytes:
        """Return a JPEG that began but did not end, or empty bytes."""
        return bytes(self._held) if self._held.startswith(START) else b""

    def _find_start(self) -> bool:
        """Drop everything before the first JPEG; return whether a start was found."""
        if self._at:
            return True
        start = self._held.find(START)
        if start < 0:
            start = max(0, len(self._held) - len(START) + 1)  # the start marker may span two chunks
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
        """Return where the first JPEG ends, or None if its end has not arrived."""
        held = self._held
        while True:
            if self._in_scan and not self._skip_scan():
                return None
            if len(held) < self._at + 2:
                return None
            marker = held[self._at + 1]
            if held[self._at] != 0xFF:  # damage between segments: the decoder reports it
                self._at = self._restart()
                continue
            if marker == _END:
                return self._at + 2
            if marker == _BEGIN:  # the next JPEG begins: this one was truncated
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
        """Advance to the next marker after compressed data; return False if it has not arrived."""
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
    """Return width and height (pixels) from a JPEG header, or None if it has none."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF and data[at + 1] != _SCAN:
        marker = data[at + 1]
        if marker in _FRAMES:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        bare = marker == 0xFF or marker in _BARE
        at += 1 if marker == 0xFF else 2 if bare else 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return None
