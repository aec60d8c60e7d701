"""Writes a WebM file whose frames are all known."""

from __future__ import annotations

from collections.abc import Sequence

from . import webm_elements as webm
from .ivf import Video
from .webm_elements import MAX_TITLE as MAX_TITLE


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
    front = webm.info(webm.duration(times[-1] + mean), wall_s, title) + webm.tracks(video.width, video.height)
    clusters = webm.clusters(packets, times)
    place, points = len(front) + len(webm.cues([(0, 0)] * len(clusters))), []
    for at, data in clusters:
        points.append((at, place))
        place += len(data)
    body = b"".join([front, webm.cues(points), *(data for _, data in clusters)])
    return webm.head() + webm.element(webm.SEGMENT, body)
