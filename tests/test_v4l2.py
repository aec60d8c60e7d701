"""V4L2 cameras, with the kernel and OpenCV's capture played by the test: which node is a camera, and which is not."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from edgevision.device.cameras import v4l2, v4l2_opening
from edgevision.device.cameras.table import open_camera
from edgevision.device.cameras.v4l2_nodes import Node, nodes
from edgevision.device.clock import Clock

from edgevision.errors import CameraError, CameraLost

CAPTURE, META, OUTPUT, M2M, DEVICE_CAPS = 0x1, 0x0080_0000, 0x2, 0x8000, 0x8000_0000


class FakeCapture:
    """Stands in for cv2.VideoCapture."""

    def __init__(self, opened: bool = True, frames: int | None = None, hang: threading.Event | None = None) -> None:
        self.opened, self.frames, self.hang, self.released, self.stamp_ms = opened, frames, hang, False, 0.0
        self.values = {cv2.CAP_PROP_FRAME_WIDTH: 8.0, cv2.CAP_PROP_FRAME_HEIGHT: 4.0, cv2.CAP_PROP_FPS: 30.0}

    def isOpened(self) -> bool:
        return self.opened

    def get(self, key: int) -> float:
        return self.stamp_ms if key == cv2.CAP_PROP_POS_MSEC else self.values.get(key, 0.0)

    def set(self, key: int, value: float) -> bool:
        self.values[key] = float(value)
        return True

    def read(self) -> tuple[bool, np.ndarray | None]:
        if self.hang is not None:
            self.hang.wait()
        if self.frames is not None:
            if self.frames == 0:
                return False, None
            self.frames -= 1
        return True, np.zeros((4, 8, 3), np.uint8)

    def release(self) -> None:
        self.released = True


@pytest.fixture
def hang() -> Iterator[threading.Event]:
    """Reads wait for it; set at the end, so that no thread is left behind."""
    event = threading.Event()
    yield event
    event.set()


def capability(name: str, caps: int, whole: int | None = None) -> bytes:
    flags = (caps, 0) if whole is None else (whole | DEVICE_CAPS, caps)
    return struct.pack("16s32s32sIII12x", b"uvcvideo", name.encode(), b"usb-1.2", 0x60000, *flags)


def machine(tmp_path: Path, answers: dict[str, bytes | OSError]) -> tuple[Path, Callable[[Path], bytes]]:
    """A /sys/class/video4linux, and what the kernel says of each node."""
    for name in answers:
        (tmp_path / name).mkdir()
        (tmp_path / name / "name").write_text(f"{name} of sysfs\n")

    def query(path: Path) -> bytes:
        answer = answers[path.name]
        if isinstance(answer, OSError):
            raise answer
        return answer

    return tmp_path, query


def test_only_capture_nodes_are_candidates(tmp_path: Path) -> None:
    answers: dict[str, bytes | OSError] = {
        "video10": capability("bcm2835-codec", M2M | CAPTURE),
        "video2": capability("C920", CAPTURE),
        "video3": capability("C920", META, whole=CAPTURE | META),
        "video0": capability("HD cam", CAPTURE | META, whole=CAPTURE | META),
        "video4": capability("isp", OUTPUT),
        "video5": PermissionError(13, "Permission denied"),
        "video6": OSError(19, "No such device"),
    }
    sysfs, query = machine(tmp_path, answers)
    found = nodes(sysfs, Path("/dev"), query)
    assert [node.path.name for node in found] == ["video0", "video2", "video3", "video4", "video5", "video6", "video10"]
    refusals = {node.path.name: node.refusal for node in found}
    assert [name for name, refusal in refusals.items() if refusal is None] == ["video0", "video2"]
    assert "codec" in str(refusals["video10"])
    assert "usermod -aG video" in str(refusals["video5"])
    assert "no such device" in str(refusals["video6"])
    assert (found[1].name, found[1].bus, found[4].name) == ("C920", "usb-1.2", "video5 of sysfs")


def test_machine_without_video_devices(tmp_path: Path) -> None:
    assert nodes(tmp_path / "absent") == []
    with pytest.raises(CameraError, match="no usable camera 0; this machine has no video devices; --camera test:"):
        v4l2_opening.open_numbered(0, found=[])


def plug(captures: dict[str, FakeCapture]) -> tuple[list[Node], Callable[[str], FakeCapture]]:
    return [Node(Path(path), "cam " + path[-1], "usb", None) for path in captures], lambda path: captures[path]


def test_number_counts_only_nodes_that_deliver(monkeypatch: pytest.MonkeyPatch, hang: threading.Event) -> None:
    monkeypatch.setattr(v4l2_opening, "FIRST_FRAME_S", 0.5)
    captures = {
        "/dev/video0": FakeCapture(hang=hang),  # a Pi's raw sensor node
        "/dev/video1": FakeCapture(opened=False),
        "/dev/video2": FakeCapture(frames=0),
        "/dev/video3": FakeCapture(),
        "/dev/video4": FakeCapture(),
    }
    found, capture = plug(captures)
    camera = v4l2_opening.open_numbered(1, found=found, capture=capture)
    assert camera.spec == "/dev/video4"
    assert camera.description == "cam 4, 8x4 at 30 frames/s"
    frame = next(iter(camera))
    assert (frame.order, frame.width, frame.height) == ("BGR", 8, 4)
    camera.close()
    assert [captures[path].released for path in captures][1:] == [True] * 4
    with pytest.raises(CameraError) as caught:
        v4l2_opening.open_numbered(9, found=found, capture=capture)
    assert "no usable camera 9" in str(caught.value)
    assert "/dev/video0 (cam 0: opens but delivered no frame within 0.5 s)" in str(caught.value)
    assert "--camera test:" in str(caught.value)


def test_camera_unplugged_is_lost() -> None:
    found, capture = plug({"/dev/video0": FakeCapture(frames=3)})
    stream = iter(v4l2_opening.open_numbered(0, found=found, capture=capture))
    with pytest.raises(CameraLost, match="/dev/video0 delivers no more frames"):
        for _ in range(4):
            next(stream)


@pytest.mark.parametrize(
    ("stamp_ms", "expected"), [(99_990.0, 99.99), (0.0, 100.0), (100_500.0, 100.0), (5_000.0, 100.0)]
)
def test_capture_time_is_the_drivers_where_it_is_on_our_clock(stamp_ms: float, expected: float) -> None:
    capture = FakeCapture()
    capture.stamp_ms = stamp_ms
    reader = v4l2.V4L2Reader("/dev/video0", clock=Clock(monotonic=lambda: 100.0), capture=lambda _: capture)
    assert reader.read().captured_at == pytest.approx(expected)


def test_damaged_frames_are_passed_over() -> None:
    capture = FakeCapture()
    answers = iter([(False, None), cv2.error("broken JPEG"), (True, None), (True, np.zeros((4, 8), np.uint16))] * 2)

    def read() -> tuple[bool, np.ndarray | None]:
        answer = next(answers, (True, np.ones((4, 8, 3), np.uint8)))
        if isinstance(answer, cv2.error):
            raise answer
        return answer

    capture.read = read  # type: ignore[method-assign]
    reader = v4l2.V4L2Reader("/dev/video0", capture=lambda _: capture)
    frame = reader.read()
    assert (frame.index, reader.damaged) == (2, 2)
    assert frame.pixels.all()


def test_literal_node_that_is_absent() -> None:
    with pytest.raises(CameraError, match="no such camera: /dev/video987"):
        open_camera("/dev/video987")
