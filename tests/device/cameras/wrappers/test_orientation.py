"""What a user requests of any source (size, rate, orientation, region) and the resulting pixels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from edgevision.device.cameras.registry import open_camera, open_source
from edgevision.device.cameras.wrappers.orientation import turn, turned_size
from edgevision.device.cameras.wrappers.rate_limit import Paced
from edgevision.device.stream.protocols import Source
from edgevision.device.stream.request import CaptureRequest
from edgevision.device.system.clock import SYSTEM
from hypothesis import given
from hypothesis import strategies as st

from edgevision.errors import BadInput
from edgevision.preprocessing import decode
from edgevision.types import Frame

ROTATIONS, FLIPS = (0, 90, 180, 270), ("none", "horizontal", "vertical", "both")


def reference(pixels: np.ndarray, wanted: CaptureRequest) -> np.ndarray:
    """Rotate, flip and crop in turn with plain numpy."""
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
def test_turn_matches_numpy(rotate: int, flip: str, roi: tuple[float, ...] | None, gray: bool) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (8, 12) if gray else (8, 12, 3), np.uint8)
    wanted = CaptureRequest(rotate=rotate, flip=flip, roi=roi)  # type: ignore[arg-type]
    found = turn(pixels, wanted)
    assert np.array_equal(found, reference(pixels, wanted))
    assert turned_size(12, 8, wanted) == (found.shape[1], found.shape[0])


def test_crop_alone_is_a_view() -> None:
    pixels = np.zeros((8, 12, 3), np.uint8)
    assert np.shares_memory(turn(pixels, CaptureRequest(roi=(0.5, 0.5, 0.5, 0.5))), pixels)


@given(
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    corner=st.tuples(st.floats(0, 0.99), st.floats(0, 0.99)),
    share=st.tuples(st.floats(0.001, 1), st.floats(0.001, 1)),
    rotate=st.sampled_from(ROTATIONS),
    flip=st.sampled_from(FLIPS),
)
def test_any_region_holds_at_least_one_pixel(
    width: int, height: int, corner: tuple[float, float], share: tuple[float, float], rotate: int, flip: str
) -> None:
    roi = (*corner, (1 - corner[0]) * share[0], (1 - corner[1]) * share[1])
    wanted = CaptureRequest(rotate=rotate, flip=flip, roi=roi)  # type: ignore[arg-type]
    found = turn(np.zeros((height, width, 3), np.uint8), wanted)
    assert found.size > 0
    assert turned_size(width, height, wanted) == (found.shape[1], found.shape[0])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"width": 640}, "give both width and height"),
        ({"width": 0, "height": 480}, "0x480"),
        ({"fps": 0.0}, "0 frames/s"),
        ({"fps": float("nan")}, "nan frames/s"),
        ({"rotate": 45}, "invalid rotation 45"),
        ({"flip": "sideways"}, "'sideways'"),
        ({"roi": (0.5, 0.5, 0.6, 0.5)}, r"0\.5,0\.5,0\.6,0\.5"),
        ({"roi": (0.0, 0.0, 0.0, 1.0)}, "within the image"),
        ({"roi": (0.0, float("nan"), 0.5, 1.0)}, "within the image"),
        ({"freeze_timeout_s": -1.0}, "-1 s"),
    ],
)
def test_invalid_requests_give_a_one_line_error(asked: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        CaptureRequest(**asked)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_request_applies_to_images_and_cameras(tmp_path: Path) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (6, 10, 3), np.uint8)
    path = tmp_path / "one.png"
    path.write_bytes(decode.encode_png(Frame(pixels, "BGR")))
    wanted = CaptureRequest(rotate=90, roi=(0, 0, 1, 0.5))
    (frame,) = open_source(str(path), SYSTEM, wanted)
    assert isinstance(frame, Frame)
    assert np.array_equal(frame.pixels, reference(pixels, wanted))
    camera = open_camera("test:64x32@fast", SYSTEM, wanted)
    first = next(iter(camera))
    assert isinstance(first, Frame)
    assert (first.width, first.height) == (32, 32)
    assert (camera.spec, camera.live, camera.dropped) == ("test:64x32@fast", False, 0)
    camera.close()


# --- rate limit


class Timed(Source):
    """A live source with frames at given times."""

    spec, live = "timed", True

    def __init__(self, times: list[float | None]) -> None:
        self.times = times

    def __iter__(self) -> Iterator[Frame]:
        for index, at in enumerate(self.times):
            yield Frame(np.zeros((2, 2, 3), np.uint8), "BGR", index, at)

    def close(self) -> None:
        pass


def passed(times: list[float | None], fps: float) -> list[int]:
    return [item.index for item in Paced(Timed(times), fps)]  # type: ignore[union-attr]


def test_early_frames_are_dropped_and_counted() -> None:
    camera = Paced(Timed([index / 30 for index in range(30)]), 10)
    assert [item.index for item in camera] == list(range(0, 30, 3))  # type: ignore[union-attr]
    assert camera.dropped == 20


def test_camera_at_the_requested_rate_loses_nothing() -> None:
    unsteady = [index / 30 + (0.002 if index % 2 else 0) for index in range(90)]
    assert passed(unsteady, 30) == list(range(90))


def test_rate_limit_does_not_catch_up_after_late_frames() -> None:
    assert passed([0.0, 5.0, 5.1, 5.9, 6.0, 6.1], 1) == [0, 1, 3]


def test_frames_without_a_time_all_pass() -> None:
    assert passed([None] * 5, 1) == list(range(5))


def test_video_is_sampled_at_the_requested_rate(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    for _ in range(50):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    found = list(open_source(str(tmp_path / "film.avi"), SYSTEM, CaptureRequest(fps=1)))
    assert [item.index for item in found] == [0, 25]  # type: ignore[union-attr]


@pytest.mark.parametrize("spec", ["one.png", "-", "http://mary:lamb@127.0.0.1:9/"])
def test_size_is_accepted_only_for_cameras(tmp_path: Path, spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.png").write_bytes(decode.encode_png(Frame(np.zeros((6, 10, 3), np.uint8), "BGR")))
    with pytest.raises(BadInput, match="which has a fixed size") as caught:
        open_source(spec, SYSTEM, CaptureRequest(width=64, height=48))
    assert "lamb" not in str(caught.value)


def test_pattern_uses_the_requested_size_unless_its_spec_has_one() -> None:
    for spec, size in [("test:@fast", (320, 240)), ("test:64x48@fast", (64, 48))]:
        camera = open_camera(spec, SYSTEM, CaptureRequest(width=320, height=240))
        frame = next(iter(camera))
        assert isinstance(frame, Frame)
        assert (frame.width, frame.height) == size
        camera.close()
