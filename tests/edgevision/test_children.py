"""Child processes end with their parent, with all that they started themselves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import has_ended, is_alive

from edgevision import children, cleanup

SHELL = ["sh", "-c", "sleep 300 & echo $!; wait"]
"""A child with a child of its own, whose process number it prints."""


def grandchild(child: subprocess.Popen[bytes]) -> int:
    assert child.stdout is not None
    return int(child.stdout.readline())


def test_error_in_the_block_ends_child_and_grandchild() -> None:
    with pytest.raises(OSError, match="disk is full"), children.started(SHELL, stdout=subprocess.PIPE) as child:
        number = grandchild(child)
        raise OSError("disk is full")
    assert child.returncode == -signal.SIGKILL
    assert has_ended(number)


def test_run_returns_the_output() -> None:
    done = children.run(["sh", "-c", "cat; echo bad >&2; exit 3"], 60, "given", text=True)
    assert (done.returncode, done.stdout, done.stderr) == (3, "given", "bad\n")


def test_timeout_ends_child_and_grandchild(tmp_path: Path) -> None:
    number = tmp_path / "number"
    for timeout_s in (0.5, 5, 50):  # long enough for a busy machine to start it
        with pytest.raises(subprocess.TimeoutExpired):
            children.run(["sh", "-c", f"sleep 300 & echo $! > {number}; wait"], timeout_s)
        if number.exists() and number.read_text():
            break
    assert has_ended(int(number.read_text()))


def test_cleanup_ends_children_of_a_process_that_unwinds_nothing() -> None:
    child = children.start(SHELL, stdout=subprocess.PIPE)
    number = grandchild(child)
    cleanup.run_all(143)
    assert has_ended(number) and child.wait(120) == -signal.SIGKILL
    children.end(child)
    assert child.pid not in children._undo


def test_failed_action_does_not_keep_the_others_from_running() -> None:
    codes: list[int] = []
    with cleanup.at_once(codes.append), cleanup.at_once(lambda code: 1 // 0):
        cleanup.run_all(143)
    cleanup.run_all(143)
    assert codes == [143]


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2)")
def test_killed_parent_takes_its_child_along() -> None:
    inner = "from edgevision import children; children.die_with_parent(); import time; print('up', flush=True); time.sleep(300)"
    outer = (
        "import subprocess, sys\nfrom edgevision import children\n"
        f"with children.started([sys.executable, '-c', {inner!r}], stdout=subprocess.PIPE) as child:\n"
        "    child.stdout.readline(); print(child.pid, flush=True); child.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", outer], stdout=subprocess.PIPE) as parent:
        number = grandchild(parent)
        assert is_alive(number)
        parent.kill()
    assert has_ended(number)


def test_child_whose_parent_has_ended_ends_at_once() -> None:
    code = "from edgevision import children; children.die_with_parent(); print('alive')"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, children.PARENT: "1"}, capture_output=True)
    assert (done.returncode, done.stdout) == (1, b"")


def test_child_is_waited_for_when_the_process_ends() -> None:
    """Process 1 of a container may collect zombies late; nothing may be left for it."""
    program = (
        "import os, sys\nfrom edgevision import children\n"
        "child = children.start([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True, timeout=60)
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)
