"""The detection demo: its count, and the whole chain as a user runs it (slow)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from command_line import edgevision
from documents import parse
from edgevision.convert.demo.count_loop import CountResult, count_loop
from edgevision.convert.demo.run_loop import LoopFailed
from edgevision.convert.demo.traffic import TrafficClip, write_traffic


def test_count_is_exact_only_in_both_directions() -> None:
    summary = {"frames": 3, "rate_fps": 10.0, "stages_ms": {}}
    right = CountResult(("edgevision",), (8, 4), (8, 4), summary)
    assert right.exact
    assert right.describe() == "8 of 8 to the right and 4 of 4 to the left"
    assert not CountResult(("edgevision",), (8, 4), (7, 5), summary).exact


def test_failed_loop_is_reported_in_its_own_words(tmp_path: Path) -> None:
    clip = TrafficClip(tmp_path / "clip.avi", (), 0, 0)
    with pytest.raises(LoopFailed, match=r"the loop on .*clip\.avi failed: model not found"):
        count_loop(tmp_path / "absent.tflite", clip, tmp_path, tmp_path / "contact.png")


def test_frames_that_the_loop_did_not_report_are_noticed(data: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("red\ngreen\nblue\n")
    model = tmp_path / "m.tflite"
    given = ("--resize", "stretch", "--labels", tmp_path / "names.txt", "-o", model)
    assert edgevision("card", data / "detector.tflite", *given).returncode == 0
    clip = write_traffic(tmp_path / "clip.avi", ("apple",), 1, per_lane=1)
    result = count_loop(model, clip, tmp_path, tmp_path / "contact.png")
    assert result.true == (2, 1)
    assert result.to_json()["frames"] == len(clip.frames)
    (tmp_path / "contact.png").unlink()
    (tmp_path / "run-summary.json").unlink()
    longer = TrafficClip(clip.path, (*clip.frames, ()), 2, 1)
    with pytest.raises(LoopFailed, match=rf"reported {len(clip.frames)} of the {len(clip.frames) + 1} frames"):
        count_loop(model, longer, tmp_path, tmp_path / "contact.png")


@pytest.mark.slow
@pytest.mark.tensorflow
def test_whole_chain_reaches_the_goal_and_counts_exactly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edgevision", "demo", "--task", "detection", "--json", "--quiet", "--runs", "r"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=1800, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    report = parse(done.stdout, "demo_detection")
    folder = tmp_path / "r" / "demo-1"
    assert report == parse((folder / "report.json").read_text(), "demo_detection")
    assert report["int8"]["map50"]["value"] >= 0.95
    assert report["loop"]["counted"] == report["loop"]["true"] == {"forward": 8, "backward": 4}
    assert all((tmp_path / path).exists() for path in report["files"].values())
