"""CSI cameras of a Raspberry Pi through picamera2, which comes from apt.

What the camera system was asked for and what it gives are two things: format, size and row padding are read back. Its scaled
second stream (lores) is used only where it shows the whole of the first one, in a format that needs no conversion.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.data import Frame
from edgevision.errors import BadInput, CameraError, CameraLost, MissingDependency, first_line

from ..clock import SYSTEM, Clock
from .libcamera import NOT_DETECTED, PICAMERA_HINT, LibcameraCamera
from .newest import SENSOR_FROZEN_S, TIMEOUT_S, NewestFrame
from .raw_pixels import PACKED, Layout, layout, pixels
from .reduction import reduction
from .wanted import ANY, Wanted

if TYPE_CHECKING:
    from ..protocols import Source

FORMAT = "RGB888"
"""libcamera's name for B, G, R in memory: what OpenCV takes as it is."""
WIDTH = 1280
"""Pixels, unless a size is wanted; the height follows the sensor's shape, so that its whole field of view is seen."""
SIZE = (1280, 720)
"""Where the sensor does not tell its size."""
FPS = 30.0
FRAME_S = 10.0
"""A camera that gives no frame for so long is lost: its cable, mostly."""
_MOST_AGE_S = 10.0


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream as it was really configured."""

    name: str
    """main or lores."""
    layout: Layout
    reduced: int = 1


class PicameraReader:
    """Reads one camera, in the channel order it gives."""

    def __init__(self, camera: LibcameraCamera, wanted: Wanted = ANY, clock: Clock = SYSTEM) -> None:
        """Raises CameraError when the camera is in use or cannot be configured."""
        self.spec = camera.spec
        self._clock = clock
        self._index = 0
        self._camera = _acquire(camera)
        try:
            self._stream = _configure(self._camera, wanted, _size(self._camera, wanted))
            self._camera.start()
            frame = self.read()  # proves that it delivers; itself old when the loop begins
        except (BadInput, CameraError):
            self.close()
            raise
        except Exception as error:
            self.close()
            raise CameraError(f"{self.spec} ({camera.name}) cannot be started: {first_line(error)}") from None
        self._index = 0
        where = self._stream.layout
        text = f"{camera.name}, {where.width}x{where.height} {where.name} through picamera2"
        self.description = text + (" (scaled by the image processor)" if frame.reduced > 1 else "")

    def read(self) -> Frame:
        """The next frame. Raises CameraLost."""
        try:
            request = self._camera.capture_request(wait=FRAME_S)
        except Exception as error:
            raise CameraLost(f"{self.spec} gives no more frames: {first_line(error)}") from None
        if request is None:
            raise CameraLost(f"{self.spec} gives no more frames")
        try:
            data = request.make_buffer(self._stream.name)  # a copy: the buffer goes back to the camera
            stamp = request.get_metadata().get("SensorTimestamp")
        except Exception as error:
            raise CameraLost(f"{self.spec} gave a frame that cannot be read: {first_line(error)}") from None
        finally:
            request.release()
        picture, order = pixels(np.asarray(data, np.uint8).reshape(-1), self._stream.layout)
        frame = Frame(picture, order, self._index, self._captured_at(stamp), self.spec, None, self._stream.reduced)
        self._index += 1
        return frame

    def interrupt(self) -> None:
        """Ends a read that waits for a frame."""
        with suppress(Exception):
            self._camera.cancel_all_and_flush()

    def close(self) -> None:
        """Frees the camera for others, whatever state it is in."""
        self.interrupt()
        for step in (self._camera.stop, self._camera.close):
            with suppress(Exception):
                step()

    def _captured_at(self, stamp: object) -> float:
        """libcamera stamps frames in nanoseconds since boot, sleep included; ours do not count sleep."""
        now = self._clock.monotonic()
        if not isinstance(stamp, int) or stamp <= 0:
            return now
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - stamp / 1e9
        return now - age if 0.0 <= age <= _MOST_AGE_S else now


def cameras() -> tuple[LibcameraCamera, ...]:
    """What picamera2 knows, in its order; USB cameras left out. Raises MissingDependency, CameraError."""
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


def open_picamera(spec: str, clock: Clock = SYSTEM, wanted: Wanted = ANY) -> Source:
    """``picamera:N``, or ``picamera:`` and libcamera's name of the camera. Raises CameraError, MissingDependency."""
    name = spec.partition(":")[2]
    known = cameras()
    matches = [camera for camera in known if name in (str(camera.number), camera.identity)]
    if not matches:
        there = ", ".join(f"{camera.spec} ({camera.name})" for camera in known)
        raise CameraError(f"no such camera: {spec!r}; " + (f"there are {there}" if there else NOT_DETECTED))
    reader = PicameraReader(matches[0], wanted, clock)
    # A real camera has a path in the device tree; libcamera's virtual one shows a drawn picture, without noise.
    frozen_s = wanted.frozen_after(SENSOR_FROZEN_S if "/" in matches[0].identity else 0.0)
    return NewestFrame(reader, TIMEOUT_S + 1, frozen_s, may_repeat=False, identity=f"picamera:{matches[0].identity}")


def _acquire(camera: LibcameraCamera) -> Any:
    """Opens the camera and makes sure that it is the one that was meant. Raises CameraError."""
    picamera2 = _import()
    try:
        opened = picamera2.Picamera2(camera.number)
    except Exception as error:
        cause = first_line(error.__cause__ or error)  # the error itself only says that there was one
        if "busy" in cause.lower() or "acquire" in cause.lower():
            raise CameraError(f"{camera.spec} ({camera.name}) is in use by another program") from None
        raise CameraError(f"cannot open {camera.spec} ({camera.name}): {cause}") from None
    identity = getattr(getattr(opened, "camera", None), "id", camera.identity)
    if identity != camera.identity:
        with suppress(Exception):
            opened.close()
        raise CameraError(f"{camera.spec} was to be {camera.identity} and is {identity}; plug nothing while it opens")
    return opened


def _configure(opened: Any, wanted: Wanted, size: tuple[int, int]) -> Stream:
    """Tries the better configurations first; which stream to read. Raises BadInput for a format nobody knows."""
    factor = reduction(*size, wanted)
    main = {"size": size, "format": FORMAT}
    scaled = {"size": (size[0] // factor, size[1] // factor), "format": FORMAT}
    sensor = getattr(opened, "sensor_resolution", None)
    half = {"output_size": (sensor[0] // 2, sensor[1] // 2)} if sensor and sensor[0] // 2 >= size[0] else None
    whole = {"sensor": half} if half else {}  # every second pixel of the whole sensor, instead of a cut-out
    controls = {"FrameRate": wanted.fps or FPS}
    tries: list[dict[str, Any]] = [{"main": main, **whole}, {"main": main}]
    if factor > 1:
        tries = [{"main": main, "lores": scaled, **whole}, {"main": main, "lores": scaled}, *tries]
    fault: Exception | None = None
    for streams in tries:
        try:
            opened.configure(opened.create_video_configuration(controls=controls, **streams))
        except Exception as error:  # an image processor that cannot do this; a picamera2 that does not know the word
            fault = error
            continue
        with suppress(Exception):
            opened.set_controls(controls)
        found = opened.camera_configuration()
        if "lores" not in streams:
            return Stream("main", _layout(found["main"]))
        if (lores := _scaled_whole(found, scaled["size"])) is not None:
            return Stream("lores", lores, factor)
    assert fault is not None  # the last try asks for no scaled stream, so that it ends in one or the other
    raise CameraError(f"it accepts no configuration: {first_line(fault)}")


def _scaled_whole(found: dict[str, Any], size: object) -> Layout | None:
    """The second stream, if it is what was asked for: plain pixels, of the first one's shape. None: it is not."""
    lores, main = found.get("lores"), found["main"]
    if not lores or lores["format"] not in PACKED or tuple(lores["size"]) != size:
        return None
    (width, height), (whole_width, whole_height) = lores["size"], main["size"]
    same_shape = abs(width * whole_height - height * whole_width) <= max(whole_width, whole_height)
    return _layout(lores) if same_shape else None


def _layout(stream: dict[str, Any]) -> Layout:
    width, height = stream["size"]
    return layout(str(stream["format"]), int(width), int(height), int(stream["stride"]))


def _size(opened: Any, wanted: Wanted) -> tuple[int, int]:
    if wanted.size is not None:
        return wanted.size
    sensor = getattr(opened, "sensor_resolution", None)
    if not sensor or sensor[0] <= WIDTH:
        return tuple(sensor) if sensor and min(sensor) > 0 else SIZE
    return WIDTH, round(WIDTH * sensor[1] / sensor[0] / 2) * 2


def _import() -> Any:
    os.environ.setdefault("LIBCAMERA_LOG_LEVELS", "*:FATAL")  # each fault is said here, in one line
    logging.getLogger("picamera2").setLevel(logging.CRITICAL)
    try:
        import picamera2
    except ModuleNotFoundError as error:
        if error.name == "picamera2":
            raise MissingDependency(f"picamera2 is not installed here; {PICAMERA_HINT}") from None
        raise MissingDependency(
            f"picamera2 needs {error.name}, which is missing here: sudo apt install --reinstall python3-picamera2"
        ) from None
    except Exception as error:  # numpy of another version, a libcamera of another system
        raise MissingDependency(
            f"picamera2 cannot be loaded ({first_line(error)}); it was built for the numpy of apt: in the virtual environment "
            "of edgevision write pip uninstall numpy, or use rpicam-vid (sudo apt install rpicam-apps-lite)"
        ) from None
    return picamera2
