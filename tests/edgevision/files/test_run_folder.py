"""Run folders: one process at a time, and a record however the command ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgevision import cleanup
from edgevision.errors import CannotWrite, StoppedBySignal
from edgevision.files.run_folder import new_run, run_in


def recorded(folder: Path) -> int:
    code: int = json.loads((folder / "run.json").read_text())["exit_code"]
    return code


def test_folder_of_a_running_process_is_refused(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom edgevision.files.run_folder import run_in\n"
        f"with run_in(Path({str(tmp_path)!r}), 'train'):\n    print('up', flush=True)\n    sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe) as other:
        assert other.stdout is not None and other.stdout.readline() == b"up\n"
        with pytest.raises(CannotWrite, match="another edgevision process writes to"):
            run_in(tmp_path, "train")
        other.communicate(b"")
    with run_in(tmp_path, "train"):
        pass


def test_signal_is_recorded(tmp_path: Path) -> None:
    with pytest.raises(StoppedBySignal), new_run(tmp_path, "convert"):
        raise StoppedBySignal(15)
    assert recorded(tmp_path / "convert-1") == 143


def test_record_is_written_if_the_process_has_to_end_at_once(tmp_path: Path) -> None:
    with new_run(tmp_path, "convert") as run:
        cleanup.run_all(143)
        assert recorded(run.folder) == 143
