"""The programs in examples/ run as they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from locations import ROOT
from public_names import private_names

EXAMPLES = ROOT / "examples"


def run_example(name: str, *arguments: str) -> str:
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_tested() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {"python_api.py", "own_sink.py", "own_camera.py"}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_examples_use_only_the_public_api(path: Path) -> None:
    assert list(private_names(path.read_text(encoding="utf-8"))) == []


def test_python_api_reports_a_missing_image_in_one_line() -> None:
    command = [sys.executable, str(EXAMPLES / "python_api.py"), "absent.jpg"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1 and done.stderr == "error: image not found: absent.jpg\n"


def test_python_api_prints_three_labels() -> None:
    lines = run_example("python_api.py").splitlines()
    assert len(lines) == 4
    assert lines[-1].startswith("inference took ")


def test_python_api_reads_an_image_file() -> None:
    image = next((EXAMPLES.parent / "calibration_images" / "rendered").glob("*.jpg"))
    assert len(run_example("python_api.py", str(image)).splitlines()) == 4


@pytest.mark.parametrize("camera", ["test:", "test:@fast"])
def test_own_sink_counts_every_frame(camera: str) -> None:
    *counts, last = run_example("own_sink.py", camera).splitlines()
    assert sum(int(line.split()[0]) for line in counts) == 30
    assert last == "30 frames, stopped by: limit"


def test_own_camera_delivers_every_frame() -> None:
    lines = run_example("own_camera.py").splitlines()
    assert [int(line.split()[0]) for line in lines] == list(range(20))
