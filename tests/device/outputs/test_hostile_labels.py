"""A label with markup, control characters, wildcards or 10 kB is harmless in every output."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.request import urlopen

import pytest
from edgevision.device.outputs import child_program
from edgevision.device.outputs.clips import output as clips_output
from edgevision.device.outputs.parse import parse_spec
from edgevision.device.outputs.registry import find
from edgevision.device.outputs.shared_frame import FrameCache
from edgevision.device.outputs.webhook import output as webhook_output
from edgevision.device.outputs.worker import OutputWorker
from ports import free_port

from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.spec import Preprocessing
from tests.helpers.mosquitto import listening, running
from tests.helpers.output_parts import context, event, frame, prediction

HOSTILE = {
    "markup": "<script>alert(1)</script>\"'&lt;",
    "control characters": "a\nb\r\x00\x1b[31m\x7f\x85\u2028c",
    "wildcards": "#/+/$SYS/$share",
    "path": "../../etc/passwd",
    "formula": '=HYPERLINK("http://example.org")',
    "metric": 'x"} 1\nforged_metric{a="',
    "right to left": "\u202egpj.exe",
    "only separators": "/.\\,;|-",
    "long": "x\n" * 5000,
    "lone surrogate": "cat\ud800",
}
labels = pytest.mark.parametrize("label", HOSTILE.values(), ids=HOSTILE.keys())


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let outputs finish at the end, however busy the machine is; a run gives them a few seconds."""
    monkeypatch.setattr(clips_output, "ENCODE_S", 120.0)
    monkeypatch.setattr(webhook_output, "SEND_S", 120.0)
    monkeypatch.setattr(child_program, "END_S", 120.0)


def deliver(spec: str, label: str, look: Callable[[], object] = lambda: None) -> OutputWorker:
    """Pass a frame and two events with a label through an output; call ``look`` while it runs."""
    config = parse_spec(spec)
    card = ModelCard(name="tests", task="classification", preprocessing=Preprocessing(32, 32), labels=(label, "dog"))
    made = context(card=card)
    sink = OutputWorker(find(config.kind).open(config, made), config, made, FrameCache(lambda: 0), close_s=120)
    sink.write(frame(0), prediction(0.9, 0.1, names=(label, "dog")))
    sink.event(event("entered", label, index=0))
    sink.event(event("left", label, index=0))
    look()
    sink.close()
    assert (sink.dropped, sink.problem, sink.failures) == (0, None, 0)
    return sink


@labels
def test_jsonl_keeps_one_line_per_item(label: str, tmp_path: Path) -> None:
    deliver(f"jsonl:{tmp_path}/a.jsonl", label)
    lines = (tmp_path / "a.jsonl").read_bytes().splitlines()
    records = [json.loads(line) for line in lines]
    assert [record["type"] for record in records] == ["frame", "event", "event"]
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", b"\n".join(lines))


@labels
def test_csv_keeps_its_rows_and_has_no_formula(label: str, tmp_path: Path) -> None:
    deliver(f"csv:{tmp_path}/a.csv", label)
    text = (tmp_path / "a.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["type"] for row in rows] == ["frame", "frame", "entered", "left"]
    assert not any(row[key].startswith(("=", "+", "@", "\t")) for row in rows for key in ("label", "detail"))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)


@labels
def test_exec_receives_one_line_per_event(label: str, tmp_path: Path) -> None:
    deliver(f"exec:sh -c 'cat > {tmp_path}/got'", label)
    records = [json.loads(line) for line in (tmp_path / "got").read_bytes().splitlines()]
    assert [record["event"] for record in records] == ["entered", "left"]


@labels
def test_snapshots_stay_in_their_folder_under_plain_names(label: str, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    sink = deliver(f"snapshots:{folder}", label)
    assert sink.written == 2
    everything = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(everything) == 2
    for path in everything:
        assert path.parent == folder
        assert re.fullmatch(r"[\w.-]{20,120}", path.name)
        assert path.read_bytes().startswith(b"\xff\xd8")


@labels
def test_metrics_stay_lines_of_the_exposition_format(label: str) -> None:
    port = free_port()
    texts = []

    def look() -> None:
        import time

        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                texts.append(urlopen(f"http://127.0.0.1:{port}/metrics", timeout=120).read().decode())
            except OSError:
                time.sleep(0.02)
                continue
            if "edgevision_label_entered_total{" in texts[-1]:
                return

    deliver(f"metrics:{port}", label, look)
    lines = texts[-1].splitlines()
    sample = re.compile(r'[a-z_]+(\{([a-z_]+="([^"\\\n]|\\["\\n])*",?)*\})? [-+0-9.eINFNa]+')
    assert [line for line in lines if not line.startswith("#") and not sample.fullmatch(line)] == []
    assert not any(line.startswith("forged") for line in lines)
    assert max(map(len, lines)) < 1000


@labels
def test_webhook_sends_valid_json(label: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    bodies: list[bytes] = []

    class Server(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        deliver(f"webhook:http://127.0.0.1:{server.server_port}/,timeout_s=120", label)
    finally:
        server.shutdown()
        server.server_close()
    assert len(bodies) == 2
    assert all(isinstance(json.loads(body), dict) for body in bodies)


@labels
def test_gpio_switches_without_printing_the_label(label: str) -> None:
    if label.isprintable():
        deliver(f"gpio:fake/0={label}", label)


def test_mqtt_topics_have_no_wildcard_and_no_level_of_a_label(tmp_path: Path) -> None:
    with running(tmp_path) as broker, listening(broker.port) as listener:
        for label in HOSTILE.values():
            deliver(f"mqtt://127.0.0.1:{broker.port}/hostile", label)
        listener.wait(lambda: len(listener.of("hostile/cam/event")) >= 2 * len(HOSTILE))
        for topic, payload in listener.messages:
            assert re.fullmatch(r"(hostile/cam|homeassistant/device/edgevision_cam)(/[a-z0-9_]{1,90}){1,3}", topic)
            if topic.endswith(("/event", "/state", "/config")) and payload:
                json.loads(payload)


@labels
def test_clips_stay_in_their_folder_under_plain_names(label: str, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    deliver(f"clips:{folder},before=0,after=0", label)
    everything = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(everything) == 1
    assert everything[0].parent == folder
    assert re.fullmatch(r"[\w.-]{20,120}\.webm", everything[0].name)
