"""Tests of the loop under a service manager: notifications (ready, watchdog, stopping), and stopping while something hangs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from documents import parse, parse_lines
from edgevision.device.loop.sd_notify import STATUS_S, Service, from_environment
from edgevision.device.system.clock import Clock

from edgevision.preprocessing import decode
from edgevision.types import Frame

LATEST_END_S = 120.0
"""Seconds until the loop must have ended: far above the two promised, so that a busy machine does not fail the test."""


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """The service manager's end of the socket and the value of NOTIFY_SOCKET."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@edgevision-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        try:
            listener.bind("\0" + name[1:] if name.startswith("@") else name)
        except OSError:
            pytest.skip("this system has no abstract sockets")
        listener.settimeout(60)
        yield listener, name


def told(listener: socket.socket) -> list[str]:
    """Return the lines of all datagrams received so far."""
    listener.setblocking(False)
    lines: list[str] = []
    while True:
        try:
            lines += listener.recv(4096).decode().splitlines()
        except BlockingIOError:
            return lines


# --- the protocol, with a fake clock


def test_no_notify_socket() -> None:
    assert from_environment({}) is None
    assert from_environment({"NOTIFY_SOCKET": ""}) is None
    assert from_environment({"NOTIFY_SOCKET": "relative"}) is None


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_watchdog_interval(more: dict[str, str], expected: float | None) -> None:
    service = from_environment({"NOTIFY_SOCKET": "/run/notify", **more})
    assert service is not None
    assert service.watchdog_s == expected


def test_ready_is_sent_first_then_watchdog_in_time(manager: tuple[socket.socket, str]) -> None:
    listener, name = manager
    now = [100.0]
    service = Service(name, 8.0, Clock(monotonic=lambda: now[0]))
    service.say("camera_lost: gone\nfor now")
    assert told(listener) == ["STATUS=camera_lost: gone for now"]  # not ready: no prediction yet
    service.recognized(lambda: "1 frame", 1)
    assert told(listener) == ["READY=1", "WATCHDOG=1", "STATUS=1 frame"]
    service.recognized(lambda: "2 frames", 2)
    assert told(listener) == []
    now[0] += 0.9
    service.recognized(lambda: "2 frames", 2)
    assert told(listener) == []
    now[0] += 0.1  # an eighth of the watchdog interval
    service.recognized(lambda: "3 frames", 3)
    assert told(listener) == ["WATCHDOG=1"]
    now[0] += STATUS_S
    service.recognized(lambda: "4 frames", 4)
    assert told(listener) == ["WATCHDOG=1", "STATUS=4 frames"]
    service.stopping()
    assert told(listener) == ["STOPPING=1"]


def test_missing_manager_is_ignored(tmp_path: Path) -> None:
    service = Service(str(tmp_path / "nobody"), None)
    service.recognized(lambda: "1 frame", 1)
    service.stopping()


# --- the whole command


def command(*args: object) -> list[str]:
    return [sys.executable, "-m", "edgevision", "run", *map(str, args)]


def test_notifications_of_a_whole_run(manager: tuple[socket.socket, str]) -> None:
    listener, name = manager
    environment = {**os.environ, "NOTIFY_SOCKET": name, "WATCHDOG_USEC": "60000000"}
    environment.pop("WATCHDOG_PID", None)
    args = command("--camera", "fake:ok*3,lost,ok*3", "--json")
    done = subprocess.run(args, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    seen = parse_lines(done.stdout)[0]["labels"][0]["name"]
    first = [parse(line, "run_line") for line in done.stderr.splitlines() if '"first_answer"' in line]
    assert [(one["index"], one["detail"].startswith(seen)) for one in first] == [(0, True)]
    lines = told(listener)
    assert lines[:2] == ["READY=1", "WATCHDOG=1"]
    assert lines[2].startswith("STATUS=1 frame in ")
    assert any(line.startswith("STATUS=camera_lost: ") for line in lines)
    assert lines[-1] == "STOPPING=1"


def test_service_replaces_the_summary_of_the_run_before(manager: tuple[socket.socket, str], tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    path.write_text("an earlier run")
    environment = {**os.environ, "NOTIFY_SOCKET": manager[1]}
    args = command("--camera", "fake:ok*3", "--json", "--summary", path)
    done = subprocess.run(args, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert parse(path.read_text(), "run")["stopped_by"] == "end"


def test_run_without_predictions_is_never_ready(manager: tuple[socket.socket, str], tmp_path: Path) -> None:
    """Unreadable images do not count as predictions."""
    listener, name = manager
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(b"no image")
    environment = {**os.environ, "NOTIFY_SOCKET": name, "WATCHDOG_USEC": "60000000"}
    args = command("--source", tmp_path, "--json")
    assert subprocess.run(args, env=environment, capture_output=True, timeout=120, check=False).returncode == 1
    assert told(listener) == ["STOPPING=1"]


def test_still_image_keeps_the_watchdog_alive(manager: tuple[socket.socket, str], tmp_path: Path) -> None:
    """In a corner of the test pattern where nothing moves, the model still runs often enough."""
    listener, name = manager
    environment = {**os.environ, "NOTIFY_SOCKET": name, "WATCHDOG_USEC": "2000000"}
    environment.pop("WATCHDOG_PID", None)
    path = tmp_path / "run.json"
    args = command(
        "--camera", "test:", "--roi", "0,0,0.1,0.1", "--on-motion", "--limit", 60, "--json", "--summary", path
    )
    subprocess.run(args, env=environment, capture_output=True, timeout=120, check=True)
    summary = parse(path.read_text(), "run")
    assert summary["still"] >= 10  # 55 or so on a machine that is not busy
    assert summary["frames"] >= 3  # at least two seconds, one prediction every half second
    assert 3 <= told(listener).count("WATCHDOG=1") <= summary["frames"]


class Hanging:
    """A network camera on loopback that sends ``count`` images, then nothing, and keeps the connection open."""

    def __init__(self, count: int) -> None:
        over, jpeg = threading.Event(), decode.encode_jpeg(Frame(np.full((48, 64, 3), 90, np.uint8), "BGR"))
        self.over, self.asked = over, threading.Event()
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.set()
                if count:
                    self.send_response(200)
                    self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                    self.end_headers()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                for _ in range(count):
                    self.wfile.write(head.encode() + jpeg + b"\r\n")
                over.wait()

            def log_message(self, *_: object) -> None:
                pass

        self.httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads = True
        threading.Thread(target=self.httpd.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.httpd.server_address[1]}/video"

    def close(self) -> None:
        self.over.set()
        self.httpd.shutdown()
        self.httpd.server_close()


def end(child: subprocess.Popen[str]) -> float:
    """Send SIGTERM and return the seconds until the process ended."""
    begun = time.monotonic()
    child.send_signal(signal.SIGTERM)
    child.wait(LATEST_END_S)
    return time.monotonic() - begun


def test_sigterm_while_the_camera_hangs(tmp_path: Path) -> None:
    camera, path, lines = Hanging(200), tmp_path / "run.json", tmp_path / "lines"
    args = command("--camera", camera.url, "--json", "--summary", path)
    with lines.open("w") as stream, subprocess.Popen(args, stdout=stream, stderr=subprocess.PIPE, text=True) as child:
        until(lambda: lines.read_text().count("\n") > 0 and quiet_for(lines, 1.0))
        seconds = end(child)
        assert child.stderr is not None
        assert child.returncode == 0, child.stderr.read()
    camera.close()
    print(f"ended {seconds:.2f} s after SIGTERM")
    summary = parse(path.read_text(), "run")
    assert summary["stopped_by"] == "signal"
    assert summary["frames"] == lines.read_text().count('"type":"frame"')


def test_sigterm_before_the_camera_answers(tmp_path: Path) -> None:
    camera = Hanging(0)
    with subprocess.Popen(command("--camera", camera.url), stderr=subprocess.PIPE, text=True) as child:
        assert camera.asked.wait(120)
        seconds = end(child)
        assert child.stderr is not None
        errors = child.stderr.read()
    camera.close()
    print(f"ended {seconds:.2f} s after SIGTERM")
    assert child.returncode == 0, errors
    assert "stopped before the first frame" in errors


def test_sigterm_while_the_camera_is_reopened(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    args = command("--camera", "fake:ok*3" + ",lost" * 50 + ",ok", "--json", "--events", "--summary", path)
    with subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        while "camera_lost" not in (line := child.stdout.readline()):
            assert line, child.stderr.read()
        seconds = end(child)
        assert child.returncode == 0, child.stderr.read()
    print(f"ended {seconds:.2f} s after SIGTERM")
    assert parse(path.read_text(), "run")["stopped_by"] == "signal"


def test_sigusr1_prints_json_status() -> None:
    args = command("--camera", "test:", "--json", "--events")
    with subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        for _ in range(3):
            child.stdout.readline()
        child.send_signal(signal.SIGUSR1)
        line = next(line for line in child.stderr if line.startswith("{"))
        child.terminate()
        child.stdout.read()
        child.stderr.read()
    status = parse(line, "status")
    assert (status["type"], status["schema"]) == ("status", "edgevision.status/1")
    assert status["frames"] >= 1
    assert status["sinks"][0]["spec"] == "json"
    assert {"still", "dropped", "errors", "reconnects", "seconds", "rate_fps", "temperature_c", "throttled"} < set(
        status
    )
    assert status["stages_ms"]["infer"]["p50"] > 0
    assert status["age_ms"]["p95"] is not None
    assert status["memory_mb"]["end"] > 10


def test_sigusr1_prints_text_status() -> None:
    with subprocess.Popen(
        command("--camera", "test:"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.send_signal(signal.SIGUSR1)
        line = next(line for line in child.stderr if line.startswith("status: "))
        child.terminate()
        child.stdout.read()
        child.stderr.read()
    assert " dropped" in line
    assert "frame" in line


def until(condition: object) -> None:
    """Wait until a condition is true."""
    assert callable(condition)
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "condition not met in time"
        time.sleep(0.05)


def quiet_for(path: Path, seconds: float) -> bool:
    """Return whether a file has not grown for ``seconds``, which means that the loop waits for the camera."""
    return time.time() - path.stat().st_mtime > seconds
