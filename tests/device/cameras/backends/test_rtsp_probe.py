"""RTSP servers that are looked at before FFMPEG opens them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from edgevision.device.cameras.backends.rtsp_probe import check_server
from edgevision.device.cameras.registry import open_camera

from edgevision.errors import CameraError


@contextmanager
def server(answers: list[bytes], seen: list[bytes]) -> Iterator[str]:
    """Give each request of each connection the next answer, None left: hang."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                link, _ = listening.accept()
                with link, suppress(OSError):
                    for answer in answers:
                        seen.append(link.recv(4096))
                        link.sendall(answer)
                    while link.recv(4096):
                        pass

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.close()


OK = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([b"RTSP/1.0 302 Moved\r\nLocation: rtsp://10.0.0.9/\r\n\r\n"], "redirects to another address"),
        ([OK, b"RTSP/1.0 302 Moved\r\nLocation: rtsp://10.0.0.9/\r\n\r\n"], "redirects to another address"),
        ([OK, b"RTSP/1.0 404 \x1b[2JGone\r\n\r\n"], r"answered 404 \\x1b\[2JGone; check the path"),
        ([b"\xff" * 100000], "not RTSP"),
        ([b"HTTP/1.1 200 OK\r\n\r\n"], "not RTSP"),
        ([OK, b"RTSP/1.0 200 OK\r\nContent-Length: 99999999999\r\n\r\n"], "not RTSP"),
        ([b"RTSP/1.0 200 OK\r\n" + b"X: y\r\n" * 200], "not RTSP"),
        ([b"RTSP/1.0 200"], r"no answer within 0\.5 s"),
        ([], r"no answer within 0\.5 s"),
    ],
)
def test_server_that_leads_nowhere_is_named(answers: list[bytes], reason: str) -> None:
    seen: list[bytes] = []
    with server(answers, seen) as host, pytest.raises(CameraError, match=reason) as caught:
        check_server(f"rtsp://me:hush@{host}/live?token=hush", 0.5 if "no answer" in reason else 60)
    assert "hush" not in str(caught.value) and "\n" not in str(caught.value)
    assert not [request for request in seen if b"Authorization" in request or b"me:" in request]


def test_server_that_wants_a_login_is_left_to_ffmpeg_if_there_is_one() -> None:
    unauthorized = b'RTSP/1.0 401 No\r\nCSeq: 2\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n'
    with server([OK, unauthorized], []) as host:
        check_server(f"rtsp://me:hush@{host}/", 60.0)
        with pytest.raises(CameraError, match="asks for a user and password"):
            check_server(f"rtsp://{host}/", 60.0)


def test_redirect_of_an_rtsp_camera_takes_no_password_elsewhere() -> None:
    seen: list[bytes] = []
    with server([], seen) as other:
        moved = f"RTSP/1.0 302 Moved\r\nCSeq: 1\r\nLocation: rtsp://{other}/\r\n\r\n".encode()
        with server([moved], []) as host, pytest.raises(CameraError, match="redirects"):
            open_camera(f"rtsp://me:hush@{host}/")
    assert seen == []
