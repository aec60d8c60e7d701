"""CSI cameras through a fake picamera2: what is requested, what is read back, and how it is used."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from edgevision.device.cameras import registry
from edgevision.device.cameras.backends import libcamera, rpicam, v4l2_lookup
from edgevision.device.cameras.backends.picamera import open_picamera
from edgevision.device.cameras.backends.v4l2_nodes import Node
from edgevision.device.cameras.listing import look, summary
from edgevision.device.cameras.registry import open_camera
from edgevision.device.stream.request import ANY, CaptureRequest
from edgevision.device.system.clock import SYSTEM
from fake_picamera2 import COLOR_RGB, Machine, camera
from locations import TESTS

from edgevision.errors import CameraError, CameraLost, MissingDependency
from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import Frame

Plug = Callable[[Machine], Machine]


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch) -> Plug:
    """Return a function that makes ``import picamera2`` provide a machine's cameras."""

    def plug(machine: Machine) -> Machine:
        monkeypatch.setitem(sys.modules, "picamera2", machine.module())
        return machine

    return plug


def first(wanted: CaptureRequest = ANY, spec: str = "picamera:0") -> tuple[Frame, str]:
    source = open_picamera(spec, SYSTEM, wanted)
    try:
        frame = next(iter(source))
        assert isinstance(frame, Frame)
        return frame, str(getattr(source, "description", ""))
    finally:
        source.close()


def as_rgb(frame: Frame) -> np.ndarray:
    return frame.pixels if frame.order == "RGB" else frame.pixels[..., ::-1]


@pytest.mark.parametrize("padding", [0, 64])
@pytest.mark.parametrize("name", ["RGB888", "BGR888", "XBGR8888", "XRGB8888", "NV12", "YUV420"])
def test_colors_are_right_in_every_format_picamera2_may_grant(plug: Plug, name: str, padding: int) -> None:
    plug(Machine(format=name, padding=padding))
    frame, description = first(CaptureRequest(width=64, height=48))
    assert (frame.width, frame.height) == (64, 48)
    assert np.abs(as_rgb(frame)[4:].astype(int) - COLOR_RGB).max() <= 3
    assert name in description


def test_whole_field_of_view_is_requested(plug: Plug) -> None:
    machine = plug(Machine())
    frame, _ = first()
    assert (frame.width, frame.height) == (1280, 962)
    assert machine.configured[-1]["sensor"] == {"output_size": (1640, 1232)}
    assert machine.configured[-1]["controls"] == {"FrameRate": 30.0}


def test_older_picamera2_without_sensor_modes_works(plug: Plug) -> None:
    machine = plug(Machine(refuses=("sensor",)))
    first(CaptureRequest(fps=10))
    assert "sensor" not in machine.configured[-1]
    assert machine.configured[-1]["controls"] == {"FrameRate": 10}


RULE = Preprocessing(96, 96)


def test_lores_stream_is_used_if_granted_as_requested(plug: Plug) -> None:
    plug(Machine())
    frame, description = first(CaptureRequest(width=640, height=480, preprocessing=RULE))
    assert (frame.width, frame.height, frame.reduced) == (160, 120, 4)
    assert "scaled by the image processor" in description


@pytest.mark.parametrize(
    "machine",
    [
        Machine(lores_format="YUV420"),
        Machine(lores_size=(160, 90)),
        Machine(lores_size=(320, 240)),
        Machine(refuses=("lores",)),
    ],
)
def test_main_stream_is_used_if_the_lores_one_differs(plug: Plug, machine: Machine) -> None:
    plug(machine)
    frame, _ = first(CaptureRequest(width=640, height=480, preprocessing=RULE))
    assert (frame.width, frame.height, frame.reduced) == (640, 480, 1)


@pytest.mark.parametrize(("age", "expected"), [(0.25, 0.25), (-5.0, 0.0), (3600.0, 0.0)])
def test_capture_time_is_the_sensor_timestamp_on_our_clock(plug: Plug, age: float, expected: float) -> None:
    plug(Machine(boottime_ahead_s=age))
    before = time.monotonic()
    frame, _ = first(CaptureRequest(width=64, height=48))
    assert frame.captured_at is not None
    assert before <= frame.captured_at + expected + 0.001
    assert frame.captured_at + expected <= time.monotonic() + 0.001


def test_every_request_is_released(plug: Plug) -> None:
    machine = plug(Machine(frames=5))
    source = open_picamera("picamera:0", SYSTEM, CaptureRequest(width=64, height=48))
    with pytest.raises(CameraLost, match="picamera:0 stopped sending frames: timed out"):
        list(source)
    source.close()
    assert (machine.captured, machine.released, machine.closed) == (5, 5, 1)


def test_request_with_unreadable_metadata_is_released(plug: Plug) -> None:
    machine = plug(Machine(broken_metadata=True))
    with pytest.raises(CameraError, match="sent an unreadable frame: no metadata"):
        open_picamera("picamera:0")
    assert (machine.captured, machine.released, machine.closed) == (1, 1, 1)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("Failed to acquire camera: Device or resource busy", r"picamera:0 \(imx219\) is in use by another program$"),
        ("no tuning file\nand more", r"cannot open picamera:0 \(imx219\): no tuning file$"),
    ],
)
def test_camera_that_cannot_be_opened_gives_the_cause(plug: Plug, fault: str, said: str) -> None:
    plug(Machine(fault=fault))
    with pytest.raises(CameraError, match=said):
        open_picamera("picamera:0")


def test_undetected_camera_gives_a_hint_about_its_cable(plug: Plug) -> None:
    plug(Machine(cameras=[]))
    with pytest.raises(CameraError, match="ribbon cable"):
        open_picamera("picamera:0")


def test_camera_opens_by_its_libcamera_id(plug: Plug) -> None:
    left, right = camera("imx219", "/base/i2c@1/imx219@10"), camera("imx708", "/base/i2c@2/imx708@1a")
    plug(Machine(cameras=[left, right]))
    source = open_picamera("picamera:/base/i2c@2/imx708@1a")
    assert source.spec == "picamera:1"
    assert "imx708" in str(getattr(source, "description", ""))
    source.close()
    with pytest.raises(CameraError, match=r"available cameras: picamera:0 \(imx219\), picamera:1 \(imx708\)"):
        open_picamera("picamera:7")


def test_lost_camera_reconnects(plug: Plug) -> None:
    machine = plug(Machine(frames=4))
    source = open_camera("picamera:0", wanted=CaptureRequest(width=64, height=48, freeze_timeout_s=0))
    kinds = []
    for item in source:
        kinds.append(getattr(item, "kind", "frame"))
        if kinds[-1] == "camera_lost":
            machine.frames = None
        if kinds[-1] == "camera_back":
            break
    source.close()
    assert kinds[-2:] == ["camera_lost", "camera_back"]


def test_picamera2_that_fails_to_import_gives_a_one_line_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "picamera2":
                raise ValueError("numpy.dtype size changed, may indicate binary incompatibility\nand more")

    monkeypatch.delitem(sys.modules, "picamera2", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(MissingDependency, match=r"numpy\.dtype size changed") as caught:
        open_picamera("picamera:0")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(importlib.util.find_spec("picamera2") is not None, reason="this machine has picamera2")
def test_missing_picamera2_gives_the_install_command() -> None:
    with pytest.raises(MissingDependency, match="apt install python3-picamera2"):
        open_camera("picamera:0")


# --- camera numbers


RAW_NODE = Node(Path("/dev/video0"), "unicam", "platform", "raw data of a CSI camera, not images", "unicam")


def test_libcamera_cameras_are_numbered_first(plug: Plug, monkeypatch: pytest.MonkeyPatch) -> None:
    usb = camera("C920", "/base/soc/usb@7e980000-1.2:1.0-046d:0825")
    plug(Machine(cameras=[camera("imx219", "/base/i2c/imx219@10"), usb]))
    asked = []
    monkeypatch.setattr(v4l2_lookup, "open_numbered", lambda number, *_: asked.append(number))
    source = registry.open_numbered(0)
    assert source.spec == "picamera:0"
    source.close()
    registry.open_numbered(1)  # the USB camera that libcamera also lists is V4L2's first
    assert asked == [0]


def test_camera_zero_on_a_pi_is_not_the_raw_node(plug: Plug, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v4l2_lookup, "nodes", lambda: [RAW_NODE])
    plug(Machine())
    source = open_camera("0", wanted=CaptureRequest(width=64, height=48))
    assert isinstance(next(iter(source)), Frame)
    assert source.spec == "picamera:0"
    source.close()


@pytest.mark.skipif(importlib.util.find_spec("picamera2") is not None, reason="this machine has picamera2")
def test_csi_camera_without_picamera2_gives_the_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpicam, "program", lambda: None)
    monkeypatch.setattr(v4l2_lookup, "nodes", lambda: [RAW_NODE])
    monkeypatch.setattr(libcamera, "nodes", lambda: [RAW_NODE])
    with pytest.raises(CameraError, match=r"camera 0 not found.*unicam: raw data of a CSI camera.*python3-picamera2"):
        open_camera("0")


# --- rpicam-vid


LISTING = """Available cameras
-----------------
0 : imx219 [3280x2464 10-bit RGGB] (/base/soc/i2c0mux/i2c@1/imx219@10)
    Modes: 'SRGGB10_CSI2P' : 640x480 [206.65 fps - (1000, 752)/1280x960 crop]
                             1640x1232 [41.85 fps - (0, 0)/3280x2464 crop]
           'SRGGB8' : 640x480 [206.65 fps - (1000, 752)/1280x960 crop]

1 : imx708_wide [4608x2592 10-bit RGGB] (/base/soc/i2c0mux/i2c@0/imx708@1a)
    Modes: 'SRGGB10_CSI2P' : 1536x864 [120.13 fps - (768, 432)/3072x1728 crop]

2 : C920 [640x480] (/base/soc/usb@7e980000-1.2:1.0-046d:0825)
"""

FAKE = """#!{python}
import sys, time
import numpy as np
sys.path.insert(0, {here!r})
from fake_picamera2 import draw
if "--list-cameras" in sys.argv:
    print({listing!r})
    sys.exit()
with open({log!r}, "a") as log:
    print(*sys.argv[1:], file=log)
value = lambda name: int(sys.argv[sys.argv.index(name) + 1])
width, height = value("--width"), value("--height")
for index in range({frames}):
    sys.stdout.buffer.write(draw("YUV420", width, height, width, index).tobytes())
    sys.stdout.buffer.flush()
if {fault!r}:
    print({fault!r}, file=sys.stderr)
    sys.exit(255)
time.sleep(60)
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a function that puts an executable rpicam-vid on PATH and returns the log of its arguments."""
    monkeypatch.setattr(rpicam, "LIST_S", 120.0)  # it imports NumPy, which takes long on a busy machine
    monkeypatch.setattr(rpicam, "FIRST_FRAME_S", 120.0)

    def child(frames: int = 1000, fault: str = "", name: str = "rpicam-vid") -> Path:
        folder, log = tmp_path / "bin", tmp_path / "log"
        folder.mkdir(exist_ok=True)
        here = str(TESTS / "helpers")
        text = FAKE.format(python=sys.executable, here=here, listing=LISTING, log=str(log), frames=frames, fault=fault)
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        return log

    return child


def test_camera_list_of_rpicam_is_parsed() -> None:
    first, second = rpicam.parse_list(LISTING)
    assert (first.number, first.name, first.spec, first.size) == (0, "imx219", "rpicam:0", (3280, 2464))
    assert first.identity == "/base/soc/i2c0mux/i2c@1/imx219@10"
    assert first.modes[:2] == ("640x480 at 206.65 frames/s", "1640x1232 at 41.85 frames/s")
    assert (second.number, second.name, second.modes) == (1, "imx708_wide", ("1536x864 at 120.13 frames/s",))
    assert rpicam.parse_list("No cameras available!\n") == ()


@pytest.mark.parametrize(
    ("wanted", "size", "asked"),
    [
        (ANY, (896, 672), "--width 896 --height 672 --framerate 30"),
        (CaptureRequest(width=640, height=480, fps=12.5), (640, 480), "--width 640 --height 480 --framerate 12.5"),
        (CaptureRequest(width=600, height=401), (600, 401), "--width 640 --height 402 --framerate 30"),
    ],
)
def test_rpicam_delivers_frames_of_the_requested_size(
    child: Callable[..., Path], wanted: CaptureRequest, size: tuple[int, int], asked: str
) -> None:
    log = child(name="rpicam-vid")
    source = rpicam.open_rpicam("rpicam:0", SYSTEM, wanted)
    frame = next(iter(source))
    source.close()
    assert isinstance(frame, Frame)
    assert (frame.width, frame.height, frame.order) == (*size, "BGR")
    assert np.abs(as_rgb(frame)[4:].astype(int) - COLOR_RGB).max() <= 3
    assert frame.captured_at is not None
    arguments = log.read_text()
    assert asked in arguments
    assert arguments.startswith("--camera 0 --timeout 0 --nopreview --codec yuv420")


def test_closing_the_camera_ends_the_child(child: Callable[..., Path]) -> None:
    child(frames=1)  # then it hangs
    with pytest.MonkeyPatch.context() as patch:
        started: list[subprocess.Popen[bytes]] = []
        real = subprocess.Popen

        def note(*args: object, **how: object) -> subprocess.Popen[bytes]:
            started.append(real(*args, **how))  # type: ignore[call-overload]
            return started[-1]

        patch.setattr(subprocess, "Popen", note)
        path, (camera, *_) = rpicam.program(), rpicam.cameras()
        assert path is not None
        reader = rpicam.RpicamReader(camera, path)
        reader.read()
        reader.interrupt()
        with pytest.raises(CameraLost):
            reader.read()
        reader.close()
    assert all(process.poll() is not None for process in started)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("ERROR: *** no cameras available ***", "rpicam-vid ended with status 255: no camera detected"),
        (
            "ERROR: *** failed to acquire camera /base: Device or resource busy ***",
            "the camera is in use by another program",
        ),
        ("INFO: nothing\nERROR: *** Camera frontend has timed out! ***\nINFO: bye", "Camera frontend has timed out"),
    ],
)
def test_child_output_becomes_a_one_line_error(child: Callable[..., Path], fault: str, said: str) -> None:
    child(frames=0, fault=fault)
    with pytest.raises(CameraLost, match=said) as caught:
        rpicam.open_rpicam("rpicam:0")
    assert "\n" not in str(caught.value)


def test_child_without_frames_is_ended(child: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    child(frames=0)  # and then it hangs
    monkeypatch.setattr(rpicam, "FIRST_FRAME_S", 0.5)
    with pytest.raises(CameraError, match=r"rpicam:0 sent no frame within 0\.5 s"):
        rpicam.open_rpicam("rpicam:0")


def test_older_program_name_works(child: Callable[..., Path]) -> None:
    child(name="libcamera-vid")
    assert str(rpicam.program()).endswith("libcamera-vid")
    with pytest.raises(CameraError, match=r"available cameras: rpicam:0 \(imx219\), rpicam:1 \(imx708_wide\)"):
        rpicam.open_rpicam("rpicam:9")


@pytest.mark.skipif(importlib.util.find_spec("picamera2") is not None, reason="this machine has picamera2")
def test_rpicam_is_camera_zero_without_picamera2(child: Callable[..., Path]) -> None:
    child()
    source = open_camera("0")
    assert isinstance(next(iter(source)), Frame)
    assert source.spec == "rpicam:0"
    source.close()


def test_listing_includes_sensor_modes_from_rpicam(plug: Plug, child: Callable[..., Path]) -> None:
    child()
    plug(Machine())
    (listed,) = look([]).cameras
    assert (listed.number, listed.spec, listed.through, listed.state) == (0, "picamera:0", "picamera2", "ready")
    assert summary(listed) == "any size; sensor 640x480 at 206.65 frames/s, 1640x1232 at 41.85 frames/s"


def test_missing_rpicam_gives_the_install_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CameraError, match="apt install rpicam-apps-lite"):
        open_camera("rpicam:0")
