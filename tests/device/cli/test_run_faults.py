"""``edgevision run`` with faults of the bundled fake camera and engine: it continues, reports them, repeats no frame."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from command_line import edgevision
from documents import parse, parse_lines

from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.spec import Preprocessing

LOST_S = 0.9
"""Minimum gap in seconds after a lost camera, which is reopened after one second."""


@pytest.fixture(scope="module")
def model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the tiny model with a model card."""
    file = model_file.read(data / "tiny.tflite")
    spec = file.inputs[0]
    path = tmp_path_factory.mktemp("model") / "tiny.tflite"
    rule = Preprocessing(spec.shape[2], spec.shape[1], mean=(float(spec.zero_point),), std=(1 / spec.scale,))
    model_file.write(path, file.flatbuffer, ModelCard("tiny", "classification", rule, ("red", "green", "blue")))
    return path


@dataclass(frozen=True)
class Outcome:
    """The result of a completed run."""

    code: int
    frames: list[dict[str, Any]]
    errors: list[dict[str, Any]]
    loop_events: list[dict[str, Any]]
    """Events of the loop, without those of labels."""
    summary: dict[str, Any]
    stderr: str


WITH_FAKE_ENGINE = """
import sys
from edgevision.model_file import model_file as modelfile
from edgevision.cli.main import main
from edgevision.device.loop import app as launch
from edgevision.device.loop.fakes import FakeEngine

real = launch.open_model

def opened(path, **_):
    file = modelfile.read(path)
    return real(path, engine=FakeEngine(file.inputs, file.outputs, sys.argv[1]))

launch.open_model = opened
main(sys.argv[2:])
"""


def play(
    model: Path, folder: Path, camera: str, *more: str, engine: str = "", stdout: int = subprocess.PIPE
) -> Outcome:
    """Run the command. ``engine``: script of a fake engine, which needs a process of its own, as ``stdout`` does."""
    path = folder / "run.json"
    args = ["run", str(model), "--camera", f"fake:{camera}", "--json", "--events", "--summary", str(path), *more]
    done: subprocess.CompletedProcess[str]
    if not engine and stdout == subprocess.PIPE:
        done = edgevision(*args)
    else:
        starter = ["-c", WITH_FAKE_ENGINE, engine] if engine else ["-m", "edgevision"]
        done = subprocess.run(
            [sys.executable, *starter, *args],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=180,
            check=False,
        )
    lines = parse_lines(done.stdout or "")
    assert "Traceback" not in done.stderr
    return Outcome(
        done.returncode,
        [line for line in lines if line["type"] == "frame"],
        [line for line in lines if line["type"] == "error"],
        [line for line in lines if line["type"] == "event" and "label" not in line],
        parse(path.read_text(), "run"),
        done.stderr,
    )


def refuse_old(found: Outcome) -> None:
    """Check that each frame is newer than the one before."""
    for name in ("index", "captured_at"):
        values = [frame[name] for frame in found.frames]
        assert all(later > earlier for earlier, later in pairwise(values)), name
    assert found.summary["frames"] == len(found.frames)


def test_loop_waits_for_slow_frames(model: Path, tmp_path: Path) -> None:
    found = play(model, tmp_path, "ok*3,slow*2,ok*3")
    assert (found.code, len(found.frames), found.loop_events) == (0, 8, [])
    assert found.summary["stages_ms"]["read"]["max"] >= 1000
    refuse_old(found)


def test_frozen_camera_is_reported_and_reopened_and_its_image_not_repeated(model: Path, tmp_path: Path) -> None:
    found = play(model, tmp_path, "ok*5,frozen*60,ok*5")
    assert [event["event"] for event in found.loop_events] == ["camera_frozen", "camera_back"]
    assert (found.code, found.summary["reconnects"]) == (0, 1)
    # A camera that shows the same image after reopening is considered still, so the rest of the 60 frames may pass.
    assert 10 <= len(found.frames) < 60
    refuse_old(found)
    before = [f["captured_at"] for f in found.frames if f["index"] <= 4]
    after = [f["captured_at"] for f in found.frames if f["index"] > 4]
    assert len(before) == 5
    assert min(after) - max(before) > LOST_S  # no frames while it was frozen


def test_lost_camera_is_reopened(model: Path, tmp_path: Path) -> None:
    found = play(model, tmp_path, "ok*4,lost,ok*4")
    assert [event["event"] for event in found.loop_events] == ["camera_lost", "camera_back"]
    assert (found.code, len(found.frames), found.summary["reconnects"]) == (0, 8, 1)
    assert found.frames[4]["captured_at"] - found.frames[3]["captured_at"] > LOST_S
    refuse_old(found)


def test_permanently_lost_camera_is_an_error(model: Path, tmp_path: Path) -> None:
    found = play(model, tmp_path, "ok*2,lost")
    assert (found.code, len(found.frames), found.summary["stopped_by"]) == (1, 2, "error")
    assert [event["event"] for event in found.loop_events] == ["camera_lost"]
    assert found.stderr.splitlines()[-1].startswith("edgevision: error: fake:ok*2,lost is lost")


@pytest.mark.parametrize("step", ["garbled", "wrong_size"])
def test_garbled_and_resized_frames_are_processed(model: Path, tmp_path: Path, step: str) -> None:
    found = play(model, tmp_path, f"ok*2,{step}*3,ok*2", "--on-motion")
    assert (found.code, found.loop_events, found.errors) == (0, [], [])
    assert len(found.frames) + found.summary["still"] == 7
    sizes = {(frame["width"], frame["height"]) for frame in found.frames}
    assert sizes == ({(640, 480), (320, 240)} if step == "wrong_size" else {(640, 480)})


def test_unreadable_frames_give_error_lines(model: Path, tmp_path: Path) -> None:
    found = play(model, tmp_path, "ok*2,unreadable*2,ok*2")
    assert (found.code, len(found.frames), found.summary["errors"]) == (0, 4, 2)
    assert [error["index"] for error in found.errors] == [2, 3]
    refuse_old(found)


def test_engine_errors_give_error_lines_and_the_loop_continues(model: Path, tmp_path: Path) -> None:
    found = play(model, tmp_path, "ok*12", engine="ok,error*3,ok,slow,ok")
    assert (found.code, len(found.frames), len(found.errors)) == (0, 9, 3)
    assert [error["index"] for error in found.errors] == [1, 2, 3]
    assert "the fake engine failed at call 2" in found.errors[0]["message"]
    assert found.summary["engine"]["runtime"] == "fake"
    assert found.summary["stages_ms"]["infer"]["max"] >= 1000
    refuse_old(found)


def test_permanently_failing_engine_ends_the_loop_with_a_reason(model: Path, tmp_path: Path) -> None:
    found = play(model, tmp_path, "ok*40", engine="ok,error")
    assert (found.code, len(found.frames), found.summary["stopped_by"]) == (1, 1, "error")
    assert "the engine failed on 10 frames in a row" in found.stderr.splitlines()[-1]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_full_disk_does_not_stop_a_live_loop(model: Path, tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    found = play(model, tmp_path, "ok*6", "--no-events", stdout=full)
    os.close(full)
    assert (found.code, found.summary["frames"], found.summary["stopped_by"]) == (1, 6, "end")
    (sink,) = found.summary["sinks"]
    assert (sink["written"], sink["errors"]) == (0, 6)
    assert found.stderr.count("output_down") == 1


def test_all_faults_together(model: Path, tmp_path: Path) -> None:
    script = "ok*2,unreadable,garbled,lost,ok*2,frozen*45,ok*2,wrong_size,slow,ok*2"
    found = play(model, tmp_path, script, engine="ok,error,ok")
    kinds = [event["event"] for event in found.loop_events]
    assert kinds == ["camera_lost", "camera_back", "camera_frozen", "camera_back"]
    assert (found.code, found.summary["errors"], found.summary["stopped_by"]) == (0, 2, "end")
    refuse_old(found)
