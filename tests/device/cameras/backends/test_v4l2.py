"""V4L2 cameras with a fake kernel and a fake OpenCV capture: which nodes are cameras, formats, numbers."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from documents import parse
from edgevision.device.cameras.backends import v4l2, v4l2_lookup
from edgevision.device.cameras.backends.v4l2_formats import choose, formats
from edgevision.device.cameras.backends.v4l2_nodes import Node, nodes
from edgevision.device.cameras.listing import Listed, look, summary
from edgevision.device.cameras.registry import open_camera
from edgevision.device.cameras.wrappers.jpeg_scale import reduction
from edgevision.device.cameras.wrappers.orientation import turned_size
from edgevision.device.stream.request import CaptureRequest
from edgevision.device.system.clock import Clock
from fake_picamera2 import COLOR_RGB, draw
from hypothesis import given
from hypothesis import strategies as st

from edgevision.errors import BadInput, CameraError, CameraLost
from edgevision.preprocessing import decode
from edgevision.preprocessing.geometry import plan
from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import Frame

CAPTURE, META, OUTPUT, M2M, DEVICE_CAPS = 0x1, 0x0080_0000, 0x2, 0x8000, 0x8000_0000


class FakeCapture:
    """Fake cv2.VideoCapture."""

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
    """An event that reads wait for, set at the end so that no thread remains."""
    event = threading.Event()
    yield event
    event.set()


def capability(name: str, caps: int, whole: int | None = None) -> bytes:
    flags = (caps, 0) if whole is None else (whole | DEVICE_CAPS, caps)
    return struct.pack("16s32s32sIII12x", b"uvcvideo", name.encode(), b"usb-1.2", 0x60000, *flags)


def machine(tmp_path: Path, answers: dict[str, bytes | OSError]) -> tuple[Path, Callable[[Path], bytes]]:
    """Return a /sys/class/video4linux folder and a query function that answers for each node."""
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


def test_machine_without_video_devices_gives_an_error(tmp_path: Path) -> None:
    assert nodes(tmp_path / "absent") == []
    with pytest.raises(
        CameraError,
        match="camera 0 not found: this machine has no video devices; to try without a camera, use --camera test:",
    ):
        v4l2_lookup.open_numbered(0, found=[])


def plug(captures: dict[str, FakeCapture]) -> tuple[list[Node], Callable[[str], FakeCapture]]:
    return [Node(Path(path), "cam " + path[-1], "usb", None) for path in captures], lambda path: captures[path]


def test_camera_that_sends_nothing_is_not_called_in_use(monkeypatch: pytest.MonkeyPatch, hang: threading.Event) -> None:
    monkeypatch.setattr(v4l2_lookup, "FIRST_FRAME_S", 0.2)
    found, capture = plug({"/dev/video0": FakeCapture(hang=hang)})
    # The thread that still waits for a frame holds the device, so the kernel says that it is busy.
    with pytest.raises(CameraError, match=r"cam 0: opens but sent no frame within 0.2 s"):
        v4l2_lookup.open_numbered(0, found=found, capture=capture, busy=lambda path: True)


def test_numbers_count_only_nodes_that_deliver_frames(monkeypatch: pytest.MonkeyPatch, hang: threading.Event) -> None:
    monkeypatch.setattr(v4l2_lookup, "FIRST_FRAME_S", 0.5)
    captures = {
        "/dev/video0": FakeCapture(hang=hang),  # like the raw sensor node of a Pi
        "/dev/video1": FakeCapture(opened=False),
        "/dev/video2": FakeCapture(frames=0),
        "/dev/video3": FakeCapture(),
        "/dev/video4": FakeCapture(),
    }
    found, capture = plug(captures)
    camera = v4l2_lookup.open_numbered(1, found=found, capture=capture)
    assert camera.spec == "/dev/video4"
    assert camera.description == "cam 4, 8x4 at 30 frames/s"
    frame = next(iter(camera))
    assert (frame.order, frame.width, frame.height) == ("BGR", 8, 4)
    camera.close()
    assert [captures[path].released for path in captures][1:] == [True] * 4
    with pytest.raises(CameraError) as caught:
        v4l2_lookup.open_numbered(9, found=found, capture=capture)
    assert "camera 9 not found" in str(caught.value)
    assert "/dev/video0 (cam 0: opens but sent no frame within 0.5 s)" in str(caught.value)
    assert "--camera test:" in str(caught.value)


def test_unplugged_camera_is_lost() -> None:
    found, capture = plug({"/dev/video0": FakeCapture(frames=3)})
    stream = iter(v4l2_lookup.open_numbered(0, found=found, capture=capture))
    with pytest.raises(CameraLost, match="/dev/video0 stopped sending frames"):
        for _ in range(4):
            next(stream)


@pytest.mark.parametrize(
    ("stamp_ms", "expected"), [(99_990.0, 99.99), (0.0, 100.0), (100_500.0, 100.0), (5_000.0, 100.0)]
)
def test_capture_time_is_the_driver_timestamp_if_on_our_clock(stamp_ms: float, expected: float) -> None:
    capture = FakeCapture()
    capture.stamp_ms = stamp_ms
    reader = v4l2.V4L2Reader("/dev/video0", clock=Clock(monotonic=lambda: 100.0), capture=lambda _: capture)
    assert reader.read().captured_at == pytest.approx(expected)


def test_damaged_frames_are_skipped() -> None:
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


# --- formats


class Driver:
    """Answers format queries like the driver of a webcam."""

    def __init__(self, formats: dict[str, dict[tuple[int, int], list[float]]], stepwise: bool = False) -> None:
        self.formats, self.stepwise = formats, stepwise

    def __call__(self, request: int, data: bytearray) -> None:
        index = struct.unpack_from("I", data)[0]
        names = list(self.formats)
        if request == 0xC0405602:
            struct.pack_into("I", data, 44, self._code(self._at(names, index)))
            return
        code = struct.unpack_from("I", data, 4)[0]
        sizes = self.formats[next(name for name in names if self._code(name) == code)]
        if request == 0xC02C564A:
            width, height = self._at(list(sizes), index)
            if self.stepwise:
                struct.pack_into("7I", data, 8, 3, 16, width, 2, 16, height, 2)
            else:
                struct.pack_into("3I", data, 8, 1, width, height)
            return
        assert request == 0xC034564B
        size = struct.unpack_from("2I", data, 8)
        rate = self._at(sizes[size], index)
        struct.pack_into("3I", data, 16, 1, 1000, int(rate * 1000))

    @staticmethod
    def _at(values: list, index: int):  # type: ignore[no-untyped-def,type-arg]
        if index >= len(values):
            raise OSError(22, "Invalid argument")
        return values[index]

    @staticmethod
    def _code(name: str) -> int:
        return int.from_bytes(name.encode(), "little")


WEBCAM = Driver({
    "YUYV": {(640, 480): [30, 15], (1280, 720): [10, 5]},
    "MJPG": {(640, 480): [30, 15], (1280, 720): [30], (1920, 1080): [30]},
    "H264": {(1920, 1080): [60]},
})  # fmt: skip


def test_formats_are_read_from_the_driver() -> None:
    found = formats(Path("/dev/video0"), WEBCAM)
    assert [(one.fourcc, one.width, one.height, one.rates_fps) for one in found][:3] == [
        ("YUYV", 640, 480, (30.0, 15.0)), ("YUYV", 1280, 720, (10.0, 5.0)), ("MJPG", 640, 480, (30.0, 15.0)),
    ]  # fmt: skip
    (any_size,) = formats(Path("/dev/video0"), Driver({"YUYV": {(1920, 1080): [60]}}, stepwise=True))
    assert any_size.any_size
    assert any_size.has((320, 240))
    assert not any_size.has((3840, 2160))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (CaptureRequest(), ("MJPG", 640, 480, 30)),
        (CaptureRequest(width=1280, height=720), ("MJPG", 1280, 720, 30)),
        (CaptureRequest(width=1280, height=720, fps=10), ("MJPG", 1280, 720, 30)),
        (CaptureRequest(width=1300, height=700), ("MJPG", 1280, 720, 30)),
        (CaptureRequest(width=640, height=480, fps=12), ("MJPG", 640, 480, 15)),
        (CaptureRequest(width=4000, height=3000, fps=60), ("MJPG", 1920, 1080, 30)),
    ],
)
def test_best_format_is_chosen(wanted: CaptureRequest, expected: tuple[str, int, int, float]) -> None:
    best = choose(formats(Path("/dev/video0"), WEBCAM), wanted)
    assert best is not None
    assert (best.fourcc, best.width, best.height, best.rates_fps[0]) == expected


def test_raw_format_is_chosen_if_mjpeg_is_too_slow() -> None:
    driver = Driver({"MJPG": {(640, 480): [5]}, "YUYV": {(640, 480): [30]}})
    best = choose(formats(Path("/dev/video0"), driver), CaptureRequest())
    assert best is not None
    assert best.fourcc == "YUYV"


def test_no_format_is_chosen_if_none_can_be_decoded() -> None:
    assert choose(formats(Path("/dev/video0"), Driver({"pRAA": {(640, 480): [30]}})), CaptureRequest()) is None
    assert choose((), CaptureRequest()) is None


def test_granted_format_is_read_back_from_the_camera() -> None:
    class Stubborn(FakeCapture):
        def set(self, key: int, value: float) -> bool:
            return super().set(key, 480.0 if key == cv2.CAP_PROP_FRAME_HEIGHT else value)

    capture = Stubborn()
    offered = formats(Path("/dev/video0"), WEBCAM)
    wanted = CaptureRequest(width=1280, height=720, fps=25)
    reader = v4l2.V4L2Reader("/dev/video0", "cam", capture=lambda _: capture, wanted=wanted, offered=offered)
    assert reader.description == "cam, 1280x480 MJPG (1280x720 is not available) at 30 frames/s"
    assert capture.values[cv2.CAP_PROP_CONVERT_RGB] == 0


# --- undecoded JPEGs


def compressed(size: tuple[int, int] = (640, 480)) -> bytes:
    noise = np.random.default_rng(4).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return decode.encode_jpeg(Frame(cv2.GaussianBlur(noise, (9, 9), 0), "BGR"))


def webcam(buffers: list[bytes], size: tuple[int, int] = (640, 480)) -> FakeCapture:
    """Return a camera that delivers these buffers, then ends."""
    capture = FakeCapture()
    capture.values |= {
        cv2.CAP_PROP_FRAME_WIDTH: float(size[0]),
        cv2.CAP_PROP_FRAME_HEIGHT: float(size[1]),
        cv2.CAP_PROP_FOURCC: float(int.from_bytes(b"MJPG", "little")),
    }
    rest = iter(buffers)

    def read() -> tuple[bool, np.ndarray | None]:
        data = next(rest, None)
        return data is not None, None if data is None else np.frombuffer(data, np.uint8).reshape(1, -1)

    capture.read = read  # type: ignore[method-assign]
    return capture


def test_jpeg_buffers_are_decoded_in_full_without_a_model() -> None:
    data = compressed()
    reader = v4l2.V4L2Reader("/dev/video0", capture=lambda _: webcam([data + bytes(100)]))
    frame = reader.read()
    assert np.array_equal(frame.pixels, decode.decode(data, "").pixels)
    assert (frame.order, frame.reduced, frame.source) == ("BGR", 1, "/dev/video0")


def test_jpeg_buffers_are_decoded_no_larger_than_the_model_needs() -> None:
    rule = Preprocessing(224, 224, resize="crop", crop_fraction=0.875)
    reader = v4l2.V4L2Reader(
        "/dev/video0",
        capture=lambda _: webcam([compressed((1280, 720))], (1280, 720)),
        wanted=CaptureRequest(preprocessing=rule),
    )
    frame = reader.read()
    assert (frame.width, frame.height, frame.reduced) == (640, 360, 2)
    assert "decoded at 1/2 of its size" in reader.description


def test_truncated_jpeg_is_skipped_not_shown_partly_gray() -> None:
    data = compressed()
    reader = v4l2.V4L2Reader("/dev/video0", capture=lambda _: webcam([data[:-2000], data[: len(data) // 2], data]))
    frame = reader.read()
    assert np.array_equal(frame.pixels, decode.decode(data, "").pixels)
    assert (reader.damaged, frame.index) == (2, 2)


@pytest.mark.parametrize("shape", [(-1,), (1, -1), (-1, 1), (1, -1, 1)])
def test_buffers_are_accepted_in_the_shape_of_any_opencv_version(shape: tuple[int, ...]) -> None:
    data, capture = compressed(), webcam([])
    capture.read = lambda: (True, np.frombuffer(data, np.uint8).reshape(shape))  # type: ignore[method-assign]
    frame = v4l2.V4L2Reader("/dev/video0", capture=lambda _: capture).read()
    assert np.array_equal(frame.pixels, decode.decode(data, "").pixels)


@pytest.mark.parametrize("stride", [64, 96])
def test_red_and_blue_of_nv12_are_right_in_any_opencv_version(stride: int) -> None:
    capture = webcam([draw("NV12", 64, 48, stride).tobytes()], (64, 48))
    capture.values[cv2.CAP_PROP_FOURCC] = float(int.from_bytes(b"NV12", "little"))
    frame = v4l2.V4L2Reader(
        "/dev/video0", capture=lambda _: capture, wanted=CaptureRequest(preprocessing=Preprocessing(8, 8))
    ).read()
    assert capture.values[cv2.CAP_PROP_CONVERT_RGB] == 0
    assert (frame.width, frame.height, frame.reduced) == (64, 48, 1)
    assert np.abs(frame.pixels[4:, :, ::-1].astype(int) - COLOR_RGB).max() <= 3


def test_frame_with_missing_bytes_is_skipped() -> None:
    whole = draw("NV12", 64, 48, 64).tobytes()
    capture = webcam([whole[:-500], whole], (64, 48))
    capture.values[cv2.CAP_PROP_FOURCC] = float(int.from_bytes(b"NV12", "little"))
    reader = v4l2.V4L2Reader("/dev/video0", capture=lambda _: capture)
    assert (reader.read().index, reader.damaged) == (1, 1)


def test_jpeg_without_huffman_tables_is_decoded() -> None:
    data, bare, at = compressed(), bytearray(b"\xff\xd8"), 2
    while data[at + 1] != 0xDA:
        length = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        bare += b"" if data[at + 1] == 0xC4 else data[at : at + length]
        at += length
    reader = v4l2.V4L2Reader("/dev/video0", capture=lambda _: webcam([bytes(bare) + data[at:]]))
    assert np.array_equal(reader.read().pixels, decode.decode(data, "").pixels)


@given(
    width=st.integers(16, 2000),
    height=st.integers(16, 2000),
    side=st.integers(8, 320),
    resize=st.sampled_from(["stretch", "crop", "letterbox"]),
    rotate=st.sampled_from([0, 90]),
)
def test_reduced_images_are_never_coarser_than_the_model_input(
    width: int, height: int, side: int, resize: str, rotate: int
) -> None:
    rule = Preprocessing(side, side, resize=resize)  # type: ignore[arg-type]
    wanted = CaptureRequest(preprocessing=rule, rotate=rotate, roi=(0.25, 0, 0.5, 1))  # type: ignore[arg-type]
    factor = reduction(width, height, wanted)
    if factor > 1:
        geometry = plan(*turned_size(-(-width // factor), -(-height // factor), wanted), rule)
        assert geometry.source[2] >= geometry.target[2]
        assert geometry.source[3] >= geometry.target[3]


# --- camera specs


def test_raw_and_isp_nodes_of_a_pi_are_not_cameras(tmp_path: Path) -> None:
    def node(driver: bytes, caps: int) -> bytes:
        return struct.pack("16s32s32sIII12x", driver, driver, b"platform", 0, caps | DEVICE_CAPS, caps)

    answers: dict[str, bytes | OSError] = {
        "video0": node(b"unicam", CAPTURE),
        "video1": node(b"rp1-cfe", CAPTURE),
        "video2": node(b"pispbe", CAPTURE),
        "video3": node(b"bcm2835-isp", CAPTURE),
        "video4": node(b"rpi-hevc-dec", 0x4000),
        "video5": node(b"some-csi", 0x1000),
        "video6": node(b"uvcvideo", CAPTURE),
    }
    sysfs, query = machine(tmp_path, answers)
    found = nodes(sysfs, Path("/dev"), query)
    assert [node.path.name for node in found if node.refusal is None] == ["video6"]


def test_camera_spec_is_its_permanent_link(tmp_path: Path) -> None:
    (tmp_path / "sys").mkdir()
    sysfs, query = machine(
        tmp_path / "sys", {"video0": capability("C920", CAPTURE), "video2": capability("B", CAPTURE)}
    )
    dev = tmp_path / "dev"
    for kind in ("by-id", "by-path"):
        (dev / "v4l" / kind).mkdir(parents=True)
    for name in ("video0", "video2"):
        (dev / name).touch()
        (dev / "v4l" / "by-path" / f"platform-{name}-index0").symlink_to(dev / name)
    (dev / "v4l" / "by-id" / "usb-046d_C920-video-index0").symlink_to(dev / "video0")
    first, second = nodes(sysfs, dev, query)
    assert first.spec == "usb:usb-046d_C920-video-index0"
    assert second.spec == str(dev / "v4l" / "by-path" / "platform-video2-index0")


def test_camera_in_use_keeps_its_number() -> None:
    captures = {"/dev/video0": FakeCapture(opened=False), "/dev/video1": FakeCapture()}
    found, capture = plug(captures)
    how = {"found": found, "capture": capture, "busy": lambda path: path.name == "video0"}
    with pytest.raises(CameraError, match=r"camera 0 \(/dev/video0, cam 0\) is in use by another program"):
        v4l2_lookup.open_numbered(0, **how)  # type: ignore[arg-type]
    camera = v4l2_lookup.open_numbered(1, **how)  # type: ignore[arg-type]
    assert camera.spec == "/dev/video1"
    camera.close()


def test_usb_camera_opens_by_part_of_its_name(tmp_path: Path) -> None:
    for name in ("usb-A_C920-video-index0", "usb-A_C920-video-index1", "usb-B_C270-video-index0"):
        (tmp_path / name).symlink_to("/dev/null")
    for spec, said in [
        (
            "usb:C9999",
            "no camera matches 'usb:C9999': available cameras: usb-A_C920-video-index0, usb-B_C270-video-index0",
        ),
        ("usb:usb-", "more than one camera matches 'usb:usb-'"),
        ("usb:", "no camera matches 'usb:'"),
    ]:
        with pytest.raises(CameraError, match=said):
            v4l2_lookup.open_usb(spec, folder=tmp_path)
    with pytest.raises(CameraError, match="C920-video-index0"):  # it matches, but /dev/null is not a camera
        v4l2_lookup.open_usb("usb:C920", folder=tmp_path)
    with pytest.raises(CameraError, match="no USB camera is plugged in"):
        v4l2_lookup.open_usb("usb:C920", folder=tmp_path / "absent")


@pytest.mark.parametrize("spec", ["v4l2:", "v4l2:front"])
def test_v4l2_specs_without_a_device_are_rejected(spec: str) -> None:
    with pytest.raises(BadInput, match="use v4l2:0"):
        open_camera(spec)


# --- edgevision cameras


def test_listing_numbers_match_the_camera_option(tmp_path: Path) -> None:
    captures = {f"/dev/video{n}": FakeCapture(opened=n != 1, frames=None if n else 0) for n in range(3)}
    found, capture = plug(captures)
    raw = Node(Path("/dev/video9"), "unicam", "platform", "raw data of a CSI camera, not images", "unicam")

    def tried(candidates: list[Node]) -> Iterator[tuple[Node, v4l2.V4L2Reader | None, str]]:
        return v4l2_lookup.try_nodes(candidates, capture=capture, busy=lambda path: path.name == "video1")

    listing = look([*found, raw], tried)
    assert [(one.number, one.spec, one.state) for one in listing.cameras] == [
        (0, "/dev/video1", "in use by another program"),
        (1, "/dev/video2", "ready"),
    ]
    assert [path for path, _, _ in listing.others] == ["/dev/video9", "/dev/video0"]
    assert all(capture.released for capture in captures.values())
    value = parse(json.dumps(listing.to_json()), "cameras")
    assert value["schema"] == "edgevision.cameras/1"
    assert value["cameras"][1]["number"] == 1


def test_camera_summary_is_one_line() -> None:
    camera = Listed(0, "usb:C920", "C920", "V4L2", "ready", formats(Path("/dev/video0"), WEBCAM))
    assert summary(camera) == "YUYV to 1280x720 at 10, MJPG to 1920x1080 at 30, H264 1920x1080 at 60"


def test_absent_device_path_is_an_error() -> None:
    with pytest.raises(CameraError, match="camera /dev/video987 not found"):
        open_camera("/dev/video987")
