"""The only place that hands a file or URL to FFMPEG: with the formats and protocols it may use, and without its log.

FFMPEG decides by content: a file or an answer may be a playlist that names other files and servers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import cv2

from edgevision.preprocessing.native_log import silenced

_VIDEOS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegvideo,mpegts,flv,asf,ogg,h264,hevc,av1,obu,vvc,m4v,ivf,mjpeg,"
    "mjpeg_2000,gif,apng,dv,mxf,nut,rm,wtv,y4m,yuv4mpegpipe,swf,vob,h263,h261,vc1,dirac,cavsvideo,roq,smk,nsv,4xm,"
    "jpeg_pipe,png_pipe,bmp_pipe,webp_pipe,tiff_pipe,gif_pipe,ppm_pipe,pgm_pipe,pam_pipe,j2k_pipe,qoi_pipe"
)
"""Containers, bare streams and images by FFMPEG's names, without those that open other files: concat, hls, sdp, image2."""
_STREAMS = f"{_VIDEOS},mpjpeg,image2pipe,hls,live_flv,aac,mp3"
_FILE = {"protocol_whitelist": "file", "format_whitelist": _VIDEOS}
_BY_SCHEME = {
    "http": {"protocol_whitelist": "http,tcp,crypto,data", "format_whitelist": _STREAMS},
    "https": {"protocol_whitelist": "https,http,tls,tcp,crypto,data", "format_whitelist": _STREAMS},
    "rtsp": {"protocol_whitelist": "rtsp,rtp,rtcp,srtp,udp,tcp"},
    "rtsps": {"protocol_whitelist": "rtsp,rtsps,rtp,rtcp,srtp,udp,tcp,tls"},
}
_OPTIONS, _LOG_LEVEL = "OPENCV_FFMPEG_CAPTURE_OPTIONS", "OPENCV_FFMPEG_LOGLEVEL"
_OPENCV_DEFAULT = "rtsp_flags;prefer_tcp"
_QUIET = "-8"
"""AV_LOG_QUIET: errors are reported here in one line, and FFMPEG's own lines contain the URL with its password."""
_lock = Lock()
"""Held while a capture opens: OpenCV takes FFMPEG's options from the environment only."""


def open_file(path: str) -> cv2.VideoCapture:
    """Open a video file; it may not lead to any other file or server."""
    with _options(_FILE):
        return cv2.VideoCapture(path, cv2.CAP_FFMPEG)


def open_url(url: str, open_timeout_s: float, read_timeout_s: float) -> cv2.VideoCapture:
    """Open a stream; the time-outs apply to opening and to each frame later."""
    open_ms, read_ms = int(open_timeout_s * 1000), int(read_timeout_s * 1000)
    waits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, open_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, read_ms]
    with _options(_BY_SCHEME[url.partition(":")[0].lower()]):
        return cv2.VideoCapture(url, cv2.CAP_FFMPEG, waits)


@contextmanager
def _options(options: dict[str, str]) -> Iterator[None]:
    with _lock, silenced():
        before = os.environ.get(_OPTIONS)
        given = [before or _OPENCV_DEFAULT, *(f"{name};{value}" for name, value in options.items())]
        os.environ[_OPTIONS] = "|".join(given)
        os.environ[_LOG_LEVEL] = _QUIET
        try:
            yield
        finally:
            if before is None:
                del os.environ[_OPTIONS]
            else:
                os.environ[_OPTIONS] = before
