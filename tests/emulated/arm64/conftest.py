"""The userland with each of its package sets, and the files that the tests use in it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from .userland import Userland

REPO = Path(__file__).resolve().parents[3]
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test once per package set."""
    if "userland" in metafunc.fixturenames:
        metafunc.parametrize("userland", os.environ["EMULATED_SETS"].split(), indirect=True, scope="session")


@pytest.fixture(scope="session")
def userland(request: pytest.FixtureRequest) -> Userland:
    """The userland created by ``python -m tools.emulation arm64``."""
    before = tuple(os.environ["EMULATED_COMMAND"].split("\n"))
    return Userland(Path(os.environ["EMULATED_ROOT"]), before, request.param)


@pytest.fixture(scope="session")
def place() -> Path:
    """A folder shared by host and root, with a model, labeled photos and a video."""
    place = Path(os.environ["EMULATED_ROOT"]) / "tmp" / "place"
    place.mkdir(exist_ok=True)
    shutil.copy2(REPO / "edgevision" / "default_model" / "default.tflite", place / "model.tflite")
    shutil.copy2(REPO / "tests" / "data" / "tiny.tflite", place / "bare.tflite")
    (place / "labels.txt").write_text("".join(f"{name}\n" for name in COLOURS))
    noise = np.random.default_rng(5)
    film = cv2.VideoWriter(str(place / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (160, 120))
    for name, colour in COLOURS.items():
        (place / "photos" / name).mkdir(parents=True, exist_ok=True)
        for number in range(4):
            size = (97 + 40 * number, 131 + 30 * number, 3)
            picture = np.clip(np.array(colour) * 0.8 + noise.integers(0, 50, size), 0, 255).astype(np.uint8)
            good, coded = cv2.imencode(".png", picture[:, :, ::-1])
            assert good
            (place / "photos" / name / f"{number}.png").write_bytes(coded.tobytes())
            film.write(np.ascontiguousarray(picture[:90, :120, ::-1].repeat(2, 0).repeat(2, 1)[:120, :160]))
    film.release()
    return place
