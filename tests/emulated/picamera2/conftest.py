"""Draws the images of the virtual camera and connects the real picamera2 to it before anything looks for a camera."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

PICTURES = Path("/tmp/pictures")  # as in virtual.yaml, in a root file system of its own
QUARTERS = {(0, 0): (255, 0, 0), (0, 1): (0, 255, 0), (1, 0): (0, 0, 255), (1, 1): (255, 255, 0)}
"""(row, column) of an image quarter -> its RGB color."""
HEIGHT, WIDTH = 480, 640


def _draw() -> None:
    PICTURES.mkdir(exist_ok=True)
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for (row, column), colour in QUARTERS.items():
        picture[row * 240 : row * 240 + 240, column * 320 : column * 320 + 320] = colour[::-1]
    for step in range(4):  # a moving mark, so that consecutive frames differ
        moved = picture.copy()
        moved[230:250, 100 * step : 100 * step + 60] = 128
        good, coded = cv2.imencode(".jpg", moved, [cv2.IMWRITE_JPEG_QUALITY, 95])
        assert good
        (PICTURES / f"{step}.jpg").write_bytes(coded.tobytes())


_draw()

import virtual_camera  # libcamera reads the images when it starts


class Ribbon:
    """The cable between camera and board."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._pulled = False
        manager = virtual_camera.picamera2.picamera2.CameraManager
        camera = virtual_camera.picamera2.picamera2.Picamera2
        deliver, known = manager.handle_request, camera.global_camera_info

        def delivers(found: Any, flushid: Any = None) -> None:
            if self._pulled:
                found.cms.get_ready_requests()  # lost in transit, and never returned to the camera
            else:
                deliver(found, flushid)

        patch.setattr(manager, "handle_request", delivers)
        patch.setattr(camera, "global_camera_info", staticmethod(lambda: [] if self._pulled else known()))

    def pull(self) -> None:
        """Stop the frames and hide the camera."""
        self._pulled = True

    def plug(self) -> None:
        """Let cameras opened from now on deliver frames."""
        self._pulled = False


@pytest.fixture
def ribbon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ribbon]:
    """An intact cable."""
    ribbon = Ribbon(monkeypatch)
    yield ribbon
    ribbon.plug()
