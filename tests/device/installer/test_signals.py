"""A signal ends the installer in one line, with everything that it started."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import has_ended

WORK = """
from pathlib import Path
from edgevision.device.installer import main
from edgevision.device.installer.base import commands, interrupt
from edgevision.device.installer.base.status import Status
interrupt.switch_on()
def work():
    try:
        commands.run(["sh", "-c", "sleep 300 & echo $! > number; mv number ready; wait"], "sleeping", Path("."))
    finally:
        print("cleaned up", flush=True)
raise SystemExit(main._told(work, Status(Path("status.json"))))
"""


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("SIGTERM", 143, "ended by SIGTERM"),
        ("SIGHUP", 129, "ended by SIGHUP"),
        ("SIGINT", 130, "interrupted"),
    ],
)
def test_signal_ends_the_installer_with_its_commands(name: str, code: int, message: str, tmp_path: Path) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", WORK], cwd=tmp_path, stdout=pipe, stderr=pipe, text=True) as process:
        ready = tmp_path / "ready"
        end = time.monotonic() + 120
        while not ready.exists() and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(getattr(signal, name))
        output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (code, f"edgevision install: error: {message}\n")
    assert output == "cleaned up\n"
    assert json.loads((tmp_path / "status.json").read_text())["message"] == message
    assert has_ended(int(ready.read_text()))


def test_ctrl_c_while_the_installer_starts_is_one_line(tmp_path: Path) -> None:
    code = (
        "from edgevision.device.installer import __main__ as start\nfrom edgevision.device.installer.base import interrupt\n"
        "import signal\ninterrupt.switch_on()\nsignal.raise_signal(signal.SIGINT)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (130, "edgevision install: error: interrupted\n")
