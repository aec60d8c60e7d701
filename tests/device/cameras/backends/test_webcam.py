"""The V4L2 back end with the real OpenCV on a fake webcam: a preloaded library answers for the kernel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_picamera2 import COLOR_RGB, draw
from locations import HELPERS

from edgevision.preprocessing import decode
from edgevision.types import Frame

SHARED_MEMORY = Path("/dev/shm")
RED = [254, 0, 0]
"""Color of the YUYV frames of webcam.c."""

Play = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux") or not os.access(SHARED_MEMORY, os.W_OK):
        pytest.skip("needs a C compiler and /dev/shm")
    made = tmp_path_factory.mktemp("webcam") / "webcam.so"
    flags = ["-O1", "-Wall", "-shared", "-fPIC"]
    subprocess.run([compiler, *flags, "-o", str(made), str(HELPERS / "webcam.c"), "-ldl"], check=True)
    return made


@pytest.fixture
def play(library: Path) -> Iterator[Play]:
    """Return a function that reads frames from the webcam in a child process and returns its output."""
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as folder:
        device = Path(folder) / "video0"
        device.touch()

        def play(
            frames: dict[str, bytes],
            fourcc: str = "",
            size: str = "1280x720",
            side: int = 0,
            count: int = 3,
            limit: int = 0,
        ) -> dict[str, Any]:
            for name, data in frames.items():
                (Path(folder) / name).write_bytes(data)
            done = subprocess.run(
                [sys.executable, str(HELPERS / "webcam_child.py"), str(device), fourcc, size, str(side), str(count)],
                env={
                    **os.environ,
                    "LD_PRELOAD": str(library),
                    "WEBCAM_DEVICE": str(device),
                    "WEBCAM_FRAMES": folder,
                    "WEBCAM_LIMIT": str(limit),
                },
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout)

        yield play


def photo(value: int) -> bytes:
    pixels = np.full((720, 1280, 3), COLOR_RGB[::-1], np.uint8)
    pixels[:8] = value
    return decode.encode_jpeg(Frame(pixels, "BGR"))


def near(rgb: list[int], expected: object) -> bool:
    return bool(np.abs(np.subtract(rgb, expected)).max() <= 4)


def test_mjpeg_of_a_webcam_is_decoded(play: Play) -> None:
    found = play({f"MJPG-{n}": photo(n * 60) for n in range(4)}, count=5)
    assert found["name"] == "Test webcam"
    assert found["busy"] is False
    offered = {(one["fourcc"], one["width"], one["height"]): one["rates_fps"] for one in found["offered"]}
    assert offered["YUYV", 1280, 720] == [10.0]
    assert offered["MJPG", 1280, 720] == [30.0]
    assert found["description"] == "1280x720 MJPG at 30 frames/s"
    for item in found["items"]:
        assert (item["width"], item["height"], item["reduced"], item["order"]) == (1280, 720, 1, "BGR")
        assert near(item["rgb"], COLOR_RGB)
        assert 0 <= item["age"] < 60


def test_mjpeg_is_decoded_no_larger_than_the_model_needs(play: Play) -> None:
    found = play({f"MJPG-{n}": photo(n * 60) for n in range(4)}, side=224)
    assert "decoded at 1/2 of its size" in found["description"]
    assert {(item["width"], item["height"], item["reduced"]) for item in found["items"]} == {(640, 360, 2)}
    assert all(near(item["rgb"], COLOR_RGB) for item in found["items"])


def test_truncated_jpegs_are_skipped(play: Play) -> None:
    frames = {"MJPG-0": photo(0), "MJPG-1": photo(60)[:-3000], "MJPG-2": photo(120)}
    found = play(frames, "MJPG", count=4)
    indices = [item["index"] for item in found["items"]]
    assert found["damaged"] >= 1
    assert indices == sorted(set(indices))
    assert indices[-1] == len(indices) + found["damaged"] - 1
    assert all(near(item["rgb"], COLOR_RGB) for item in found["items"])


@pytest.mark.parametrize(("fourcc", "expected"), [("YUYV", RED), ("NV12", COLOR_RGB)])
def test_raw_formats_of_a_webcam_have_the_right_colors(play: Play, fourcc: str, expected: object) -> None:
    found = play({"NV12-0": draw("NV12", 640, 480, 640).tobytes()}, fourcc, "640x480")
    assert f"640x480 {fourcc}" in found["description"]
    assert all(near(item["rgb"], expected) for item in found["items"])


def test_unplugged_webcam_is_lost(play: Play) -> None:
    found = play({f"MJPG-{n}": photo(n * 60) for n in range(4)}, limit=20, count=1000)
    assert found["items"][-1] == "camera_lost"
    assert len(found["items"]) > 1
