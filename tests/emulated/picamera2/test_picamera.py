"""Our ``picamera`` back end on the real picamera2 and libcamera: colors, buffer release, restart, unplugging."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import closing
from itertools import islice, pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
import virtual_camera
from edgevision.device.cameras.registry import open_camera
from edgevision.device.stream.events import SourceEvent
from edgevision.device.stream.request import CaptureRequest

from edgevision.errors import CameraError
from edgevision.types import Frame

from .conftest import HEIGHT, QUARTERS, WIDTH, Ribbon

if TYPE_CHECKING:
    from edgevision.device.stream.protocols import Source

SLACK = 12
"""Color tolerance for JPEG and the chroma subsampling of NV12."""


def _frames(source: Source, count: int) -> Iterator[Frame]:
    return islice((item for item in source if isinstance(item, Frame)), count)


def _rgb(frame: Frame) -> np.ndarray:
    assert frame.order in ("RGB", "BGR")
    return frame.pixels if frame.order == "RGB" else frame.pixels[:, :, ::-1]


def _assert_colours(frame: Frame) -> None:
    picture = _rgb(frame)
    for (row, column), colour in QUARTERS.items():
        patch = picture[row * 240 + 60 : row * 240 + 180, column * 320 + 80 : column * 320 + 240]
        assert np.abs(patch.astype(int) - colour).max() <= SLACK, (row, column, patch.mean((0, 1)))


def _descriptors() -> int:
    gc.collect()  # picamera2 leaves its pipes to the garbage collector
    return len(os.listdir("/proc/self/fd"))


def test_colors_and_size_match_the_image() -> None:
    with closing(open_camera("picamera:0")) as source:
        frame = next(_frames(source, 1))
    assert frame.pixels.shape == (HEIGHT, WIDTH, 3)
    _assert_colours(frame)


def test_frames_are_timestamped_by_the_camera_in_order() -> None:
    with closing(open_camera("picamera:0")) as source:
        frames = list(_frames(source, 30))
    stamps = [frame.captured_at for frame in frames]
    assert all(stamp is not None for stamp in stamps)
    assert all(later > earlier for earlier, later in pairwise(stamps))
    assert all(later.index > earlier.index for earlier, later in pairwise(frames))
    assert len({frame.pixels.tobytes() for frame in frames[:8]}) > 1, "a stale frame was delivered as new"


def test_requests_are_released_over_many_frames() -> None:
    taken = virtual_camera.MemoryAllocator.taken
    with closing(open_camera("picamera:0")) as source:
        frames = _frames(source, 600)
        most = max(virtual_camera.MemoryAllocator.out for _ in frames)
    assert virtual_camera.MemoryAllocator.taken - taken >= 600
    assert most <= 6, "unreleased requests accumulate"
    assert virtual_camera.MemoryAllocator.out == 0


def test_frames_are_unchanged_by_later_ones() -> None:
    with closing(open_camera("picamera:0")) as source:
        frames = _frames(source, 40)
        first = next(frames)
        before = first.pixels.copy()
        for _ in frames:
            pass
    assert np.array_equal(first.pixels, before), "the frame still shares the camera's buffer"


def test_camera_restarts_after_a_stop() -> None:
    opened = []
    for _ in range(6):
        with closing(open_camera("picamera:0")) as source:
            for frame in _frames(source, 5):
                _assert_colours(frame)
        opened.append(_descriptors())
    assert opened[-1] <= opened[1], f"open files grow with each start: {opened}"
    assert virtual_camera.MemoryAllocator.out == 0


def test_close_without_a_frame_taken_frees_the_camera() -> None:
    open_camera("picamera:0").close()
    with closing(open_camera("picamera:0")) as source:
        assert next(_frames(source, 1)).index >= 0


def test_camera_in_use_gives_a_one_line_error() -> None:
    with closing(open_camera("picamera:0")), pytest.raises(CameraError, match="in use") as caught:
        open_camera("picamera:0")
    assert "\n" not in str(caught.value)


def test_missing_camera_error_lists_available_ones() -> None:
    with pytest.raises(CameraError, match=r"picamera:0 \(Virtual picture\)") as caught:
        open_camera("picamera:7")
    assert "\n" not in str(caught.value)


def test_rotation_is_applied() -> None:
    with closing(open_camera("picamera:0", wanted=CaptureRequest(rotate=180))) as source:
        frame = next(_frames(source, 1))
    turned = Frame(frame.pixels[::-1, ::-1], frame.order)
    _assert_colours(turned)


def test_lost_camera_is_reported_and_reopened(ribbon: Ribbon) -> None:
    kinds: list[str] = []
    indices: list[int] = []
    with closing(open_camera("picamera:0")) as source:
        for item in source:
            if isinstance(item, SourceEvent):
                kinds.append(item.kind)
                assert "\n" not in item.detail
                if item.kind == "camera_lost":
                    ribbon.plug()
            else:
                assert isinstance(item, Frame)
                indices.append(item.index)
                if len(indices) == 20:
                    ribbon.pull()
                if "camera_back" in kinds:
                    _assert_colours(item)
                    if len(indices) >= 40:
                        break
    assert kinds == ["camera_lost", "camera_back"]
    assert indices == sorted(set(indices)), "frame numbers must continue where they stopped"


def test_missing_camera_error_says_what_to_check(ribbon: Ribbon) -> None:
    ribbon.pull()
    with pytest.raises(CameraError, match="cable"):
        open_camera("picamera:0")
