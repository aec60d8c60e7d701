"""Ctrl-C, SIGTERM and SIGHUP at any moment of a command: the exit code of the signal and one line, never a traceback."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import has_ended

COMMANDS = {
    "version": ["--version"],
    "inspect": ["inspect", "absent.tflite"],
    "run": ["run", "--source", "test:", "--quiet"],
    "convert": ["convert", "absent.keras"],
}
DELAYS_S = (0.02, 0.05, 0.08, 0.12, 0.17, 0.25, 0.35, 0.5)
LINE = "edgevision: error: interrupted"
SLOW_START = (
    "import threading\n    start = threading.Thread.start\n"
    "    threading.Thread.start = lambda thread: (start(thread), time.sleep(0.2))\n    "
)
"""Body of a command on a machine where a thread takes long to start."""


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
            # A loop that runs already ends without a message; a command that failed just before had printed its line.
            assert errors in (f"{LINE}\n", "") or (errors.count("\n") == 1 and errors.startswith("edgevision: error: "))
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


def stub(body: str, cwd: Path, **variables: str) -> subprocess.Popen[str]:
    """Start a command with this body; it may print the line ``ready``."""
    code = (
        "import subprocess, sys, time, click\nfrom signal import SIGHUP, SIGINT, SIGTERM, raise_signal\n"
        "from edgevision.__main__ import main\nfrom edgevision.cli import main as table\n"
        f"@click.command()\ndef stub():\n    {body}\n"
        "sys.modules['stub'] = sys.modules['__main__']\ntable.COMMANDS['stub'] = ('stub:stub', '')\n"
        "sys.argv = ['edgevision', 'stub']\nmain()"
    )
    return start("-c", code, cwd=cwd, **variables)


@pytest.mark.parametrize(
    "body",
    [
        "raise_signal(SIGINT)",
        "class Held:\n        def __del__(self): raise_signal(SIGINT)\n    Held(); time.sleep(5)",
        SLOW_START + "class Held:\n        def __del__(self): raise_signal(SIGINT)\n    Held(); time.sleep(5)",
        "try: raise_signal(SIGINT)\n    except KeyboardInterrupt: raise ImportError('initialization failed')",
    ],
    ids=["raised", "swallowed by a finalizer", "swallowed on a busy machine", "turned into ImportError"],
)
def test_ctrl_c_in_a_command_is_one_line(body: str, tmp_path: Path) -> None:
    process = stub(body, tmp_path)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, f"{LINE}\n")


def test_ignored_sigint_stays_ignored(tmp_path: Path) -> None:
    code = (
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from edgevision.cli import interrupt\ninterrupt.switch_on()\ninterrupt.command_starts()\n"
        "signal.raise_signal(signal.SIGINT)\nprint('alive')"
    )
    assert start("-c", code, cwd=tmp_path).communicate(timeout=60)[0] == "alive\n"


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_other_signals_are_one_line_too(name: str, code: int, tmp_path: Path) -> None:
    process = stub(f"raise_signal({name}); time.sleep(60)", tmp_path)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (code, f"edgevision: error: ended by {name}\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_command_that_does_not_notice_a_signal_ends_with_all_it_started(number: int, code: int, tmp_path: Path) -> None:
    body = (
        "from edgevision import children\n    from edgevision.files import scratch\n"
        "    from edgevision.files.run_folder import new_run\n    from pathlib import Path\n"
        "    with new_run(Path('runs'), 'convert'), scratch.scratch_folder(), children.started(['sleep', '300']) as child:\n"
        "        print(child.pid, flush=True)\n"
        "        while True:\n"
        "            try: time.sleep(60)\n"
        "            except KeyboardInterrupt: pass"
    )
    (tmp_path / "tmp").mkdir()
    process = stub(body, tmp_path, TMPDIR=str(tmp_path / "tmp"))
    assert process.stdout is not None
    child = int(process.stdout.readline())
    assert any((tmp_path / "tmp").iterdir())
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code and len(errors.splitlines()) == 1 and errors.startswith("edgevision: error: ")
    assert not list((tmp_path / "tmp").iterdir())
    assert json.loads((tmp_path / "runs" / "convert-1" / "run.json").read_text())["exit_code"] == code
    assert has_ended(child)


def test_notes_of_an_interruption_are_in_its_line(tmp_path: Path) -> None:
    body = "try: raise_signal(SIGTERM)\n    except KeyboardInterrupt as error: error.add_note('to continue, type x'); raise"
    process = stub(body, tmp_path)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (143, "edgevision: error: ended by SIGTERM; to continue, type x\n")


def test_nohup_keeps_a_command_alive(tmp_path: Path) -> None:
    code = (
        "import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from edgevision.cli import interrupt\ninterrupt.switch_on()\ninterrupt.command_starts()\n"
        "signal.raise_signal(signal.SIGHUP)\nprint('alive')"
    )
    assert start("-c", code, cwd=tmp_path).communicate(timeout=60)[0] == "alive\n"
