"""CSI cameras of a Raspberry Pi through picamera2, installed by apt.

libcamera may not grant what was requested, so format, size and row stride are read back. Its scaled second stream
(lores) is used only if it shows the whole field of the main stream in a format that needs no conversion.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.errors import BadInput, CameraError, CameraLost, MissingDependency, first_line
from edgevision.log import Log
from edgevision.types import Frame

from ...stream.protocols import Reader
from ...stream.request import ANY, CaptureRequest
from ...system.clock import SYSTEM, Clock
from ..wrappers.jpeg_scale import reduction
from ..wrappers.reader_thread import SENSOR_FROZEN_S, TIMEOUT_S, NewestFrame
from .csi_camera import NOT_DETECTED, PICAMERA_HINT, LibcameraCamera
from .pixel_formats import PACKED, Layout, layout, pixels

if TYPE_CHECKING:
    from ...stream.protocols import LiveSource

log = Log("edgevision.cameras")
FORMAT = "RGB888"
"""libcamera's name for B, G, R byte order in memory, which OpenCV uses directly."""
WIDTH = 1280
"""Default width in pixels; the height follows the sensor's aspect ratio to keep the whole field of view."""
SIZE = (1280, 720)
"""Default size in pixels if the sensor does not report its own."""
FPS = 30.0
FRAME_S = 10.0
"""Seconds without a frame after which a camera counts as lost, mostly through its cable."""
_MOST_AGE_S = 10.0


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream as it was actually configured."""

    name: str
    """main or lores."""
    layout: Layout
    reduced: int = 1


class PicameraReader(Reader):
    """Reads one camera in its native channel order."""

    def __init__(self, camera: LibcameraCamera, wanted: CaptureRequest = ANY, clock: Clock = SYSTEM) -> None:
        """Start the camera. Raises CameraError if it is in use or cannot be configured."""
        self.spec = camera.spec
        self._clock = clock
        self._index = 0
        self._camera = _acquire(camera)
        try:
            self._stream = _configure(self._camera, wanted, _size(self._camera, wanted))
            self._camera.start()
            frame = self.read()  # proves that it works; stale by the time the loop starts
        except (BadInput, CameraError):
            self.close()
            raise
        except Exception as error:
            self.close()
            raise CameraError(f"{self.spec} ({camera.name}) cannot start: {first_line(error)}") from None
        self._index = 0
        where = self._stream.layout
        text = f"{camera.name}, {where.width}x{where.height} {where.name} through picamera2"
        self.description = text + (" (scaled by the image processor)" if frame.reduced > 1 else "")

    def read(self) -> Frame:
        """Return the next frame. Raises CameraLost."""
        try:
            request = self._camera.capture_request(wait=FRAME_S)
        except Exception as error:
            raise CameraLost(f"{self.spec} stopped sending frames: {first_line(error)}") from None
        if request is None:
            raise CameraLost(f"{self.spec} stopped sending frames")
        try:
            data = request.make_buffer(self._stream.name)  # a copy: the buffer returns to the camera
            stamp = request.get_metadata().get("SensorTimestamp")
        except Exception as error:
            raise CameraLost(f"{self.spec} sent an unreadable frame: {first_line(error)}") from None
        finally:
            request.release()
        picture, order = pixels(np.asarray(data, np.uint8).reshape(-1), self._stream.layout)
        frame = Frame(picture, order, self._index, self._captured_at(stamp), self.spec, None, self._stream.reduced)
        self._index += 1
        return frame

    def interrupt(self) -> None:
        """End a read that waits for a frame."""
        with suppress(Exception):
            self._camera.cancel_all_and_flush()

    def close(self) -> None:
        """Free the camera, whatever state it is in."""
        self.interrupt()
        for step in (self._camera.stop, self._camera.close):
            with suppress(Exception):
                step()

    def _captured_at(self, stamp: object) -> float:
        """Return the capture time. libcamera counts nanoseconds since boot including suspend; our clock excludes it."""
        now = self._clock.monotonic()
        if not isinstance(stamp, int) or stamp <= 0:
            return now
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - stamp / 1e9
        return now - age if 0.0 <= age <= _MOST_AGE_S else now


def cameras() -> tuple[LibcameraCamera, ...]:
    """List the cameras in picamera2's order, without USB cameras. Raises MissingDependency, CameraError."""
    picamera2 = _import()
    try:
        known = picamera2.Picamera2.global_camera_info()
    except Exception as error:
        raise CameraError(f"picamera2 cannot list cameras: {first_line(error)}") from None
    return tuple(
        LibcameraCamera(number, str(info.get("Model", "camera")), str(info["Id"]), "picamera")
        for number, info in enumerate(known)
        if "usb" not in str(info["Id"]).lower()
    )


def open_picamera(spec: str, clock: Clock = SYSTEM, wanted: CaptureRequest = ANY) -> LiveSource:
    """Open ``picamera:N`` or ``picamera:ID`` with a libcamera ID. Raises CameraError, MissingDependency."""
    name = spec.partition(":")[2]
    known = cameras()
    matches = [camera for camera in known if name in (str(camera.number), camera.identity)]
    if not matches:
        there = ", ".join(f"{camera.spec} ({camera.name})" for camera in known)
        raise CameraError(f"camera {spec!r} not found: " + (f"available cameras: {there}" if there else NOT_DETECTED))
    reader = PicameraReader(matches[0], wanted, clock)
    # A real camera has a device tree path as its ID; libcamera's virtual camera draws its images, without noise.
    freeze_timeout_s = wanted.freeze_timeout_or(SENSOR_FROZEN_S if "/" in matches[0].identity else 0.0)
    return NewestFrame(
        reader, TIMEOUT_S + 1, freeze_timeout_s, may_repeat=False, identity=f"picamera:{matches[0].identity}"
    )


def _acquire(camera: LibcameraCamera) -> Any:
    """Open the camera and verify that it is the intended one. Raises CameraError."""
    picamera2 = _import()
    try:
        opened = picamera2.Picamera2(camera.number)
    except Exception as error:
        cause = first_line(error.__cause__ or error)  # the outer error carries no detail
        if "busy" in cause.lower() or "acquire" in cause.lower():
            raise CameraError(f"{camera.spec} ({camera.name}) is in use by another program") from None
        raise CameraError(f"cannot open {camera.spec} ({camera.name}): {cause}") from None
    identity = getattr(getattr(opened, "camera", None), "id", camera.identity)
    if identity != camera.identity:
        with suppress(Exception):
            opened.close()
        raise CameraError(
            f"expected {camera.identity} as {camera.spec}, got {identity}: do not plug or unplug cameras while one is being opened"
        )
    return opened


def _configure(opened: Any, wanted: CaptureRequest, size: tuple[int, int]) -> Stream:
    """Try configurations from best to simplest; return the stream to read. Raises BadInput for an unknown format."""
    factor = reduction(*size, wanted)
    main = {"size": size, "format": FORMAT}
    scaled = {"size": (size[0] // factor, size[1] // factor), "format": FORMAT}
    sensor = getattr(opened, "sensor_resolution", None)
    half = {"output_size": (sensor[0] // 2, sensor[1] // 2)} if sensor and sensor[0] // 2 >= size[0] else None
    whole = {"sensor": half} if half else {}  # every second pixel of the whole sensor instead of a crop
    controls = {"FrameRate": wanted.fps or FPS}
    tries: list[dict[str, Any]] = [{"main": main, **whole}, {"main": main}]
    if factor > 1:
        tries = [{"main": main, "lores": scaled, **whole}, {"main": main, "lores": scaled}, *tries]
    fault: Exception | None = None
    for streams in tries:
        try:
            opened.configure(opened.create_video_configuration(controls=controls, **streams))
        except Exception as error:  # unsupported by this image processor or by this picamera2
            fault = error
            log.debug("configuration rejected (%s): %s", first_line(error), streams)
            continue
        with suppress(Exception):
            opened.set_controls(controls)
        found = opened.camera_configuration()
        if "lores" not in streams:
            return Stream("main", _layout(found["main"]))
        if (lores := _scaled_whole(found, scaled["size"])) is not None:
            return Stream("lores", lores, factor)
    assert fault is not None  # the last try has no lores stream: it returned or failed
    raise CameraError(f"the camera rejected every configuration: {first_line(fault)}")


def _scaled_whole(found: dict[str, Any], size: object) -> Layout | None:
    """Return the layout of the lores stream if it has packed pixels and the main stream's shape, else None."""
    lores, main = found.get("lores"), found["main"]
    if not lores or lores["format"] not in PACKED or tuple(lores["size"]) != size:
        return None
    (width, height), (whole_width, whole_height) = lores["size"], main["size"]
    same_shape = abs(width * whole_height - height * whole_width) <= max(whole_width, whole_height)
    return _layout(lores) if same_shape else None


def _layout(stream: dict[str, Any]) -> Layout:
    width, height = stream["size"]
    return layout(str(stream["format"]), int(width), int(height), int(stream["stride"]))


def _size(opened: Any, wanted: CaptureRequest) -> tuple[int, int]:
    if wanted.size is not None:
        return wanted.size
    sensor = getattr(opened, "sensor_resolution", None)
    if not sensor or sensor[0] <= WIDTH:
        return tuple(sensor) if sensor and min(sensor) > 0 else SIZE
    return WIDTH, round(WIDTH * sensor[1] / sensor[0] / 2) * 2


def _import() -> Any:
    os.environ.setdefault("LIBCAMERA_LOG_LEVELS", "*:FATAL")  # errors are reported here, in one line
    logging.getLogger("picamera2").setLevel(logging.CRITICAL)
    try:
        import picamera2
    except ModuleNotFoundError as error:
        if error.name == "picamera2":
            raise MissingDependency(f"picamera2 is not installed; {PICAMERA_HINT}") from None
        raise MissingDependency(
            f"picamera2 needs {error.name}, which is missing: run sudo apt install --reinstall python3-picamera2"
        ) from None
    except Exception as error:  # such as an incompatible numpy or libcamera
        raise MissingDependency(
            f"picamera2 cannot be loaded ({first_line(error)}): it was built for apt's numpy; in the virtual environment of "
            "edgevision run pip uninstall numpy, or use rpicam-vid (sudo apt install rpicam-apps-lite)"
        ) from None
    return picamera2
