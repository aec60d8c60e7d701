"""The output for Prometheus, scraped over HTTP and read with prometheus-client's own parser."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from click.testing import CliRunner
from edgevision.device.cli.run import run as run_command
from edgevision.device.outputs.backoff import Backoff
from edgevision.device.outputs.item import Item
from edgevision.device.outputs.metrics import text_server
from edgevision.device.outputs.metrics.output import Address, Metrics, address
from edgevision.device.outputs.parse import parse_spec
from edgevision.device.outputs.registry import find, require_libraries
from edgevision.device.outputs.shared_frame import FrameCache, SharedFrame
from edgevision.device.outputs.worker import OutputWorker
from edgevision.device.telemetry.run_stats import RunStats
from edgevision.device.telemetry.snapshot import SinkCount
from ports import free_port
from prometheus_client.parser import text_string_to_metric_families

from edgevision.errors import BadInput, CannotWrite, MissingDependency
from tests.helpers.output_parts import (
    context,
    context_of,
    counts,
    crossing,
    event,
    frame,
    frame_item,
    in_zone,
    prediction,
)

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def stats() -> RunStats:
    return RunStats()


@pytest.fixture
def metrics(stats: RunStats) -> Iterator[Metrics]:
    made = Metrics(Address("127.0.0.1", 0), context_of(stats))
    made.start()
    yield made
    made.close()


def get(
    port: int | None, path: str = "/metrics", method: str = "GET", host: str | None = None
) -> http.client.HTTPResponse:
    assert port is not None
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request(method, path, headers={} if host is None else {"Host": host})
    return connection.getresponse()


def scrape(metrics: Metrics) -> Samples:
    metrics._made = None
    response = get(metrics.port)
    assert response.status == 200
    text = response.read().decode()
    families = list(text_string_to_metric_families(text))
    samples = [one for family in families for one in family.samples]
    found = {(one.name, tuple(sorted(one.labels.items()))): one.value for one in samples}
    assert len(found) == len(samples), "a series appears twice"
    return found


def test_scrape_has_counts_stages_labels_and_outputs(metrics: Metrics, stats: RunStats) -> None:
    shown = prediction(0.9, 0.1)
    shown.stages_ms["infer"] = 12.0
    stats.recognized(frame(), shown, 3.0, stats.begun)
    stats.sinks = lambda: (SinkCount("jsonl:a", 4, 1, 2, "disk full", 3, True), SinkCount("jsonl:a", 5, 0, 0))
    metrics.deliver(frame_item())
    metrics.deliver(Item("event", "", event=event("entered", "cat")))
    found = scrape(metrics)
    assert found["edgevision_frames_total", ()] == 1
    assert found["edgevision_stage_ms_bucket", (("le", "10.0"), ("stage", "infer"))] == 0
    assert found["edgevision_stage_ms_bucket", (("le", "20.0"), ("stage", "infer"))] == 1
    assert found["edgevision_stage_ms_bucket", (("le", "+Inf"), ("stage", "infer"))] == 1
    assert found["edgevision_stage_ms_sum", (("stage", "infer"),)] == 12.0
    assert found["edgevision_label_score", (("label", "cat"),)] == 0.9
    assert found["edgevision_label_present", (("label", "cat"),)] == 1
    assert found["edgevision_label_entered_total", (("label", "cat"),)] == 1
    assert found["edgevision_events_total", (("kind", "entered"),)] == 1
    assert found["edgevision_output_waiting", (("output", "jsonl:a"),)] == 3
    assert found["edgevision_output_up", (("output", "jsonl:a"),)] == 0
    assert found["edgevision_output_written_total", (("output", "jsonl:a (2)"),)] == 5
    assert found["edgevision_memory_bytes", ()] > 1e6


def test_scrape_has_crossings_and_occupancy(stats: RunStats) -> None:
    counted = counts()
    metrics = Metrics(Address("127.0.0.1", 0), context_of(stats, counts=counted))
    metrics.start()
    for made in (crossing(), crossing(direction="backward"), crossing(), in_zone("zone_entered")):
        counted.event(made)
        metrics.deliver(Item("event", "", event=made))
    found = scrape(metrics)
    assert found["edgevision_line_crossings_total", (("direction", "forward"), ("line", "door"))] == 2
    assert found["edgevision_line_crossings_total", (("direction", "backward"), ("line", "door"))] == 1
    assert found["edgevision_zone_objects", (("zone", "yard"),)] == 1
    assert ("edgevision_label_entered_total", (("label", "cat"),)) not in found  # crossing is not entering
    metrics.close()


def test_label_that_left_or_was_replaced_is_absent(metrics: Metrics) -> None:
    metrics.deliver(Item("event", "", event=event("entered", "cat")))
    changed = event("changed", "dog")
    metrics.deliver(Item("event", "", event=replace(changed, before=event("entered", "cat").label)))
    found = scrape(metrics)
    assert found["edgevision_label_present", (("label", "cat"),)] == 0
    assert found["edgevision_label_present", (("label", "dog"),)] == 1
    metrics.deliver(Item("event", "", event=replace(event("camera_lost"), label=None)))
    found = scrape(metrics)
    assert found["edgevision_label_present", (("label", "dog"),)] == 0
    assert found["edgevision_camera_up", ()] == 0


HOSTILE = ['<script>"}\n# HELP x', "a" * 10_000, "\x1b[31m\x00\r", "+/#", "\u202e\ud800", '\\"\\n', ""]


def test_hostile_labels_are_only_text(metrics: Metrics) -> None:
    for name in HOSTILE:
        metrics.deliver(Item("event", "", event=event("entered", name)))
        shown = prediction(0.5, names=(name,))
        metrics.deliver(Item("frame", "", SharedFrame(frame(), shown, 0)))
    found = scrape(metrics)
    names = [dict(labels)["label"] for metric, labels in found if metric == "edgevision_label_present"]
    assert len(names) == len(HOSTILE)
    assert all(len(name) <= 120 and (not name or name.isprintable()) for name in names)
    assert all(name.startswith("edgevision_") for name, _ in found)


def test_number_of_labels_is_bounded(metrics: Metrics) -> None:
    for number in range(1000):
        metrics.deliver(Item("event", "", event=event("entered", f"label {number}")))
        metrics.deliver(Item("event", "", event=event("left", f"label {number}")))
    found = scrape(metrics)
    assert sum(name == "edgevision_label_present" for name, _ in found) == 100
    assert found["edgevision_labels_evicted_total", ()] == 900
    assert ("edgevision_label_present", (("label", "label 999"),)) in found


@pytest.mark.parametrize(
    ("path", "method", "host", "status"),
    [
        ("/healthz", "GET", None, 200),
        ("/metrics?x=1", "HEAD", None, 200),
        ("/", "GET", None, 404),
        ("/../etc/passwd", "GET", None, 404),
        ("/metrics", "POST", None, 405),
        ("/metrics", "GET", "localhost:9100", 200),
        ("/metrics", "GET", "[::1]:9100", 200),
        ("/metrics", "GET", "evil.example", 421),
    ],
)
def test_only_known_requests_are_answered(
    metrics: Metrics, path: str, method: str, host: str | None, status: int
) -> None:
    assert get(metrics.port, path, method, host).status == status


@pytest.mark.parametrize("sent", [b"nonsense\r\n\r\n", b"GET /metrics HTTP/9\r\n\r\n", b"\x00" * 100 + b"\r\n\r\n"])
def test_malformed_request_is_refused(metrics: Metrics, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", metrics.port or 0), 120) as connection:
        connection.sendall(sent)
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


def test_endless_and_slow_requests_are_cut_off(metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_server, "DEADLINE_S", 0.2)
    with socket.create_connection(("127.0.0.1", metrics.port or 0), 120) as slow:
        slow.sendall(b"GET /metrics")
        with suppress(ConnectionResetError):  # ended before the server had read anything
            assert slow.recv(100) == b""
    with socket.create_connection(("127.0.0.1", metrics.port or 0), 120) as endless, pytest.raises(OSError):
        for _ in range(10_000):
            endless.sendall(b"x: y\r\n" * 1000)
        endless.recv(100)
        raise OSError
    monkeypatch.undo()  # a request may take its time again
    assert get(metrics.port, "/healthz").status == 200


def test_many_idle_connections_leave_the_server_working(metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_server, "DEADLINE_S", 0.3)
    held = [socket.create_connection(("127.0.0.1", metrics.port or 0), 120) for _ in range(40)]
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if get(metrics.port, "/healthz").status == 200:
                break
        except (http.client.HTTPException, OSError):
            time.sleep(0.05)
    else:
        raise AssertionError("the server stays blocked")
    for one in held:
        one.close()


def test_taken_port_is_one_line_and_tried_again() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as other:
        config = parse_spec(f"metrics:{port}")
        output = find("metrics").open(config, context())
        sink = OutputWorker(output, config, context(), FrameCache(lambda: 0), Backoff(first_s=0.01, longest_s=0.05))
        try:
            _wait(lambda: sink.failures > 1)
            assert sink.problem == f"port {port} of 127.0.0.1 is used by another program; choose another port"
            other.close()
            _wait(lambda: sink.problem is None)
            assert get(port, "/healthz").read() == b"ok\n"
        finally:
            sink.close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), 1)


def test_ipv6_address_is_served() -> None:
    made = Metrics(Address("::1", 0), context())
    made.start()
    connection = http.client.HTTPConnection("::1", made.port, timeout=120)
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
    made.close()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("9100", Address("127.0.0.1", 9100)),
        ("0.0.0.0:9100", Address("0.0.0.0", 9100)),
        ("[::1]:9100", Address("::1", 9100)),
        ("pi.local:80", Address("pi.local", 80)),
    ],
)
def test_address_is_parsed(target: str, expected: Address) -> None:
    assert address(target) == expected


@pytest.mark.parametrize("target", ["0", "65536", "x", "a b:1", "::1:9100", "9100/metrics", "-1", "1e3", "٣"])
def test_bad_address_is_refused(target: str) -> None:
    with pytest.raises(BadInput, match="expected PORT or HOST:PORT"):
        parse_spec(f"metrics:{target}")


def test_probe_reports_free_and_taken_ports() -> None:
    probe = find("metrics").probe
    assert probe is not None
    port = free_port()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(CannotWrite, match="is used by another program"):
        probe(parse_spec(f"metrics:{port}"))
    assert probe(parse_spec(f"metrics:{port}")) == f"port {port} of 127.0.0.1 is free"


def test_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgevision.device.outputs.registry.find_spec", lambda _: None)
    with pytest.raises(MissingDependency, match=r"pip install 'edgevision\[metrics\]'"):
        require_libraries(parse_spec("metrics:9100"))


@pytest.mark.parametrize(("spec", "extra"), [("metrics:9100", "metrics"), ("gpio:gpiochip0/17=cat", "gpio")])
def test_run_without_the_library_is_one_line(spec: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgevision.device.outputs.registry.find_spec", lambda _: None)
    done = CliRunner().invoke(run_command, ["--source", "test:", "--limit", "1", "--to", spec])
    assert isinstance(done.exception, MissingDependency)
    assert str(done.exception).endswith(f"install it with: pip install 'edgevision[{extra}]'")
    assert "\n" not in str(done.exception)


def _wait(condition: object) -> None:
    deadline = time.monotonic() + 120
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)
