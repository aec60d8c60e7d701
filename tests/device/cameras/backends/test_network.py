"""Network cameras over the loopback: MJPEG over HTTP, servers that fail in various ways, and secrets."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest
from edgevision.device.cameras.backends.network import StreamReader, open_http, open_stream
from edgevision.device.cameras.registry import open_camera
from edgevision.device.stream.events import SourceEvent
from edgevision.device.stream.protocols import Source
from edgevision.device.stream.request import ANY, CaptureRequest
from edgevision.device.system.clock import Clock
from ports import free_port
from rtsp_server import COLOR_BGR, rtsp_server

from edgevision.errors import CameraError, CameraLost
from edgevision.preprocessing import decode
from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import Frame

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def server(answer: Answer) -> Iterator[str]:
    """Run a loopback server that answers every GET; yield its host:port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.daemon_threads = True
        thread = threading.Thread(target=httpd.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{httpd.server_address[1]}"
        finally:
            httpd.shutdown()
            thread.join()


def mjpeg(count: int | None, paths: list[str] | None = None, then: threading.Event | None = None) -> Answer:
    """Return an answer of ``count`` JPEGs (None: until the reader disconnects) that then ends, or hangs until ``then``."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if paths is not None:
            paths.append(handler.path)
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        handler.end_headers()
        index = 0
        try:
            while count is None or index < count:
                pixels = np.full((48, 64, 3), (index * 10 % 250, 0, 0), np.uint8)
                data = decode.encode_jpeg(Frame(pixels, "BGR"))
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                handler.wfile.write(head.encode() + data + b"\r\n")
                index += 1
            if then is not None:
                then.wait()
        except OSError:
            pass  # the reader disconnected

    return answer


def test_mjpeg_over_http_is_read_until_the_server_ends() -> None:
    with server(mjpeg(60)) as host:
        camera = open_stream(f"http://{host}/video")
        found = []
        with pytest.raises(CameraLost, match=f"http://{host}/video stopped sending after"):
            for frame in camera:
                found.append(frame)
    assert found
    assert camera.live
    assert all((f.width, f.height, f.order) == (64, 48, "BGR") for f in found)
    assert all(f.captured_at is not None for f in found)
    indices = [f.index for f in found]
    assert indices == sorted(set(indices))
    assert camera.dropped == indices[-1] + 1 - len(indices)


def photo(index: int, size: tuple[int, int] = (320, 240)) -> bytes:
    noise = np.random.default_rng(index).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return decode.encode_jpeg(Frame(cv2.GaussianBlur(noise, (9, 9), 0), "BGR"))


def multipart(data: list[bytes]) -> Answer:
    """Return an answer that sends these parts as one stream, then ends."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace;boundary=frame")
        handler.end_headers()
        for part in data:
            handler.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + part + b"\r\n")

    return answer


def read_all(url: str, wanted: CaptureRequest = ANY) -> tuple[list[Frame], int]:
    """Return every frame of a stream after the first, and the number of damaged images."""
    reader = open_http(url, wanted, 120.0)
    assert reader is not None
    found = []
    with suppress(CameraLost):
        while (frame := reader.read()) is not None:
            found.append(frame)
    reader.close()
    return found, reader.damaged


def test_truncated_image_is_not_completed_from_an_older_one() -> None:
    sent = [photo(n) for n in range(6)]
    broken = [data if n % 2 else data[: len(data) // 2] for n, data in enumerate(sent)]
    with server(multipart([sent[0], *broken[1:]])) as host:
        found, damaged = read_all(f"http://{host}/")
    assert damaged == 2
    assert [frame.index for frame in found] == [0, 2, 4]
    for frame, data in zip(found, sent[1::2], strict=True):
        assert np.array_equal(frame.pixels, decode.decode(data, "").pixels)


def test_stream_is_decoded_no_larger_than_the_model_needs() -> None:
    with server(multipart([photo(n, (640, 480)) for n in range(3)])) as host:
        found, _ = read_all(f"http://{host}/", CaptureRequest(preprocessing=Preprocessing(96, 96)))
    assert {(frame.width, frame.height, frame.reduced) for frame in found} == {(160, 120, 4)}


def test_http_error_status_is_reported() -> None:
    with server(refuse) as host, pytest.raises(CameraError, match="the server answered 404 Not Found"):
        open_stream(f"http://{host}/")


def test_user_and_password_reach_the_camera() -> None:
    seen: list[str | None] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers["Authorization"])
        multipart([photo(0)])(handler)

    with server(answer) as host:
        read_all(f"http://mary:l%40mb@{host}/")
    assert seen == ["Basic " + b64encode(b"mary:l@mb").decode()]


def test_close_disconnects() -> None:
    with server(mjpeg(None)) as host:
        camera = open_stream(f"http://{host}/")
        next(iter(camera))
        camera.close()
        for thread in [one for one in threading.enumerate() if one.name.startswith("read http")]:
            thread.join(120)
            assert not thread.is_alive()


def test_silent_server_is_lost() -> None:
    over = threading.Event()
    with server(mjpeg(30, then=over)) as host:
        try:
            reader = StreamReader(f"http://{host}/", timeout_s=1.0, open_timeout_s=60.0)
            with pytest.raises(CameraLost, match=r"stopped sending after"):
                while True:
                    reader.read()
            reader.close()
        finally:
            over.set()


def refuse(handler: BaseHTTPRequestHandler) -> None:
    handler.send_error(404)


def page(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.end_headers()
    handler.wfile.write(b"<html>no camera here</html>" * 200)


@pytest.mark.parametrize("answer", [refuse, page])
def test_answer_that_is_not_a_stream_gives_a_one_line_error(answer: Answer) -> None:
    with server(answer) as host, pytest.raises(CameraError, match=r"cannot open http://.*@127") as caught:
        open_stream(f"http://mary:lamb@{host}/video?token=abc")
    assert "\n" not in str(caught.value)
    assert "lamb" not in str(caught.value)
    assert "abc" not in str(caught.value)


def test_server_that_never_answers_times_out() -> None:
    over = threading.Event()
    with server(lambda _: over.wait() and None) as host:
        try:
            with pytest.raises(CameraError, match="no answer within 1 s"):
                StreamReader(f"http://{host}/", timeout_s=1.0, open_timeout_s=1.0)
        finally:
            over.set()


def test_refused_connection_is_an_error() -> None:
    host = f"127.0.0.1:{free_port()}"
    with pytest.raises(CameraError, match=f"cannot open http://{host}/"):
        open_stream(f"http://{host}/")


def test_secrets_reach_only_the_server() -> None:
    paths: list[str] = []
    with server(mjpeg(None, paths)) as host:
        camera = open_stream(f"http://mary:lamb@{host}/video?size=2&password=wolf&channel=1")
        frame = next(iter(camera))
        camera.close()
    assert paths[0] == "/video?size=2&password=wolf&channel=1"
    assert camera.spec == f"http://***@{host}/video?size=2&password=***&channel=1"
    assert frame.source == camera.spec
    assert "lamb" not in camera.description + camera.spec


# --- through the function that reconnects


QUICK = Clock(wait=lambda event, _: event.wait(0.05))
"""A clock with short waits between attempts."""


def kinds_until(camera: Source, last: str, then: Callable[[str], None] = lambda _: None) -> list[str]:
    """Return event kinds up to ``last`` and a frame after it; consecutive frames become one "frame"."""
    found = ["frame"]
    for item in camera:
        kind = item.kind if isinstance(item, SourceEvent) else "frame"
        if kind != found[-1]:
            found.append(kind)
            then(kind)
        if found[-2:] == [last, "frame"]:
            break
    camera.close()
    return found


def test_stream_that_ends_is_reopened(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", "edgevision"), server(mjpeg(20)) as host:
        camera = open_camera(f"http://mary:lamb@{host}/video", QUICK)
        found = kinds_until(camera, "camera_back")
    assert found == ["frame", "camera_lost", "camera_back", "frame"]
    assert camera.spec == f"http://***@{host}/video"
    assert f"opened http://***@{host}/video" in caplog.text
    assert "attempt 1 to open it again" in caplog.text and "after attempt 1" in caplog.text
    assert "lamb" not in caplog.text


def test_server_that_disappears_is_waited_for() -> None:
    with ExitStack() as stack:
        first = stack.enter_context(ExitStack())
        port = first.enter_context(rtsp_server(port=free_port()))
        camera = open_camera(f"rtsp://127.0.0.1:{port}/stream", QUICK)

        def step(kind: str) -> None:
            if kind == "camera_lost":
                stack.enter_context(rtsp_server(port=port))

        stream = iter(camera)
        next(stream)
        first.close()
        assert kinds_until(camera, "camera_back", step)[-3:] == ["camera_lost", "camera_back", "frame"]


def test_dead_server_is_an_error_at_the_first_open() -> None:
    host = f"127.0.0.1:{free_port()}"
    with pytest.raises(CameraError, match="cannot open"):
        open_camera(f"http://{host}/", QUICK)


def test_rtsp_camera_delivers_frames() -> None:
    with rtsp_server() as port:
        camera = open_camera(f"rtsp://127.0.0.1:{port}/stream")
        frame = next(iter(camera))
        camera.close()
    assert isinstance(frame, Frame)
    assert (frame.width, frame.height, frame.order) == (64, 48, "BGR")
    assert np.abs(frame.pixels[:, -16:].astype(int) - COLOR_BGR).max() < 20
    assert camera.live


def test_rtsp_camera_that_disconnects_is_lost() -> None:
    with rtsp_server(frames=30) as port:
        reader = StreamReader(f"rtsp://127.0.0.1:{port}/stream", timeout_s=60)
        with pytest.raises(CameraLost, match="stopped sending after"):
            while True:
                reader.read()
        reader.close()
