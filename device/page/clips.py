"""Clips of the run's ``clips:`` outputs, as the page lists and plays them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from edgevision.errors import MissingFile

from ..outputs.clip_list import EventKey
from ..system.clock import rfc3339
from .problems import Problem

if TYPE_CHECKING:
    from ..outputs.clip_list import ClipList, WrittenClip
    from .live import Live

MAX_LABEL = 200
"""Longest label in the list (letters)."""
CHUNK_BYTES = 65_536
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class PageClips:
    """The clips of all ``clips:`` outputs of a run."""

    def __init__(self, lists: Sequence[ClipList], live: Live) -> None:
        self._lists, self._live = lists, live

    @property
    def newest(self) -> str | None:
        """Changes with every clip that is written; None before the first."""
        newest = [one.newest for one in self._lists]
        return "-".join("" if clip is None else clip.id for clip in newest) if any(newest) else None

    def to_json(self) -> dict[str, Any]:
        """Return the list, newest first in each output."""
        ids = {_key(one.record): one.id for one in self._live.events_after(0) if one.record["type"] == "event"}
        return {"clips": [_listed(clip, ids) for one in self._lists for clip in one.existing()]}

    def open(self, number: str) -> tuple[WrittenClip, BinaryIO]:
        """Open a clip by its id. Raises MissingFile."""
        for one in self._lists[:-1]:
            try:
                return one.open(number)
            except MissingFile:
                continue
        if not self._lists:
            raise MissingFile("this run writes no clips; start it with: --to clips:DIR")
        return self._lists[-1].open(number)


def _key(record: dict[str, Any]) -> EventKey:
    return EventKey(record["time"], record["index"], record["event"], record["detail"])


def _listed(clip: WrittenClip, ids: dict[EventKey, int]) -> dict[str, Any]:
    return {
        "id": clip.id,
        "url": f"/api/clips/{clip.id}",
        "time": rfc3339(clip.wall_s),
        "label": clip.label[:MAX_LABEL],
        "score": round(clip.score, 4),
        "seconds": round(clip.seconds, 3),
        "bytes": clip.bytes,
        "events": [{"id": ids[key], "time": key.time} for key in clip.events if key in ids],
    }


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the first and the last byte that a Range header asks for; None: all, as for forms that are not supported.

    Raises Problem if the clip has no such bytes.
    """
    found = None if header is None else _RANGE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        return None
    if found[1]:
        first, last = int(found[1]), int(found[2]) if found[2] else size - 1
        if found[2] and last < first:
            return None  # malformed: RFC 9110 has it ignored
    else:
        first, last = max(0, size - int(found[2])), size - 1
    if first >= size:
        raise Problem(416, f"the clip has {size} bytes", {"Content-Range": f"bytes */{size}"})
    return first, min(last, size - 1)


def chunks(file: BinaryIO, first: int, last: int) -> Iterator[bytes]:
    """Yield a part of a file."""
    file.seek(first)
    left = last - first + 1
    while left > 0 and (data := file.read(min(CHUNK_BYTES, left))):
        left -= len(data)
        yield data
