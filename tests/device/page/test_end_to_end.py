"""``edgevision page``: settings change the running loop, are saved, and a signal ends everything in time."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from documents import parse

pytest.importorskip("starlette")


class Loop(NamedTuple):
    """A running command."""

    child: subprocess.Popen[str]
    port: int
    folder: Path

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request; return the JSON of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            assert answer.status in (200, 201), answer.read()
            return json.loads(answer.read())
        finally:
            connection.close()


@pytest.fixture()
def loop(tmp_path: Path) -> Iterator[Loop]:
    (tmp_path / "run.toml").write_text("# my camera\nthreshold = 0.2\n")
    command = [sys.executable, "-m", "edgevision", "page", "--camera", "test:", "--fps", "20", "--page", "0"]
    command += ["--config", "run.toml", "--state", "state", "--summary", "summary.json"]
    child = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    port = next(int(found[1]) for line in child.stderr if (found := re.match(r"page: http://127.0.0.1:(\d+)/", line)))
    try:
        yield Loop(child, port, tmp_path)
    finally:
        child.kill()
        child.wait()
        child.stderr.close()


def frame_size(loop: Loop) -> tuple[int, int]:
    """Return width and height of the newest frame."""
    connection = http.client.HTTPConnection("127.0.0.1", loop.port, timeout=120)
    connection.request("GET", "/api/events", headers={"Last-Event-ID": "1000000"})
    answer = connection.getresponse()
    for line in iter(answer.readline, b""):
        if line.startswith(b"event: frame"):
            frame = json.loads(answer.readline().removeprefix(b"data: "))
            connection.close()
            return frame["width"], frame["height"]
    raise AssertionError("no frame")


def passes_over(loop: Loop) -> bool:
    """Return whether some frames are passed over, and none is recognized meanwhile."""
    before = status(loop)
    until(lambda: status(loop)["still"] >= before["still"] + 5)
    return bool(status(loop)["frames"] == before["frames"])


def status(loop: Loop) -> Any:
    """Return the counts of the loop."""
    return loop.ask("GET", "/api/status")["status"]


def until(condition: Any) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_settings_change_the_running_loop_and_are_saved(loop: Loop) -> None:
    until(lambda: loop.ask("GET", "/api/status")["status"]["frames"] > 3)
    assert frame_size(loop) == (640, 480)
    loop.ask("PATCH", "/api/settings", {"roi": [0.25, 0.25, 0.5, 0.25], "smooth": 5, "threshold": 0.75})
    until(lambda: frame_size(loop) == (320, 120))
    assert loop.ask("POST", "/api/settings/save") == {"path": "run.toml"}
    text = (loop.folder / "run.toml").read_text()
    assert text.startswith("# my camera\n")
    assert tomllib.loads(text) == {"threshold": 0.75, "smooth": 5, "roi": "0.25,0.25,0.5,0.25"}

    loop.ask("PATCH", "/api/settings", {"paused": True})
    until(lambda: passes_over(loop))

    loop.child.send_signal(signal.SIGTERM)
    assert loop.child.wait(120) == 0
    found = parse((loop.folder / "summary.json").read_bytes(), "run")
    (page,) = (sink for sink in found["sinks"] if sink["spec"] == "page")
    assert (page["written"], page["dropped"], page["errors"]) == (found["frames"], 0, 0)
