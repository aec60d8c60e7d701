"""Access to the live page: hosts, origins, tokens, rights, and limits on what a client can hold."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("starlette")
from edgevision.device.loop.page import address_lines
from edgevision.device.page import address, server, tls
from edgevision.device.page.access import Access, Tokens, load_tokens, token_file
from edgevision.device.page.address import PageAddress, parse_address
from edgevision.device.page.opened import PageOptions
from edgevision.device.system.clock import Clock
from page_server import RunningPage, served

from edgevision.errors import BadInput
from edgevision.types import Frame, Prediction


@pytest.fixture()
def page(tmp_path: Path) -> Iterator[RunningPage]:
    with served(tmp_path) as found:
        found.show(0)
        yield found


@pytest.fixture()
def guarded(tmp_path: Path) -> Iterator[RunningPage]:
    """Return a page that listens on all addresses, so it needs a token."""
    with served(tmp_path, "0.0.0.0") as found:
        found.show(0)
        yield found


def tokens(page: RunningPage) -> Tokens:
    return load_tokens(page.folder / "state")


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "192.168.1.5", ""]
)
def test_loopback_page_refuses_other_host_names(page: RunningPage, host: str) -> None:
    assert page.get("/api/status", host=host or " ").status in (400, 403)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:80", "[::1]:8080", "LOCALHOST:1"])
def test_loopback_page_accepts_its_own_names(page: RunningPage, host: str) -> None:
    assert page.get("/api/status", host=host).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_websites_are_refused(page: RunningPage, headers: dict[str, str]) -> None:
    assert page.get("/api/stream", headers=headers).status == 403
    assert page.post("/api/collect", {"class": "cat"}, headers=headers).status == 403


def test_own_origin_is_accepted_and_no_cors_is_granted(page: RunningPage) -> None:
    answer = page.get("/api/status", headers={"Origin": f"http://127.0.0.1:{page.live.port}"})
    assert answer.status == 200
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_every_response_has_the_security_headers(page: RunningPage) -> None:
    for path in ("/", "/api/status", "/nothing", "/healthz"):
        headers = page.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and "server" not in headers


def test_other_addresses_need_a_token(guarded: RunningPage) -> None:
    for path in (
        "/api/status",
        "/api/stream",
        "/api/events",
        "/api/snapshot.jpg",
        "/api/openapi.json",
        "/api/collected.zip",
    ):
        assert guarded.get(path).status == 401, path
    assert guarded.get("/healthz").status == 200
    assert guarded.get("/api/status", headers={"Authorization": "Bearer wrong"}).status == 401
    assert guarded.get("/api/status", headers={"Authorization": f"Bearer {tokens(guarded).admin}"}).status == 200


def test_tokens_are_made_once_and_only_their_owner_reads_them(guarded: RunningPage) -> None:
    path = token_file(guarded.folder / "state")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert tokens(guarded) == tokens(guarded)
    path.write_text('{"admin": "short", "viewer": 3}')
    with pytest.raises(BadInput, match="is damaged; delete it"):
        tokens(guarded)


def test_login_sets_a_cookie_that_scripts_cannot_read(guarded: RunningPage) -> None:
    answer = guarded.post("/login", {"token": tokens(guarded).admin})
    assert answer.json == {"role": "admin"}
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and tokens(guarded).admin not in cookie
    session = cookie.partition(";")[0]
    assert guarded.get("/api/status", headers={"Cookie": session}).json["role"] == "admin"
    assert guarded.get("/api/status", headers={"Cookie": session[:-1]}).status == 401


def test_viewer_looks_and_changes_nothing(guarded: RunningPage) -> None:
    headers = {"Authorization": f"Bearer {tokens(guarded).viewer}"}
    assert guarded.get("/api/status", headers=headers).json["role"] == "viewer"
    assert guarded.post("/api/collect", {"class": "cat"}, headers=headers).status == 403
    assert guarded.ask("PATCH", "/api/settings", {"paused": True}, headers=headers).status == 403
    assert not guarded.control.paused


def test_wrong_tokens_are_limited(guarded: RunningPage) -> None:
    for _ in range(5):
        assert guarded.post("/login", {"token": "guess"}).status == 401
    answer = guarded.post("/login", {"token": tokens(guarded).admin})
    assert answer.status == 429 and 0 < int(answer.headers["retry-after"]) <= 61


def test_login_is_possible_again_after_a_minute() -> None:
    now = [0.0]
    access = Access(
        PageAddress("0.0.0.0", 80), Tokens("a" * 20, "v" * 20), False, Clock(monotonic=lambda: now[0]), "cam"
    )
    for _ in range(5):
        assert access.login("guess", "10.0.0.1") is None
    assert access.wait_s("10.0.0.1") == 60 and access.wait_s("10.0.0.2") == 0
    now[0] = 60.5
    assert access.wait_s("10.0.0.1") == 0


@pytest.mark.parametrize("host", ["cam", "cam.local", "CAM.fritz.box:8080", "192.168.1.7:80", "[fe80::1]", "localhost"])
def test_device_is_known_by_its_name_and_addresses(host: str) -> None:
    access = Access(PageAddress("0.0.0.0", 80), Tokens("a" * 20, "v" * 20), False, host_name="cam")
    assert access.knows_host(host)
    assert not access.knows_host("camera.evil.example") and not access.knows_host("evil.example:80")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8080", ("127.0.0.1", 8080)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        ("[::]:443", ("::", 443)),
        ("cam.local:0", ("cam.local", 0)),
    ],
)
def test_address_is_parsed_and_written_back(text: str, expected: tuple[str, int]) -> None:
    assert parse_address(text) == expected
    assert parse_address(str(parse_address(text))) == expected


@pytest.mark.parametrize(
    "text", ["", "x", "70000", "-1", "::1:80", "a b:80", ":80", "host:", "[::1:80", "host:8\u0660"]
)
def test_malformed_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_address(text)


def test_port_in_use_is_one_clear_line(page: RunningPage, tmp_path: Path) -> None:
    from edgevision.device.page.address import listen

    with pytest.raises(BadInput, match=r"--page \d+: cannot listen: Address already in use; choose another port"):
        listen(PageAddress("127.0.0.1", page.live.port))


def test_certificate_is_made_once_and_serves_https(tmp_path: Path) -> None:
    where = PageAddress("127.0.0.1", 0)
    path = tls.certificate("auto", where, tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes() == tls.certificate("auto", where, tmp_path).read_bytes()
    context = ssl.create_default_context(cafile=path)
    with (
        served(tmp_path, certificate=str(path)) as page,
        socket.create_connection(("127.0.0.1", page.live.port)) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as connection,
    ):
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert b" 503 " in connection.recv(1000)


def test_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("nothing")
    with pytest.raises(BadInput, match="cannot be used as certificate"):
        tls.certificate(str(tmp_path / "x.pem"), PageAddress("127.0.0.1", 0), tmp_path)


def test_connection_that_sends_no_request_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(tmp_path) as page:
        page.get("/healthz")  # the server is up
        monkeypatch.setattr(server, "HEAD_S", 0.3)
        with socket.create_connection(("127.0.0.1", page.live.port), timeout=120) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: ")
            with suppress(ConnectionResetError):
                assert connection.recv(10) == b""


def test_stalled_viewer_costs_others_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A viewer that reads nothing neither blocks the loop nor another viewer, and frames are encoded once for all."""
    monkeypatch.setattr(address, "STALL_MS", 600_000)  # what waits for it would wait longer than this test
    with served(tmp_path) as page:
        page.show(0, size=(640, 480))
        stalled = socket.create_connection(("127.0.0.1", page.live.port))
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        stalled.sendall(f"GET /api/stream?fps=30 HTTP/1.1\r\nHost: 127.0.0.1:{page.live.port}\r\n\r\n".encode())
        got = threading.Event()
        viewer = threading.Thread(target=_watch, args=(page.live.port, got, 20), daemon=True)
        viewer.start()
        deadline, index = time.monotonic() + 120, 1
        while not got.is_set() and time.monotonic() < deadline:
            page.show(index, size=(640, 480))
            index += 1
            time.sleep(0.02)
        stalled.close()
        assert got.is_set()


def _watch(port: int, got: threading.Event, parts: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"GET /api/stream?fps=30 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        seen = 0
        while seen < parts and (data := connection.recv(65536)):
            seen += data.count(b"Content-Type: image/jpeg")
        got.set()


def test_viewers_are_limited(page: RunningPage) -> None:
    open_streams = []
    for _ in range(20):
        connection = socket.create_connection(("127.0.0.1", page.live.port))
        connection.sendall(f"GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1:{page.live.port}\r\n\r\n".encode())
        assert b" 200 " in connection.recv(2000)
        open_streams.append(connection)
    assert page.get("/api/stream").status == 503
    for connection in open_streams:
        connection.close()
    deadline, index = time.monotonic() + 120, 0
    while time.monotonic() < deadline:
        index += 1
        page.show(index)
        with socket.create_connection(("127.0.0.1", page.live.port)) as connection:
            connection.sendall(f"GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1:{page.live.port}\r\n\r\n".encode())
            if b" 200 " in connection.recv(2000):
                return
        time.sleep(0.05)
    pytest.fail("the places of closed viewers were not freed")


def test_page_ends_while_somebody_watches(tmp_path: Path) -> None:
    with served(tmp_path) as page:
        page.show()
        connection = socket.create_connection(("127.0.0.1", page.live.port))
        connection.sendall(f"GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1:{page.live.port}\r\n\r\n".encode())
        connection.recv(2000)
        page.live.close()
        connection.settimeout(120)
        with suppress(ConnectionResetError):
            while connection.recv(65536):
                pass
        connection.close()


def test_viewer_that_takes_nothing_loses_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "STALL_MS", 1000)
    with served(tmp_path) as page:
        noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
        stalled = [_stalled(page.live.port) for _ in range(20)]
        deadline, index = time.monotonic() + 120, 0
        while time.monotonic() < deadline:
            index += 1
            page.live.write(Frame(np.roll(noise, index, 0), "RGB", index), Prediction("classification"))
            time.sleep(0.1)
            if index > 5 and page_is_open(page.live.port):
                break
        else:
            pytest.fail("stalled viewers kept their places")
        for connection in stalled:
            connection.close()


def _stalled(port: int) -> socket.socket:
    """Ask for a stream and read nothing of it."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    connection.connect(("127.0.0.1", port))
    connection.sendall(b"GET /api/stream?fps=30&width=1280&annotated=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return connection


def page_is_open(port: int) -> bool:
    """Return whether there is a place for one more viewer."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return b" 200 " in connection.recv(20)


def test_tokens_are_shown_on_a_terminal_and_never_in_a_log(tmp_path: Path) -> None:
    options = PageOptions(address=PageAddress("0.0.0.0", 8080), state=tmp_path)
    known = load_tokens(tmp_path)
    shown, logged = (address_lines(options, 8080, secret) for secret in (True, False))
    assert shown[0].endswith(f":8080/#token={known.admin}") and shown[-1].endswith(f"#token={known.viewer}")
    assert len(logged) == 1 and known.admin not in logged[0] and known.viewer not in logged[0]
    assert f"edgevision page --link --page 0.0.0.0:8080 --state {tmp_path}" in logged[0]
