"""CSI cameras through rpicam-vid, for systems without picamera2: raw frames from a child process.

Frames are YUV 4:2:0 as the image processor writes them. It pads rows to a multiple of 64 or 128 bytes without reporting
it, so widths are requested in multiples of 128, which need no padding, and the excess is cropped on both sides.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from threading import Thread, Timer
from typing import IO, TYPE_CHECKING

import numpy as np

from edgevision.errors import CameraError, CameraLost
from edgevision.log import Log
from edgevision.types import Frame

from ...stream.protocols import Reader
from ...stream.request import ANY, CaptureRequest
from ...system.clock import SYSTEM, Clock
from ..wrappers.reader_thread import SENSOR_FROZEN_S, TIMEOUT_S, NewestFrame
from .csi_camera import LibcameraCamera
from .pixel_formats import layout, pixels

if TYPE_CHECKING:
    from edgevision.types import Pixels

    from ...stream.protocols import LiveSource

log = Log("edgevision.cameras")
PROGRAMS = ("rpicam-vid", "libcamera-vid")
"""Current program name, and the one on Raspberry Pi OS Bullseye."""
BLOCK = 128
"""Width multiple in pixels that needs no padding in luma or chroma."""
SIZES = ((896, 672), (1152, 648))
"""Sizes in pixels for 4:3 and 16:9 sensors: whole field of view, below the size from which colors use Rec. 709."""
FPS = 30.0
LIST_S = 15.0
FIRST_FRAME_S = 10.0
_END_S = 2.0
_PIPE_BYTES = 1 << 20
_LISTED = re.compile(r"^\s*(\d+) : (\S+) \[(\d+)x(\d+)[^\]]*\] \((.+)\)\s*$")
_MODE = re.compile(r"(\d+)x(\d+) \[([\d.]+) fps")


def program() -> str | None:
    """Return the path of rpicam-vid if it is installed."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


def cameras() -> tuple[LibcameraCamera, ...]:
    """List the cameras of rpicam-vid, without USB cameras. Raises CameraError."""
    path = _require()
    try:
        done = subprocess.run(
            [path, "--list-cameras"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIST_S,
            env=_quiet(),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CameraError(f"{path} --list-cameras failed: {error}") from None
    return parse_list(done.stdout or done.stderr)


def parse_list(text: str) -> tuple[LibcameraCamera, ...]:
    """Parse the output of ``rpicam-vid --list-cameras``."""
    found: list[LibcameraCamera] = []
    modes: list[str] = []
    heads = [(line, _LISTED.match(line)) for line in text.splitlines()]
    for line, head in reversed(heads):
        modes[:0] = [f"{width}x{height} at {rate} frames/s" for width, height, rate in _MODE.findall(line)]
        if head is not None:
            number, name, width, height, identity = head.groups()
            if "usb" not in identity.lower():
                size = (int(width), int(height))
                found.insert(0, LibcameraCamera(int(number), name, identity, "rpicam", tuple(modes), size))
            modes = []
    return tuple(found)


class RpicamReader(Reader):
    """Reads the frames of one child process as BGR."""

    def __init__(self, camera: LibcameraCamera, path: str, wanted: CaptureRequest = ANY, clock: Clock = SYSTEM) -> None:
        """Start the child process. Raises CameraError if it cannot be started."""
        self.spec = camera.spec
        self._clock = clock
        self._index = 0
        self._size = wanted.size or _whole_view(camera.size)
        width, height = -(-self._size[0] // BLOCK) * BLOCK, self._size[1] + self._size[1] % 2
        self._layout = layout("YUV420", width, height)
        fps = wanted.fps or FPS
        self.description = f"{camera.name}, {self._size[0]}x{self._size[1]} at {fps:g} frames/s through rpicam-vid"
        log.debug("%s: starting %s with frames of %dx%d", self.spec, path, width, height)
        self._buffer = np.empty(self._layout.bytes, np.uint8)
        self._said: deque[str] = deque(maxlen=20)
        try:
            self._child = subprocess.Popen(
                command(path, camera.number, width, height, fps),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, env=_quiet(),
                start_new_session=True,  # Ctrl-C must not reach the child: its end would look like a lost camera
            )  # fmt: skip
        except OSError as error:
            raise CameraError(f"cannot start {path}: {error.strerror}") from None
        assert self._child.stdout is not None and self._child.stderr is not None
        self._output: IO[bytes] = self._child.stdout
        _widen(self._output)
        self._listener = Thread(target=self._listen, args=(self._child.stderr,), name=f"hear {self.spec}", daemon=True)
        self._listener.start()

    def read(self) -> Frame:
        """Return the next frame. Raises CameraLost if the child ended."""
        view, filled = memoryview(self._buffer.data), 0
        while filled < len(view):
            count = self._output.readinto(view[filled:])  # type: ignore[attr-defined]
            if not count:
                raise CameraLost(self._ending())
            filled += count
        now = self._clock.monotonic()
        picture, order = pixels(self._buffer, self._layout)
        frame = Frame(_middle(picture, self._size), order, self._index, now, self.spec)
        self._index += 1
        return frame

    def interrupt(self) -> None:
        """End the child, and with it a waiting read."""
        with suppress(ProcessLookupError):
            self._child.terminate()

    def close(self) -> None:
        """End the child and wait for it."""
        self.interrupt()
        try:
            self._child.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._listener.join(_END_S)
        self._output.close()

    def _listen(self, errors: IO[bytes]) -> None:
        with errors:
            for line in errors:
                if text := line.decode(errors="replace").strip():
                    self._said.append(text)

    def _ending(self) -> str:
        """Describe in one line how the child ended."""
        try:
            code: int | None = self._child.wait(_END_S)
        except subprocess.TimeoutExpired:
            code = None
        self._listener.join(_END_S)
        said = _gist(list(self._said))
        return (
            f"{self.spec}: rpicam-vid ended" + (f" with status {code}" if code else "") + (f": {said}" if said else "")
        )


def _gist(lines: list[str]) -> str:
    """Return the line of the child's output that explains the failure."""
    fault = next((line for line in reversed(lines) if "error" in line.lower() or "failed" in line.lower()), "")
    said = (fault or (lines[-1] if lines else "")).removeprefix("ERROR: ").strip("* ")
    if "no cameras available" in said.lower():
        return "no camera detected; check the ribbon cable"
    if "in use" in said or "busy" in said.lower():
        return "the camera is in use by another program"
    return said


def command(path: str, number: int, width: int, height: int, fps: float) -> Sequence[str]:
    """Return the command line: no window, no time limit, raw frames to stdout, each flushed at once."""
    size = ["--width", str(width), "--height", str(height), "--framerate", f"{fps:g}"]
    how = ["--timeout", "0", "--nopreview", "--codec", "yuv420", *size, "--flush", "--output", "-"]
    return [path, "--camera", str(number), *how]


def open_rpicam(spec: str, clock: Clock = SYSTEM, wanted: CaptureRequest = ANY) -> LiveSource:
    """Open ``rpicam:N`` or ``rpicam:ID`` with a libcamera ID. Raises CameraError, which lists the cameras."""
    path, name = _require(), spec.partition(":")[2]
    known = cameras()
    matches = [camera for camera in known if name in (str(camera.number), camera.identity)]
    if not matches:
        there = ", ".join(f"{camera.spec} ({camera.name})" for camera in known) or "none; check the ribbon cable"
        raise CameraError(f"camera {spec!r} not found: available cameras: {there}")
    camera = matches[0]
    reader = RpicamReader(camera, path, wanted, clock)
    _prove(reader)
    freeze_timeout_s = wanted.freeze_timeout_or(SENSOR_FROZEN_S)
    return NewestFrame(reader, TIMEOUT_S, freeze_timeout_s, may_repeat=False, identity=f"rpicam:{camera.identity}")


def _prove(reader: RpicamReader) -> None:
    """Wait for a first frame, stale by the time the loop starts. Raises CameraError and ends the child."""
    late = Timer(FIRST_FRAME_S, reader.interrupt)
    late.daemon = True
    late.start()
    try:
        reader.read()
    except BaseException as error:
        reader.close()
        if late.finished.is_set() and isinstance(error, CameraLost):
            raise CameraError(
                f"{reader.spec} sent no frame within {FIRST_FRAME_S:g} s; check its ribbon cable"
            ) from None
        raise
    finally:
        late.cancel()


def _require() -> str:
    path = program()
    if path is None:
        raise CameraError("rpicam-vid is not installed; run sudo apt install rpicam-apps-lite")
    return path


def _whole_view(sensor: tuple[int, int] | None) -> tuple[int, int]:
    if sensor is None:
        return SIZES[0]
    return min(SIZES, key=lambda size: abs(size[0] / size[1] - sensor[0] / sensor[1]))


def _middle(picture: Pixels, size: tuple[int, int]) -> Pixels:
    left, top = (picture.shape[1] - size[0]) // 2, (picture.shape[0] - size[1]) // 2
    return picture[top : top + size[1], left : left + size[0]]


def _widen(pipe: IO[bytes]) -> None:
    """Enlarge the pipe buffer, so that a frame takes a few reads instead of twenty."""
    import fcntl

    with suppress(OSError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _quiet() -> dict[str, str]:
    return {**os.environ, "LIBCAMERA_LOG_LEVELS": os.environ.get("LIBCAMERA_LOG_LEVELS", "*:ERROR")}
