"""USB and other V4L2 cameras through OpenCV. A node counts as a camera only once it has delivered a frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edgevision.data import Frame
from edgevision.errors import CameraError, CameraLost, EdgeVisionError

from ..clock import SYSTEM, Clock
from ..handoff import Handoff
from .newest import NewestFrame
from .v4l2_nodes import Node, nodes

if TYPE_CHECKING:
    from ..protocols import Source

FIRST_FRAME_S = 5.0
"""A node that opens and delivers nothing for so long is no camera: a Pi's raw sensor node behaves like that."""
BAD_READS = 10
"""So many in a row, and the camera is gone; USB cameras send a damaged frame now and then, mostly the first."""
TRY_TEST = "--camera test: is a moving test pattern that is always there"
Capture = Callable[[str], Any]
"""Opens a node: a path -> cv2.VideoCapture."""


class V4L2Reader:
    """Reads one node, BGR."""

    def __init__(self, path: str, name: str = "", clock: Clock = SYSTEM, capture: Capture | None = None) -> None:
        """Raises CameraError when the node cannot be opened."""
        self.spec = path
        self._clock = clock
        self._index = 0
        self._capture = (capture or _open)(path)
        if not self._capture.isOpened():
            self._capture.release()
            raise CameraError(f"cannot open {path}: it is no camera, or another program uses it")
        size = f"{self._get(cv2.CAP_PROP_FRAME_WIDTH):.0f}x{self._get(cv2.CAP_PROP_FRAME_HEIGHT):.0f}"
        fps = self._get(cv2.CAP_PROP_FPS)
        self.description = ", ".join(filter(None, [name, size + (f" at {fps:.4g} frames/s" if fps > 0 else "")]))

    def read(self) -> Frame:
        """The next frame; damaged ones are passed over. Raises CameraLost."""
        for _ in range(BAD_READS):
            pixels = self._decode()
            now = self._clock.monotonic()
            if _is_picture(pixels):
                frame = Frame(pixels, "BGR", self._index, self._stamp(now), self.spec)
                self._index += 1
                return frame
        raise CameraLost(f"{self.spec} delivers no more frames (unplugged?)")

    def close(self) -> None:
        """Frees the device."""
        self._capture.release()

    def _decode(self) -> Any:
        try:
            good, pixels = self._capture.read()
        except cv2.error:  # a JPEG that broke on the wire
            return None
        return pixels if good else None

    def _stamp(self, now: float) -> float:
        """The driver's time of capture where it is on our clock (V4L2 says CLOCK_MONOTONIC for most), otherwise now."""
        stamp = self._get(cv2.CAP_PROP_POS_MSEC) / 1e3
        return stamp if now - 1.0 < stamp <= now else now

    def _get(self, key: int) -> float:
        return float(self._capture.get(key))


def open_node(path: str, clock: Clock = SYSTEM) -> Source:
    """A literal ``/dev/videoN``. Raises CameraError."""
    if not Path(path).exists():
        raise CameraError(f"no such camera: {path}; {_listing(nodes(), {})}; {TRY_TEST}")
    known = {str(node.path): node for node in nodes()}
    node = known.get(str(Path(path).resolve()))
    if node is not None and node.refusal:
        raise CameraError(f"{path} ({node.name}) is no camera: {node.refusal}; {TRY_TEST}")
    return NewestFrame(_proven(path, node.name if node else "", clock))


def open_numbered(
    number: int, clock: Clock = SYSTEM, found: list[Node] | None = None, capture: Capture | None = None
) -> Source:
    """The N-th node, from 0, that delivers a frame. Raises CameraError, which lists what there is."""
    found = nodes() if found is None else found
    failures: dict[Path, str] = {}
    usable = 0
    for node in found:
        if node.refusal:
            continue
        try:
            reader = _proven(str(node.path), node.name, clock, capture)
        except EdgeVisionError as error:
            failures[node.path] = str(error).removeprefix(f"{node.path} ")
            continue
        if usable == number:
            return NewestFrame(reader)
        usable += 1
        reader.close()
    raise CameraError(f"no usable camera {number}; {_listing(found, failures)}; {TRY_TEST}")


def _proven(path: str, name: str, clock: Clock, capture: Capture | None = None) -> V4L2Reader:
    """A reader that has delivered a frame. Raises CameraError.

    Opening and the first read run on a thread: both may hang in the driver, and must not take the command along.
    """
    answer: Handoff[V4L2Reader] = Handoff(1, newest_wins=False)
    Thread(target=_prove, args=(answer, path, name, clock, capture), name=f"try {path}", daemon=True).start()
    try:
        reader = answer.get(FIRST_FRAME_S)
    except TimeoutError:
        answer.close()
        raise CameraError(f"{path} opens but delivered no frame within {FIRST_FRAME_S:g} s") from None
    assert reader is not None
    return reader


def _prove(answer: Handoff[V4L2Reader], path: str, name: str, clock: Clock, capture: Capture | None) -> None:
    try:
        reader = V4L2Reader(path, name, clock, capture)
    except Exception as error:
        answer.end(error)
        return
    try:
        reader.read()
    except Exception as error:
        reader.close()
        answer.end(error)
        return
    if not answer.put(reader):
        reader.close()  # too late: nobody waits any more


def _listing(found: list[Node], failures: dict[Path, str]) -> str:
    if not found:
        return "this machine has no video devices"
    states = (failures.get(node.path) or node.refusal or "a capture node" for node in found)
    return "there are " + ", ".join(
        f"{node.path} ({node.name}: {state})" for node, state in zip(found, states, strict=True)
    )


def _is_picture(pixels: Any) -> bool:
    return isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.shape[2:] == (3,) and pixels.size > 0


def _open(path: str) -> Any:
    return cv2.VideoCapture(path, cv2.CAP_V4L2)
