"""HTTP cameras that are slow, endless, redirected, encrypted, or send single images; all on the loopback."""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from edgevision.device.cameras.backends import network
from edgevision.device.cameras.backends.mjpeg_http import MjpegReader
from edgevision.device.cameras.backends.network import open_http, open_stream
from edgevision.device.cameras.backends.snapshot_http import SnapshotReader
from edgevision.device.cameras.registry import open_camera
from edgevision.device.stream.request import CaptureRequest

from edgevision.errors import BadInput, CameraError, CameraLost
from edgevision.preprocessing import decode
from edgevision.types import Frame

Speak = Callable[[socket.socket, bytes], None]
MULTIPART = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"


def jpeg(index: int = 0, size: tuple[int, int] = (64, 48)) -> bytes:
    pixels = np.random.default_rng(index).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return decode.encode_jpeg(Frame(pixels, "BGR"))


def part(data: bytes) -> bytes:
    return b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data) + data + b"\r\n"


def image(data: bytes, kind: bytes = b"image/jpeg") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind, len(data)) + data


@contextmanager
def server(speak: Speak, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Run a server that hands every connection and its request to ``speak``; yield its host:port."""
    listening = socket.create_server(("127.0.0.1", 0))

    def one(link: socket.socket) -> None:
        with suppress(OSError):
            if tls is not None:
                link = tls.wrap_socket(link, server_side=True)
            request = b""
            while b"\r\n\r\n" not in request and (data := link.recv(4096)):
                request += data
            speak(link, request)
        with suppress(OSError):
            link.close()

    def accept() -> None:
        with suppress(OSError):
            while True:
                link, _ = listening.accept()
                threading.Thread(target=one, args=(link,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.close()


def sends(data: bytes) -> Speak:
    return lambda link, _: link.sendall(data)


def endlessly(first: bytes, again: bytes, every_s: float = 0.02) -> Speak:
    def speak(link: socket.socket, _: bytes) -> None:
        link.sendall(first)
        while True:
            link.sendall(again)
            time.sleep(every_s)

    return speak


# --- time


@pytest.mark.parametrize(
    "speak",
    [
        pytest.param(endlessly(b"HTTP/1.1 200 OK", b"x"), id="slow header"),
        pytest.param(endlessly(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="endless 100"),
        pytest.param(endlessly(MULTIPART, b"no image here " * 1000), id="no boundary"),
        pytest.param(endlessly(MULTIPART + b"--b\r\n\r\n\xff\xd8\xff\xe0", b"A"), id="dripping body"),
        pytest.param(
            endlessly(MULTIPART, b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n"), id="endless text parts"
        ),
        pytest.param(endlessly(image(b"")[:-4] + b"\r\n\r\n\xff\xd8\xff", b"A"), id="dripping single image"),
        pytest.param(endlessly(b"HTTP/1.1 200 OK\r\nContent-Type: x/y\r\n\r\n", b""), id="nothing after the header"),
    ],
)
def test_opening_ends_by_its_deadline(speak: Speak) -> None:
    with server(speak) as host, pytest.raises(CameraError, match=f"cannot open http://{host}/"):
        open_http(f"http://{host}/", open_timeout_s=0.5)


def test_camera_that_starts_to_drip_is_lost_in_time() -> None:
    with server(endlessly(MULTIPART + part(jpeg()) + b"--b\r\n\r\n\xff\xd8\xff\xe0", b"A")) as host:
        reader = open_http(f"http://{host}/", timeout_s=0.5)
        assert reader is not None
        with pytest.raises(CameraLost, match="sent no complete image in time"):
            reader.read()
        reader.close()


def test_one_image_per_connection_is_passed_on() -> None:
    with server(sends(MULTIPART + part(jpeg()))) as host:
        reader = open_http(f"http://{host}/", timeout_s=120)
        assert reader is not None
        assert reader.read().index == 0
        with pytest.raises(CameraLost, match="stopped sending after 1 frames"):
            reader.read()
        reader.close()


def test_name_look_up_that_hangs_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(network, "MAX_OPEN_S", 0.3)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(600))
    with pytest.raises(CameraError, match=r"no answer within 0\.3 s"):
        open_stream("http://camera.example/")
    over.set()


# --- answers


def test_reason_of_a_server_is_escaped() -> None:
    answer = sends(b"HTTP/1.1 404 \x1b[2Jgone\r\nContent-Length: 0\r\n\r\n")
    with server(answer) as host, pytest.raises(CameraError, match=r"the server answered 404 \\x1b\[2Jgone"):
        open_stream(f"http://{host}/")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", "sent a web page"),
        (MULTIPART.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n") + b"x", "sends compressed data"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000, "not valid HTTP"),
        (b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\n\r\n", "asks for a user and password"),
        (b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n", "redirects to file:"),
        (b"HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n", "redirects more than 5 times"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://[\r\n\r\n", "not valid HTTP|invalid address"),
    ],
)
def test_answer_that_is_no_camera_says_what_it_is(answer: bytes, reason: str) -> None:
    with server(sends(answer)) as host, pytest.raises(CameraError, match=reason):
        open_stream(f"http://{host}/")


def test_invalid_port_is_refused() -> None:
    with pytest.raises(BadInput, match=r"invalid URL http://10\.0\.0\.1:70000/"):
        open_stream("http://10.0.0.1:70000/")


def test_redirect_keeps_the_password_on_its_server_only() -> None:
    seen: list[tuple[str, bytes]] = []

    def elsewhere(link: socket.socket, request: bytes) -> None:
        seen.append(("other", request))
        link.sendall(MULTIPART + part(jpeg()))

    with server(elsewhere) as other:

        def here(link: socket.socket, request: bytes) -> None:
            seen.append(("own", request))
            there = b"/second" if request.startswith(b"GET /first") else f"http://{other}/".encode()
            link.sendall(b"HTTP/1.1 302 Found\r\nLocation: " + there + b"\r\n\r\n")

        with server(here) as host:
            reader = open_http(f"http://mary:lamb@{host}/first")
            assert isinstance(reader, MjpegReader)
            reader.close()
    assert [(name, b"Authorization" in request) for name, request in seen] == [
        ("own", True),
        ("own", True),
        ("other", False),
    ]


def test_digest_login_is_answered() -> None:
    def digest(*parts: str) -> str:
        return hashlib.md5(":".join(parts).encode()).hexdigest()

    answers: list[bool] = []

    def speak(link: socket.socket, request: bytes) -> None:
        if (found := re.search(rb"Authorization: Digest (.*)\r\n", request)) is None:
            link.sendall(
                b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="cam, 1", nonce="n", qop="auth,auth-int"\r\n\r\n'
            )
            return
        said = dict(re.findall(r'(\w+)="?([^",]*)', found[1].decode().replace("cam, 1", "cam 1")))
        first, second = digest("mary", "cam, 1", "l@mb"), digest("GET", "/snap?a=1")
        expected = digest(first, "n", said["nc"], said["cnonce"], "auth", second)
        answers.append(said["response"] == expected)
        link.sendall(image(jpeg()))

    with server(speak) as host:
        reader = open_http(f"http://mary:l@mb@{host}/snap?a=1".replace("l@mb", "l%40mb"), CaptureRequest(fps=100))
        assert isinstance(reader, SnapshotReader)
        reader.read()
        reader.close()
    assert answers == [True, True]


def test_digest_login_is_renewed_when_the_server_forgets_it() -> None:
    nonces: list[int] = []

    def speak(link: socket.socket, request: bytes) -> None:
        if b'nonce="%d"' % len(nonces) in request:  # each nonce is good for one image
            nonces.append(0)
            link.sendall(image(jpeg()))
        else:
            challenge = b'Digest realm="cam", nonce="%d", qop="auth"' % len(nonces)
            link.sendall(b"HTTP/1.1 401 No\r\nWWW-Authenticate: " + challenge + b"\r\n\r\n")

    with server(speak) as host:
        reader = open_http(f"http://mary:lamb@{host}/", CaptureRequest(fps=100))
        assert reader is not None
        for _ in range(3):
            reader.read()
        reader.close()
    assert (len(nonces), reader.damaged) == (4, 0)


@pytest.mark.parametrize(("stale", "attempts"), [(b"", 2), (b", stale=true", 3)])
def test_wrong_password_is_tried_few_times(stale: bytes, attempts: int) -> None:
    seen: list[bytes] = []

    def speak(link: socket.socket, request: bytes) -> None:
        seen.append(request)
        challenge = b'Digest realm="cam", nonce="%d"%s' % (len(seen), stale)
        link.sendall(b"HTTP/1.1 401 No\r\nWWW-Authenticate: " + challenge + b"\r\n\r\n")

    with server(speak) as host, pytest.raises(CameraError, match="refuses this user and password"):
        open_http(f"http://mary:lamb@{host}/")
    assert len(seen) == attempts


# --- single images


def test_single_images_are_asked_for_at_the_requested_rate() -> None:
    numbers = count()
    with server(lambda link, _: link.sendall(image(jpeg(next(numbers))))) as host:
        camera = open_camera(f"http://{host}/capture", wanted=CaptureRequest(fps=20))
        started, found = time.monotonic(), []
        for item in camera:
            if isinstance(item, Frame):  # on a busy machine, also that the camera was lost and is back
                found.append(item)
            if len(found) == 5:
                break
        camera.close()
    assert {(item.width, item.height) for item in found} == {(64, 48)}
    assert time.monotonic() - started > 3 / 20
    assert camera.description == "single images, one every 0.05 s, 64x48"


def test_single_images_come_once_a_second_by_default() -> None:
    with server(sends(image(jpeg(), b"application/octet-stream"))) as host:
        reader = open_http(f"http://{host}/capture")
        assert isinstance(reader, SnapshotReader)
        assert reader.period_s == 1.0
        reader.close()
        assert reader.read() is None


def test_single_image_that_fails_is_counted_and_asked_for_again() -> None:
    answers = iter([image(jpeg(0)), b"HTTP/1.1 503 Busy\r\n\r\n", image(jpeg(1))[:-900], image(jpeg(2))])
    with server(lambda link, _: link.sendall(next(answers))) as host:
        reader = open_http(f"http://{host}/capture", CaptureRequest(fps=100))
        assert reader is not None
        frame = reader.read()
        reader.close()
    assert frame is not None and np.array_equal(frame.pixels, decode.decode(jpeg(2), "").pixels)
    assert reader.damaged == 2


# --- frames


def bomb() -> bytes:
    data = bytearray(jpeg())
    start = data.find(b"\xff\xc0")
    data[start + 5 : start + 9] = struct.pack(">HH", 65000, 65000)
    return bytes(data)


def test_bad_images_are_counted_and_survived() -> None:
    sizes = [(64, 48), (40, 90), (320, 240)]
    good = [jpeg(n, size) for n, size in enumerate(sizes)]
    wrong_length = part(good[2]).replace(b"Content-Length: %d" % len(good[2]), b"Content-Length: 999999999999")
    stream = b"".join([part(good[0]), part(bomb()), part(good[1]), part(good[1][: len(good[1]) // 2]), wrong_length])
    with server(sends(MULTIPART + part(good[0]) + stream)) as host:
        reader = open_http(f"http://{host}/")
        assert reader is not None
        found = []
        with suppress(CameraLost):
            while (frame := reader.read()) is not None:
                found.append(frame)
    assert [(frame.width, frame.height) for frame in found] == sizes
    assert reader.damaged == 2


# --- certificates


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an issuer, and certificates of it for 127.0.0.1 and for another host."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=issuer")
    for name, names in (("good", "IP:127.0.0.1"), ("other", "DNS:other.example")):
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (folder / "san").write_text(f"subjectAltName={names}")
        made = ("-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "san")
        openssl("x509", "-req", *made, "-out", f"{name}.pem")
    return folder


def encrypted(certificates: Path, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / f"{name}.pem", certificates / f"{name}.key")
    return context


def test_verified_camera_is_read(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))
    with server(sends(image(jpeg())), encrypted(certificates, "good")) as host:
        reader = open_http(f"https://mary:lamb@{host}/")
        assert isinstance(reader, SnapshotReader)
        reader.close()


@pytest.mark.parametrize(("name", "trusted"), [("good", False), ("other", True), ("ca", False)])
@pytest.mark.parametrize("scheme", ["https", "rtsps"])
def test_camera_without_a_valid_certificate_gets_no_password(
    name: str, trusted: bool, scheme: str, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))
    seen: list[bytes] = []
    with (
        server(lambda _, request: seen.append(request), encrypted(certificates, name)) as host,
        pytest.raises(CameraError, match=r"cannot be verified.* --insecure"),
    ):
        open_camera(f"{scheme}://mary:lamb@{host}/")
    assert seen == []


def test_insecure_accepts_any_certificate_and_warns(certificates: Path, caplog: pytest.LogCaptureFixture) -> None:
    with server(endlessly(MULTIPART, part(jpeg())), encrypted(certificates, "other")) as host:
        camera = open_camera(f"https://mary:lamb@{host}/", wanted=CaptureRequest(insecure=True))
        assert isinstance(next(iter(camera)), Frame)
        camera.close()
    [warning] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warning.startswith(f"https://***@{host}/: its certificate is not checked")


def test_encrypted_stream_that_only_ffmpeg_reads_is_refused(
    certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n\r\n" + bytes(100)
    with (
        server(sends(answer), encrypted(certificates, "good")) as host,
        pytest.raises(CameraError, match=r"such a stream cannot be verified here.* --insecure"),
    ):
        open_stream(f"https://{host}/")


# --- passwords from elsewhere


def test_password_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    def speak(link: socket.socket, request: bytes) -> None:
        seen.append(request)
        link.sendall(image(jpeg()))

    monkeypatch.setenv("EDGEVISION_CAMERA_PASSWORD", "l@mb")
    with server(speak) as host:
        camera = open_camera(f"http://mary@{host}/")
        camera.close()
    assert b"Authorization: Basic bWFyeTpsQG1i\r\n" in seen[0]
    assert "mb" not in camera.spec
