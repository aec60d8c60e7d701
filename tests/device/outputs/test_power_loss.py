"""Outputs that write files, killed in the middle: whole lines, and no broken file under a final name."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from edgevision.device.outputs.media_folder import MediaFolder
from edgevision.device.outputs.parse import parse_spec
from edgevision.device.outputs.registry import find

from edgevision.preprocessing.decode import read
from tests.helpers.output_parts import context, event_item

WRITER = """
import sys
from edgevision.device.outputs.parse import parse_spec
from edgevision.device.outputs.registry import find
from tests.helpers.output_parts import context, event_item, frame_item
config = parse_spec(sys.argv[1])
output = find(config.kind).open(config, context())
output.start()
number = 0
while True:
    output.deliver(event_item(index=number))
    if number == 3:
        print("writing", flush=True)
    number += 1
"""
KILLS = 4


def write_until_killed(spec: str, seconds: float) -> None:
    """Let another process write through an output, and kill it after some time."""
    child = subprocess.Popen([sys.executable, "-c", WRITER, spec], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"writing\n"
    time.sleep(seconds)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()


@pytest.mark.slow
def test_jsonl_has_whole_lines_after_kills(tmp_path: Path) -> None:
    for number in range(KILLS):
        write_until_killed(f"jsonl:{tmp_path}/a.jsonl,max-size=40kB,keep=1000", 0.05 + 0.013 * number)
    config = parse_spec(f"jsonl:{tmp_path}/a.jsonl")
    output = find("jsonl").open(config, context())
    output.start()
    output.deliver(event_item(index=-1))
    output.close()
    for path in tmp_path.iterdir():
        data = path.read_bytes()
        assert data.endswith(b"\n")
        assert all(json.loads(line)["event"] == "entered" for line in data.splitlines())


@pytest.mark.slow
def test_csv_has_whole_rows_after_kills(tmp_path: Path) -> None:
    for number in range(KILLS):
        write_until_killed(f"csv:{tmp_path}/a.csv,max-size=40kB,keep=1000", 0.05 + 0.013 * number)
    for path in tmp_path.iterdir():
        lines = path.read_bytes().splitlines(keepends=True)
        assert {line.count(b",") for line in lines} == {12}
        assert all(line.endswith(b"\n") for line in lines)


@pytest.mark.slow
def test_snapshots_are_complete_after_kills(tmp_path: Path) -> None:
    for number in range(KILLS):
        write_until_killed(f"snapshots:{tmp_path}", 0.05 + 0.013 * number)
    MediaFolder(tmp_path, 10**9, (".jpg", "-annotated.jpg")).open()
    found = list(tmp_path.iterdir())
    assert len(found) >= KILLS * 4
    for path in found:
        assert path.suffix == ".jpg"
        assert path.read_bytes().endswith(b"\xff\xd9")
        assert read(path).width >= 32
