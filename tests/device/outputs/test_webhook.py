"""Webhooks against a real HTTP server: bodies, signatures, retries, restarts, limits, and addresses that are refused."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.message import Message
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edgevision.device.outputs.backoff import Backoff
from edgevision.device.outputs.parse import parse_spec
from edgevision.device.outputs.registry import find
from edgevision.device.outputs.shared_frame import FrameCache
from edgevision.device.outputs.webhook import sender as sender_module
from edgevision.device.outputs.webhook.post import retry_after_s
from edgevision.device.outputs.webhook.spool import Request, Spool
from edgevision.device.outputs.webhook.target import is_local
from edgevision.device.outputs.worker import OutputWorker
from ports import free_port

from edgevision.errors import BadInput, CannotWrite
from edgevision.preprocessing.decode import decode, encode_jpeg
from tests.helpers.documents import parse, valid
from tests.helpers.output_parts import context, crossing, event, frame, prediction

SECRET = b"correct horse"


class Server:
    """An HTTP server that answers as scripted and keeps what it got."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: list[tuple[int, dict[str, str]]] = []
        """The next answers; afterwards 204."""
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.times: list[float] = []
        self.before: Callable[[], object] = lambda: None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.times.append(time.monotonic())
                outer.got.append(({k.lower(): v for k, v in self.headers.items()} | {":path": self.path}, body))
                outer.before()
                status, headers = outer.answers.pop(0) if outer.answers else (204, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Be silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def ids(self) -> list[str]:
        return [headers["x-edgevision-delivery"] for headers, _ in self.got]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.delenv("EDGEVISION_WEBHOOK_SECRET", raising=False)
    monkeypatch.setattr(sender_module, "Backoff", lambda: Backoff(0.02, 0.05))
    return tmp_path / "state"


def worker(spec: str, close_s: float = 120.0) -> OutputWorker:
    config = parse_spec(spec)
    return OutputWorker(
        find("webhook").open(config, context()), config, context(), FrameCache(lambda: 0), close_s=close_s
    )


def until(done: Callable[[], object], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert done()


def url(server: Server, more: str = "") -> str:
    """Return the address of a server, which may take its time to answer: another attempt would be another request."""
    patience = "" if "timeout_s" in more else ",timeout_s=120"
    return f"webhook:http://127.0.0.1:{server.port}/hook/TOKEN?key=HIDDEN{more}{patience}"


def waiting(state: Path) -> list[Path]:
    return sorted(state.rglob("*.post"))


def test_event_is_posted_as_json(server: Server, own_state: Path) -> None:
    sink = worker(url(server))
    sink.event(event(name="cat", score=0.9))
    until(lambda: sink.written == 1)
    sink.close()
    ((headers, body),) = server.got
    value = valid(json.loads(body), "webhook")
    assert (value["camera"], value["model"]) == ("cam", "tests")
    assert (value["item"]["event"], value["item"]["label"]["name"]) == ("entered", "cat")
    assert (headers["content-type"], headers["x-edgevision-event"]) == ("application/json", "entered")
    assert headers["x-edgevision-delivery"] == value["id"]
    assert headers[":path"] == "/hook/TOKEN?key=HIDDEN"
    assert "x-edgevision-signature" not in headers
    assert (sink.dropped, sink.failures, sink.problem, waiting(own_state)) == (0, 0, None, [])


def test_image_is_a_part_of_multipart(server: Server) -> None:
    sink = worker(url(server, ",image=annotated"))
    sink.write(frame(0), prediction(0.9))
    sink.event(event(index=0))
    until(lambda: sink.written == 1)
    sink.close()
    data, image = parts(server)
    assert valid(json.loads(data.get_payload(decode=True)), "webhook")["item"]["event"] == "entered"
    assert image.get_content_type() == "image/jpeg"
    assert image.get_payload(decode=True)[:2] == b"\xff\xd8"
    assert image.get_payload(decode=True)[-2:] == b"\xff\xd9"


def test_image_of_a_track_is_its_object_and_the_frame_is_another_part(server: Server) -> None:
    sink = worker(url(server, ",image=plain"))
    sink.write(frame(0), prediction(0.9))
    sink.event(replace(crossing(), crop=replace(frame(), pixels=np.full((40, 20, 3), 90, np.uint8))))
    until(lambda: sink.written == 1)
    sink.close()
    _, *images = parts(server)
    found = {one.get_filename(): decode(one.get_payload(decode=True), "part").pixels.shape for one in images}
    assert found == {"image.jpg": (40, 20, 3), "frame.jpg": frame().pixels.shape}


def parts(server: Server) -> list[Message]:
    """Return the parts of the only request that the server got."""
    ((headers, body),) = server.got
    message = BytesParser().parsebytes(f"Content-Type: {headers['content-type']}\r\n\r\n".encode() + body)
    found = message.get_payload()
    assert isinstance(found, list)
    return found


def test_request_is_signed_over_timestamp_and_body(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(SECRET + b"\n")
    file.chmod(0o600)
    begun = int(time.time())
    sink = worker(url(server, f",secret_file={file}"))
    sink.event(event())
    until(lambda: sink.written == 1)
    sink.close()
    ((headers, body),) = server.got
    assert begun <= int(headers["x-edgevision-timestamp"]) <= time.time()
    signed = headers["x-edgevision-timestamp"].encode() + b"." + body
    assert headers["x-edgevision-signature"] == "sha256=" + hmac.new(SECRET, signed, hashlib.sha256).hexdigest()


def test_failures_are_retried_in_order_with_the_same_id(server: Server) -> None:
    server.answers = [(500, {}), (503, {}), (429, {}), (302, {"Location": "http://127.0.0.1:1/"})]
    sink = worker(url(server))
    for number in range(3):
        sink.event(event(index=number))
    until(lambda: sink.written == 3)
    sink.close()
    ids = server.ids()
    assert len(ids) == 7
    assert len(set(ids[:5])) == 1 and len(set(ids)) == 3
    assert [json.loads(body)["item"]["index"] for _, body in server.got] == [0, 0, 0, 0, 0, 1, 2]
    assert (sink.failures, sink.dropped, sink.problem) == (4, 0, None)


def test_retry_after_is_honored(server: Server) -> None:
    server.answers = [(503, {"Retry-After": "1"})]
    sink = worker(url(server))
    sink.event(event())
    until(lambda: sink.written == 1)
    sink.close()
    assert server.times[1] - server.times[0] >= 0.99


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 100),
        (None, 0),
        ("-5", 0),
        ("soon", 0),
        ("9" * 5000, 999_999_999),
    ],
)
def test_retry_after_takes_numbers_and_dates(text: str | None, seconds: float) -> None:
    assert retry_after_s(text, 0.0) == seconds


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422])
def test_refusal_drops_the_request_and_goes_on(server: Server, status: int) -> None:
    server.answers = [(status, {})]
    sink = worker(url(server))
    sink.event(event())
    until(lambda: sink.dropped == 1)
    assert sink.problem is not None and str(status) in sink.problem
    assert "TOKEN" not in sink.problem + sink.spec and "HIDDEN" not in sink.problem + sink.spec
    sink.event(event(index=1))
    until(lambda: sink.written == 1)
    sink.close()
    assert (sink.dropped, sink.problem) == (1, None)


def test_events_survive_a_restart(own_state: Path) -> None:
    port = free_port()
    spec = f"webhook:http://127.0.0.1:{port}/"
    sink = worker(spec)
    for number in range(5):
        sink.event(event(index=number))
    until(lambda: sink.failures > 0)
    assert sink.problem is not None and "connection refused" in sink.problem
    sink.close()
    assert (len(waiting(own_state)), sink.dropped) == (5, 0)
    assert {path.stat().st_mode & 0o777 for path in waiting(own_state)} == {0o600}
    server = Server()
    try:
        again = worker(f"webhook:http://127.0.0.1:{server.port}/")  # another address: nothing of the first
        again.close()
        assert server.got == []
    finally:
        server.close()
    _serve_on(port, spec, own_state)


def _serve_on(port: int, spec: str, state: Path) -> None:
    got: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["item"]["index"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        sink = worker(spec)
        until(lambda: sink.written == 5)
        sink.close()
    finally:
        server.shutdown()
        server.server_close()
    assert got == [0, 1, 2, 3, 4]
    assert waiting(state) == []


def test_server_that_never_answers_blocks_nothing_and_ends_in_time(own_state: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sink = worker(f"webhook:http://127.0.0.1:{silent.getsockname()[1]}/,timeout_s=300")
        for number in range(200):
            sink.event(event(index=number))
        until(lambda: sink.waiting == 0)
        sink.close()
        assert sink.failures == 0  # the first attempt still waited for its answer
    assert (sink.dropped, len(waiting(own_state))) == (0, 200)


def test_slow_answer_ends_at_the_deadline(server: Server) -> None:
    server.before = lambda: time.sleep(0.6)
    sink = worker(url(server, ",timeout_s=0.2"))
    sink.event(event())
    until(lambda: sink.problem is not None)
    assert "no answer within 0.2 s" in str(sink.problem)
    server.before = lambda: None
    until(lambda: sink.written == 1)
    sink.close()


def test_full_spool_drops_the_oldest_and_counts_them(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", 1000)
    spool.open()
    for number in range(10):
        spool.add(Request(str(number), "entered", "application/json", b"x" * 150))
    found = spool.first()
    assert found is not None
    assert (len(spool), spool.lost, found[1].id) == (4, 6, "6")
    assert spool.bytes <= 1000
    with pytest.raises(CannotWrite, match="spool_size"):
        spool.add(Request("big", "entered", "application/json", b"x" * 1001))
    spool.close()


def test_damaged_request_on_disk_is_dropped(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    (folder / "000000000001.post").write_bytes(b"")
    (folder / "000000000002.post").write_bytes(b"[]\nrest")
    (folder / "notes.txt").write_text("mine")
    spool = Spool(folder, 10_000)
    spool.open()
    assert (len(spool), spool.first(), spool.lost) == (2, None, 2)
    assert sorted(path.name for path in folder.iterdir()) == ["lock", "notes.txt"]
    spool.close()


def test_two_outputs_to_one_address_use_two_folders(tmp_path: Path) -> None:
    first, second = Spool(tmp_path / "a", 1000), Spool(tmp_path / "a", 1000)
    first.open()
    second.open()
    second.add(Request("1", "e", "t", b""))
    assert (len(first), len(second)) == (0, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a-2"]
    first.close()
    second.close()


def test_certificate_must_be_verified(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    names = "subjectAltName=IP:127.0.0.1"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test", "-addext"]
    subprocess.run([*command, names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    server = Server(tls)
    try:
        sink = worker(f"webhook:https://127.0.0.1:{server.port}/")
        sink.event(event())
        until(lambda: sink.problem is not None)
        assert "certificate cannot be verified" in str(sink.problem)
        sink.close()
        assert server.got == []
        trusting = worker(f"webhook:https://127.0.0.1:{server.port}/,ca_file={certificate}")
        trusting.event(event())
        until(lambda: trusting.written >= 1)
        trusting.close()
        assert len(server.got) >= 1
    finally:
        server.close()


def test_password_in_the_address_is_sent_and_never_shown(server: Server) -> None:
    sink = worker(f"webhook:http://me:s3cret@127.0.0.1:{server.port}/")
    sink.event(event())
    until(lambda: sink.written == 1)
    sink.close()
    assert server.got[0][0]["authorization"] == "Basic bWU6czNjcmV0"
    assert sink.spec == f"webhook:http://127.0.0.1:{server.port}"


def test_hostile_label_stays_inside_its_header_and_json(server: Server) -> None:
    name = 'x\r\nX-Evil: 1\x00"</script>' + "字" * 10_000
    sink = worker(url(server))
    sink.event(event("ent\r\nX-Evil: 1", name=name))
    until(lambda: sink.written == 1)
    sink.close()
    ((headers, body),) = server.got
    assert "x-evil" not in headers
    assert json.loads(body)["item"]["label"]["name"] == name


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("webhook:ftp://example.org/", "expected an address such as"),
        ("webhook:https:///x", "not a valid URL"),
        ("webhook:https://[::1/SECRET", "not a valid URL"),
        ("webhook:https://h:99999/SECRET", "not a valid URL"),
        ("webhook:http://93.184.216.34/SECRET", "outside the local network"),
        ("webhook:https://example.org/SECRET,image=big", "image: expected"),
    ],
)
def test_bad_address_is_one_clear_line_without_secrets(spec: str, message: str) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        parse_spec(spec)
    assert "SECRET" not in str(caught.value)


def test_plain_http_may_leave_the_local_network_only_on_request() -> None:
    assert parse_spec("webhook:http://93.184.216.34/,allow_http").settings.allow_http
    assert [
        is_local(one) for one in ("127.0.0.1", "10.1.2.3", "192.168.1.4", "::1", "fe80::1%eth0", "::ffff:10.0.0.1")
    ] == [True] * 6
    assert [is_local(one) for one in ("93.184.216.34", "2606:4700::1", "0.0.0.0", "::ffff:8.8.8.8", "name")] == [
        False
    ] * 5


def test_secret_file_must_be_private(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(SECRET)
    file.chmod(0o644)
    config = parse_spec(f"webhook:http://127.0.0.1:1/,secret_file={file}")
    with pytest.raises(BadInput, match="readable by everybody; run: chmod 600"):
        find("webhook").open(config, context())
    file.chmod(0o600)
    file.write_bytes(b"\n")
    with pytest.raises(BadInput, match="expected 1 to 4096 bytes"):
        find("webhook").open(config, context())


PATIENT_RUN = """
from edgevision.device.outputs.webhook import output
output.SEND_S, output.Webhook.close_s = 120.0, 130.0
from edgevision.__main__ import main
main()
"""
"""The command, with more time at its end than a run has: on a busy machine, the second attempt may come late."""


def test_run_succeeds_if_a_failed_attempt_was_made_good(server: Server, tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"{number}.jpg").write_bytes(encode_jpeg(frame()))
    spec = url(server, ",only=frames")

    def run(summary: str) -> tuple[int, dict[str, Any], str]:
        arguments = ("run", "--source", str(tmp_path), "--to", spec, "--summary", str(tmp_path / summary), "--quiet")
        command = [sys.executable, "-P", "-c", PATIENT_RUN, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert "TOKEN" not in done.stderr + done.stdout
        (sink,) = (one for one in parse((tmp_path / summary).read_text(), "run")["sinks"] if "webhook" in one["spec"])
        return done.returncode, sink, done.stderr

    server.answers = [(503, {})]
    code, sink, _ = run("a.json")
    assert (code, sink["written"], sink["errors"], sink["retried"], sink["dropped"]) == (0, 2, 1, 1, 0)
    server.answers = [(400, {})]
    code, sink, shown = run("b.json")
    assert (code, sink["written"], sink["dropped"]) == (1, 1, 1)
    assert "output failed 1 times: the server answered 400 Bad Request" in shown


def test_needs_name_the_network_and_the_secret() -> None:
    def needs(address: str) -> Any:
        return find("webhook").needs(parse_spec(f"webhook:{address}"))

    far, near = needs("https://example.org/x"), needs("http://localhost:8080/x")
    assert (far.network, far.loopback, far.secret) == (True, False, True)
    assert (near.network, near.loopback, near.secret) == (False, True, True)
