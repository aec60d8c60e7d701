"""Ctrl-C at any moment of a command: exit code 130 and one line, never a traceback."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMANDS = {
    "version": ["--version"],
    "inspect": ["inspect", "absent.tflite"],
    "run": ["run", "--source", "test:", "--quiet"],
    "convert": ["convert", "absent.keras"],
}
DELAYS_S = (0.02, 0.05, 0.08, 0.12, 0.17, 0.25, 0.35, 0.5)
LINE = "edgevision: error: interrupted"


def start(*arguments: str, cwd: Path, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=os.environ | variables,
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_ctrl_c_at_any_moment_is_one_line(name: str, tmp_path: Path) -> None:
    for delay in DELAYS_S:
        process = start("-m", "edgevision", *COMMANDS[name], cwd=tmp_path)
        time.sleep(delay)
        process.send_signal(signal.SIGINT)  # does nothing to a process that has ended
        _, errors = process.communicate(timeout=60)
        if "Traceback" in errors or process.returncode == -signal.SIGINT:
            # Before the first line of edgevision runs, and after its last, Python itself ends the process, and nothing can
            # be done about that. No module of ours is being imported or run then.
            assert not [name for name in re.findall('File "(.*?)"', errors) if "/edgevision/cli/" in name]
        elif process.returncode == 130:
            assert errors in (f"{LINE}\n", ""), f"after {delay} s"  # a loop that runs already ends without a message
        else:  # it had ended, or had just its exit code to report
            assert len(errors.splitlines()) <= 1, f"after {delay} s: {errors}"


def test_ctrl_c_while_a_command_is_imported_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(60)\n")
    process = start("-m", "edgevision", "inspect", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert process.stdout is not None and process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, f"{LINE}\n")


def test_debug_variable_shows_where_an_import_was_interrupted(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(60)\n")
    process = start("-m", "edgevision", "inspect", cwd=tmp_path, PYTHONPATH=str(tmp_path), EDGEVISION_DEBUG="1")
    assert process.stdout is not None and process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "click.py" in errors and errors.strip().endswith(LINE)


@pytest.mark.parametrize(
    "body",
    [
        "raise_signal(SIGINT)",
        "class Held:\n        def __del__(self): raise_signal(SIGINT)\n    Held(); time.sleep(5)",
        "try: raise_signal(SIGINT)\n    except KeyboardInterrupt: raise ImportError('initialization failed')",
    ],
    ids=["raised", "swallowed by a finalizer", "turned into ImportError"],
)
def test_ctrl_c_in_a_command_is_one_line(body: str, tmp_path: Path) -> None:
    code = (
        "import sys, time, click\nfrom signal import SIGINT, raise_signal\n"
        "from edgevision.__main__ import main\nfrom edgevision.cli import main as table\n"
        f"@click.command()\ndef stub():\n    {body}\n"
        "sys.modules['stub'] = sys.modules['__main__']\ntable.COMMANDS['stub'] = ('stub:stub', '')\n"
        "sys.argv = ['edgevision', 'stub']\nmain()"
    )
    process = start("-c", code, cwd=tmp_path)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, f"{LINE}\n")


def test_ignored_sigint_stays_ignored(tmp_path: Path) -> None:
    code = (
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from edgevision.cli import interrupt\ninterrupt.switch_on()\ninterrupt.command_starts()\n"
        "signal.raise_signal(signal.SIGINT)\nprint('alive')"
    )
    assert start("-c", code, cwd=tmp_path).communicate(timeout=60)[0] == "alive\n"
