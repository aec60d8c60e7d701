"""exec: one JSON object per line for a program, started again when it dies."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from edgevision.device.outputs import child_program
from edgevision.device.outputs.child_program import ChildProgram

from edgevision.errors import CannotWrite
from tests.helpers.output_parts import event_item

COPY = "import sys\nfor line in sys.stdin: open(sys.argv[1], 'a').write(line)"


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let programs end by themselves, however long a busy machine takes to start them."""
    monkeypatch.setattr(child_program, "END_S", 120.0)


@pytest.mark.usefixtures("patient")
def test_program_reads_one_object_per_line(tmp_path: Path) -> None:
    output = ChildProgram([sys.executable, "-c", COPY, str(tmp_path / "out")])
    output.start()
    for number in range(3):
        output.deliver(event_item(index=number))
    output.close()
    lines = (tmp_path / "out").read_text().splitlines()
    assert [json.loads(line)["index"] for line in lines] == [0, 1, 2]


def test_end_of_the_program_is_noticed_and_it_is_started_again(tmp_path: Path) -> None:
    output = ChildProgram([sys.executable, "-c", "import sys; sys.stdin.readline(); sys.exit(3)"])
    output.start()
    output.deliver(event_item())
    assert output._child is not None
    output._child.wait(120)
    with pytest.raises(CannotWrite, match="exit status 3"):
        output.deliver(event_item())
    output.start()
    output.deliver(event_item())
    output.close()


def test_program_that_ignores_its_end_is_killed() -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    output = ChildProgram([sys.executable, "-c", code])
    output.start()
    child = output._child
    assert child is not None
    output.close()
    assert child.returncode is not None


@pytest.mark.usefixtures("patient")
def test_program_does_not_get_our_passwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEVISION_MQTT_PASSWORD", "secret")
    monkeypatch.setenv("SMTP_PASSWORD", "theirs")
    code = "import os, sys; open(sys.argv[1], 'w').write(repr(dict(os.environ)))"
    output = ChildProgram([sys.executable, "-c", code, str(tmp_path / "out")])
    output.start()
    output.close()
    assert "EDGEVISION_MQTT_PASSWORD" not in (tmp_path / "out").read_text()
    assert "SMTP_PASSWORD" in (tmp_path / "out").read_text()
