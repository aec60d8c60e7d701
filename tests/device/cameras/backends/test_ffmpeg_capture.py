"""What FFMPEG may open: the file or stream it is given, and nothing that is named inside it."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from edgevision.device.cameras.backends import ffmpeg_capture
from edgevision.device.cameras.registry import open_source

from edgevision.errors import BadInput

PLAYLISTS = {
    "ffconcat": "ffconcat version 1.0\nfile film.avi\n",
    "comment.ffconcat": "\ufeff\n ffconcat version 1.0\nfile film.avi\n",
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfilm.avi\n#EXT-X-ENDLIST\n",
    "camera.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 26\n",
    "list.pls": "[playlist]\nFile1=film.avi\n",
    "list.asx": "<ASX version='3.0'><entry><ref href='film.avi'/></entry></ASX>",
}


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for index in range(5):
        writer.write(np.full((48, 64, 3), index * 40, np.uint8))
    writer.release()
    return path


@pytest.mark.parametrize("name", PLAYLISTS)
@pytest.mark.parametrize("end", ["", "\x00\x01\x02\x03"])
def test_playlist_is_refused_by_its_content(name: str, end: str, film: Path) -> None:
    path = film.with_name(f"{name}.mp4")
    path.write_text(PLAYLISTS[name] + end)
    with pytest.raises(BadInput, match="it is a playlist, which names other files"):
        open_source(str(path))


@pytest.mark.parametrize("name", ["ffconcat", "list.m3u8"])
def test_ffmpeg_opens_no_other_file(name: str, film: Path) -> None:
    path = film.with_name(name)
    path.write_text(PLAYLISTS[name])
    assert cv2.VideoCapture(str(path), cv2.CAP_FFMPEG).isOpened() or name != "ffconcat"  # it would by itself
    assert not ffmpeg_capture.open_file(str(path)).isOpened()
    assert ffmpeg_capture.open_file(str(film)).isOpened()


@pytest.mark.parametrize("before", [None, "rtsp_transport;udp"])
def test_environment_is_as_before(before: str | None, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
    monkeypatch.delenv(name, raising=False)
    if before is not None:
        monkeypatch.setenv(name, before)
    ffmpeg_capture.open_file(str(film)).release()
    assert os.environ.get(name) == before
