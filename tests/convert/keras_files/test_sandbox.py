"""The child processes that try model files first: limits, crashes, errors and their end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="needs Unix")

from edgevision.convert.keras_files import sandbox
from edgevision.convert.keras_files.sandbox import Limits, Worker
from processes import has_ended

from edgevision.errors import BadModel, EngineError, UnknownName

needs_proc = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
MODULE = """
import os, time
from edgevision.convert.keras_files import sandbox
from edgevision.errors import UnknownName
kept = []

def work(request, report):
    report("working")
    if request == "crash":
        os.abort()
    if request == "noise":
        print("not an answer", flush=True)
    if request == "unknown":
        raise UnknownName("there is no 'x'")
    if request == "memory":
        while True:
            kept.append(bytearray(os.urandom(1 << 20) * 8))
    if request == "sleep":
        time.sleep(1000)
    if request == "endless":
        report("running")
        while True:
            pass

if __name__ == "__main__":
    sandbox.serve(work)
"""
PATH = Path("m.keras")
LIMITS = Limits({"working": 0.8, "running": 0.4}, 300 << 20, "the library")
ROOMY = replace(LIMITS, seconds={"working": 60.0, "running": 60.0})
"""For what is expected to succeed, also on a busy machine."""


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    (tmp_path / "trial.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    made = Worker("trial")
    yield made
    if made._process is not None:
        made._process.kill()
        made._process.wait()


def process_id(worker: Worker) -> int:
    assert worker._process is not None
    return worker._process.pid


def test_child_is_reused_and_its_output_is_no_answer(worker: Worker) -> None:
    worker.require("good", PATH, ROOMY)
    first = process_id(worker)
    worker.require("noise", PATH, ROOMY)
    worker.require("good", PATH, ROOMY)
    assert process_id(worker) == first


def test_error_of_the_child_keeps_its_class(worker: Worker) -> None:
    with pytest.raises(UnknownName, match="there is no 'x'"):
        worker.require("unknown", PATH, ROOMY)
    worker.require("good", PATH, ROOMY)


def test_crash_is_one_line_and_a_new_child_takes_over(worker: Worker) -> None:
    with pytest.raises(BadModel, match=r"^m\.keras: the library crashed \(SIGABRT\); corrupt or malicious file$"):
        worker.require("crash", PATH, ROOMY)
    worker.require("good", PATH, ROOMY)


@needs_proc
@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ("endless", r"running took longer than 0 s; corrupt or malicious file"),
        ("sleep", r"working took longer than 1 s; corrupt or malicious file"),
        ("memory", r"working took more than 0\.3 GB of memory; corrupt or malicious file, or too large"),
    ],
)
def test_child_that_exceeds_a_limit_is_killed(worker: Worker, request_: str, message: str) -> None:
    worker.start()
    pid = process_id(worker)
    with pytest.raises(BadModel, match=rf"^m\.keras: {message}$"):
        worker.require(request_, PATH, LIMITS)
    assert has_ended(pid)
    worker.require("good", PATH, ROOMY)


def test_child_that_was_idle_too_long_is_replaced(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "IDLE_S", 0.1)
    worker.require("good", PATH, ROOMY)
    first = process_id(worker)
    assert has_ended(first)
    worker.require("good", PATH, ROOMY)
    assert process_id(worker) != first


def test_child_that_ends_before_it_reads_the_request_is_replaced(worker: Worker) -> None:
    worker._process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, stdout=-1, bufsize=0)
    worker.require("good", PATH, ROOMY)


def test_child_that_cannot_start_is_an_error_of_the_machine(monkeypatch: pytest.MonkeyPatch, worker: Worker) -> None:
    monkeypatch.delenv("PYTHONPATH")
    with pytest.raises(EngineError, match=r"cannot start here \(exit status 1\)"):
        worker.require("good", PATH, ROOMY)


@needs_proc
def test_busy_child_ends_with_its_parent(worker: Worker, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from edgevision.convert.keras_files.sandbox import Limits, Worker\n"
        "w = Worker('trial'); w.start(); print(w._process.pid, flush=True)\n"
        "w.require('endless', Path('m'), Limits({'working': 99, 'running': 99}, 1 << 30, 'it'))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    time.sleep(1)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert has_ended(child)
