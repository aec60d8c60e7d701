"""What a user asks of any source: which way up, which part; the pixels that come out, and where they came from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from edgevision.device.cameras.table import open_camera, open_source
from edgevision.device.cameras.turned import turn, turned_size
from edgevision.device.cameras.wanted import Wanted
from edgevision.device.clock import SYSTEM
from hypothesis import given
from hypothesis import strategies as st

from edgevision import pictures
from edgevision.data import Frame
from edgevision.errors import BadInput

ROTATIONS, FLIPS = (0, 90, 180, 270), ("none", "horizontal", "vertical", "both")


def reference(pixels: np.ndarray, wanted: Wanted) -> np.ndarray:
    """Rotated, flipped, cut, one after the other as numpy says it."""
    turned = np.rot90(pixels, -wanted.rotate // 90)
    if wanted.flip in ("horizontal", "both"):
        turned = turned[:, ::-1]
    if wanted.flip in ("vertical", "both"):
        turned = turned[::-1]
    if wanted.roi is None:
        return turned
    height, width = turned.shape[:2]
    x, y, w, h = wanted.roi
    return turned[round(y * height) : round((y + h) * height), round(x * width) : round((x + w) * width)]


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("rotate", ROTATIONS)
@pytest.mark.parametrize("flip", FLIPS)
@pytest.mark.parametrize("roi", [None, (0, 0, 1, 1), (0.25, 0.5, 0.5, 0.5), (0.75, 0, 0.25, 0.25)])
def test_turned_as_numpy_does(rotate: int, flip: str, roi: tuple[float, ...] | None, gray: bool) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (8, 12) if gray else (8, 12, 3), np.uint8)
    wanted = Wanted(rotate=rotate, flip=flip, roi=roi)  # type: ignore[arg-type]
    found = turn(pixels, wanted)
    assert np.array_equal(found, reference(pixels, wanted))
    assert turned_size(12, 8, wanted) == (found.shape[1], found.shape[0])


def test_part_alone_is_a_view() -> None:
    pixels = np.zeros((8, 12, 3), np.uint8)
    assert np.shares_memory(turn(pixels, Wanted(roi=(0.5, 0.5, 0.5, 0.5))), pixels)


@given(
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    corner=st.tuples(st.floats(0, 0.99), st.floats(0, 0.99)),
    share=st.tuples(st.floats(0.001, 1), st.floats(0.001, 1)),
    rotate=st.sampled_from(ROTATIONS),
    flip=st.sampled_from(FLIPS),
)
def test_any_part_holds_at_least_one_pixel(
    width: int, height: int, corner: tuple[float, float], share: tuple[float, float], rotate: int, flip: str
) -> None:
    roi = (*corner, (1 - corner[0]) * share[0], (1 - corner[1]) * share[1])
    wanted = Wanted(rotate=rotate, flip=flip, roi=roi)  # type: ignore[arg-type]
    found = turn(np.zeros((height, width, 3), np.uint8), wanted)
    assert found.size > 0
    assert turned_size(width, height, wanted) == (found.shape[1], found.shape[0])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"width": 640}, "together"),
        ({"width": 0, "height": 480}, "0x480"),
        ({"fps": 0.0}, "0 frames/s"),
        ({"fps": float("nan")}, "nan frames/s"),
        ({"rotate": 45}, "45 degrees"),
        ({"flip": "sideways"}, "'sideways'"),
        ({"roi": (0.5, 0.5, 0.6, 0.5)}, r"0\.5,0\.5,0\.6,0\.5"),
        ({"roi": (0.0, 0.0, 0.0, 1.0)}, "within the picture"),
        ({"roi": (0.0, float("nan"), 0.5, 1.0)}, "within the picture"),
        ({"frozen_s": -1.0}, "-1 s"),
    ],
)
def test_what_cannot_be_wanted_is_said_in_one_line(asked: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        Wanted(**asked)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_picture_and_camera_come_turned(tmp_path: Path) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (6, 10, 3), np.uint8)
    path = tmp_path / "one.png"
    path.write_bytes(pictures.encode_png(Frame(pixels, "BGR")))
    wanted = Wanted(rotate=90, roi=(0, 0, 1, 0.5))
    (frame,) = open_source(str(path), SYSTEM, wanted)
    assert isinstance(frame, Frame)
    assert np.array_equal(frame.pixels, reference(pixels, wanted))
    camera = open_camera("test:64x32@fast", SYSTEM, wanted)
    first = next(iter(camera))
    assert isinstance(first, Frame)
    assert (first.width, first.height) == (32, 32)
    assert (camera.spec, camera.live, camera.dropped) == ("test:64x32@fast", False, 0)
    camera.close()
