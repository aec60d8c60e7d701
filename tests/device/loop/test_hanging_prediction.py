"""A prediction that never returns: the loop ends by SIGTERM, Ctrl-C, or by itself."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

CHILD = """
import ctypes
import os
import signal
import sys
from edgevision.device.loop import stop as module
from edgevision.device.loop.stop import Stop, ended_by_signals
module.GRACE_S, module.TICK_S, module.MAX_TICKS = 0.2, float(sys.argv[1]), 3
stop = Stop()
with ended_by_signals(stop):
    print("ready", flush=True)
    stop.predictions += 1
    if sys.argv[2] == "hang":  # a lock that is taken twice, in C: Python handles no signal there
        mutex = ctypes.create_string_buffer(64)
        library = ctypes.CDLL(None)
        library.pthread_mutex_lock(mutex)
        library.pthread_mutex_lock(mutex)
    stop.predictions += 1
    os.kill(os.getpid(), signal.SIGTERM)
    print("signal seen", stop(), flush=True)
"""


def start(tick_s: float) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tick_s), "hang"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_signal_ends_a_prediction_that_hangs(number: signal.Signals, code: int) -> None:
    child = start(60.0)
    child.send_signal(number)
    _, err = child.communicate(timeout=120)
    assert child.returncode == code
    assert err.splitlines() == ["edgevision: stopped: the start or a prediction did not finish within 0 s"]


def test_prediction_that_hangs_ends_the_loop() -> None:
    child = start(0.1)
    _, err = child.communicate(timeout=120)
    assert child.returncode == 1
    assert err.startswith("edgevision: error: one prediction did not finish within")
    assert len(err.splitlines()) == 1


def test_loop_that_notices_a_signal_is_left_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, "0.1", "go on"], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ready\nsignal seen True\n", "")
