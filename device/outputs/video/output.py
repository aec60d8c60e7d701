"""The output ``video:FILE.webm`` and its settings."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from edgevision.byte_sizes import format_bytes, parse_bytes
from edgevision.errors import BadInput, CannotWrite
from edgevision.log import Log
from edgevision.records import record
from edgevision.settings import setting

from ...system.disk_space import is_almost_full
from ..clips.encode_child import size_for
from ..kind import Kind, Needs
from ..protocol import Output
from ..rotating_file import set_aside
from .growing_webm import GrowingWebm, Size
from .part_encoder import PartEncoder

if TYPE_CHECKING:
    from edgevision.types import Frame

    from ..clips.ivf import Packet, Video
    from ..config import OutputConfig
    from ..item import Item
    from ..protocol import Context
    from ..shared_frame import SharedFrame

log = Log("edgevision.outputs")
Images = Literal["annotated", "plain"]
SUFFIX = ".webm"
QUALITY = 90
PART_S, PART_FRAMES = 4.0, 120
"""Length of a part of the video: what a power cut may cost."""
IMAGE_S = 1.0
"""Seconds that a single image is shown."""
RESTART_S = 0.1
"""Time between the last frame of a video and the first one when it begins again."""
LIVE_FPS, FILE_FPS = 10.0, 30.0
LIVE_WIDTH, FILE_WIDTH = 640, 1280


@record(kw_only=True)
class VideoSettings:
    """Settings of ``video:``."""

    image: Images = setting("annotated", "choice", "What to record.", choices=get_args(Images))
    fps: float | None = setting(
        None,
        "float",
        "Most frames per second.",
        low=0.01,
        high=60,
        metavar="FPS",
        default_text="10 for a camera, all of a file",
    )
    width: int | None = setting(
        None,
        "int",
        "Greatest width in pixels.",
        low=64,
        high=3840,
        metavar="PIXELS",
        default_text="640 for a camera, 1280 for a file",
    )
    max_size: int = setting(
        500_000_000,
        "text",
        "Begin a new file at this size.",
        form="a size, such as 500MB",
        parse=parse_bytes,
        unparse=format_bytes,
    )
    keep: int = setting(3, "int", "Number of finished files to keep.", low=0, high=100_000)


class VideoRecording(Output):
    """Has every frame encoded by a process of its own, and appends what is finished to the file."""

    takes = "frames"
    images = True
    close_s = 8.0

    def __init__(self, path: Path, settings: VideoSettings, context: Context) -> None:
        live = context.live
        self._path, self._settings, self._wall = path, settings, context.clock.wall
        self._title = f"{context.name}: {context.card.name}"
        self._width = settings.width or (LIVE_WIDTH if live else FILE_WIDTH)
        self._fps = settings.fps or (LIVE_FPS if live else FILE_FPS)
        self.every_s = 0.95 / self._fps if live or settings.fps else 0.0
        self.waits = not live
        self.written, self.lost = 0, 0
        self._encoder: PartEncoder | None = None
        self._file: GrowingWebm | None = None
        self._part: list[float] = []
        """Times of the frames that the encoder has, in seconds."""
        self._wall_s = 0.0
        """When the first of them was taken, in seconds since 1970."""
        self._began_s: float | None = None
        """Time of the first frame of the file."""
        self._last_s, self._shift_s = 0.0, 0.0

    def start(self) -> None:
        """Set an earlier video aside, and start the encoder. Raises CannotWrite, OSError."""
        self._drop()
        if self._file is None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                if self._path.is_symlink() or (self._path.exists() and not self._path.is_file()):
                    raise CannotWrite(f"cannot write {self._path}: it is not a regular file")
                if self._path.exists():
                    set_aside(self._path, self._wall(), max(1, self._settings.keep))
            except OSError as error:
                raise _cannot_write(self._path, error) from None
        self._encoder = PartEncoder(self._width, self._fps, behind=not self.waits)

    def deliver(self, item: Item) -> None:
        """Give a frame to the encoder; after some seconds of them, append the part. Raises CannotWrite, OSError."""
        if item.kind != "frame" or item.frame is None or self._encoder is None:
            return
        at_s = self._time(item.frame.frame)
        if self._part and (at_s - self._part[0] >= PART_S or len(self._part) >= PART_FRAMES):
            self._finish_part()
        if not self._part:
            self._wall_s = item.frame.wall_s
        self._encoder.add(self._jpeg(item.frame))
        self._part.append(at_s)
        self._last_s = at_s

    def interrupt(self) -> None:
        """End an encoder that takes too long."""
        if self._encoder is not None:
            self._encoder.kill()

    def close(self) -> None:
        """Append the last part and complete the file. Raises CannotWrite, OSError."""
        try:
            if self._part:
                self._finish_part()
        finally:
            self._drop()
            self._complete()

    def _time(self, frame: Frame) -> float:
        """Return the time of a frame in seconds, later than that of the one before."""
        given = next((time for time in (frame.captured_at, frame.position_s) if time is not None), None)
        if given is None:
            return IMAGE_S * frame.index
        if self._part and given + self._shift_s <= self._last_s:
            self._shift_s = self._last_s + RESTART_S - given
        return given + self._shift_s

    def _jpeg(self, shared: SharedFrame) -> bytes:
        from edgevision.postprocessing.annotate import annotate
        from edgevision.postprocessing.scaling import scaled
        from edgevision.preprocessing.decode import encode_jpeg

        frame, prediction = shared.frame, shared.prediction
        if frame.width > self._width:  # letters keep their size
            small = _reduced(frame, self._width)
            prediction = scaled(prediction, small.width / frame.width, small.height / frame.height)
            frame = small
        return encode_jpeg(annotate(frame, prediction) if self._settings.image == "annotated" else frame, QUALITY)

    def _finish_part(self) -> None:
        """Append what the encoder has. Raises CannotWrite, OSError; the part is lost then."""
        assert self._encoder is not None
        times, self._part = self._part, []
        try:
            video = self._encoder.finish()
            packets = [packet for packet in video.packets if packet.is_shown]
            if not packets or not packets[0].is_key or packets[-1].number >= len(times):
                raise OSError("the encoder's frames do not match")
            self._append(video, packets, times)
        except CannotWrite:
            self.lost += len(times)
            raise
        except (OSError, ValueError) as error:
            self.lost += len(times)
            raise OSError(f"a part of the video was not encoded: {error}") from None
        self.written = (self.written or 0) + len(packets)

    def _append(self, video: Video, packets: list[Packet], times: list[float]) -> None:
        size, more = Size(video.width, video.height), sum(len(packet.data) for packet in packets)
        if self._file is not None and (self._file.size != size or self._file.bytes + more > self._settings.max_size):
            self._begin_anew()
        try:
            if is_almost_full(self._path.parent, more):
                raise CannotWrite(f"cannot write {self._path}: the disk is almost full; free some space")
            if self._file is None:
                self._file, self._began_s = GrowingWebm(self._path, size, self._wall_s, self._title), times[0]
                log.info("recording %s, %dx%d", self._path, *size)
            assert self._began_s is not None
            self._file.add(packets, [round((times[one.number] - self._began_s) * 1000) for one in packets])
        except OSError as error:
            raise error if isinstance(error, CannotWrite) else _cannot_write(self._path, error) from None

    def _begin_anew(self) -> None:
        """Complete the file and set it aside. Raises CannotWrite."""
        self._complete()
        set_aside(self._path, self._wall(), self._settings.keep)

    def _complete(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close(1000 / self._fps)
            except OSError as error:
                raise _cannot_write(self._path, error) from None

    def _drop(self) -> None:
        """End the encoder; frames that it still has are lost."""
        self.lost += len(self._part)
        self._part = []
        encoder, self._encoder = self._encoder, None
        if encoder is not None:
            with suppress(OSError):
                encoder.close()


def _cannot_write(path: Path, error: OSError) -> CannotWrite:
    return error if isinstance(error, CannotWrite) else CannotWrite(f"cannot write {path}: {error.strerror or error}")


def _reduced(frame: Frame, width: int) -> Frame:
    """Return a frame of this width."""
    import cv2

    size = size_for(frame.width, frame.height, width)
    return replace(frame, pixels=cv2.resize(frame.pixels, size, interpolation=cv2.INTER_AREA))  # noqa: TID251  # not for a model


def _check(config: OutputConfig) -> OutputConfig:
    if Path(config.target).suffix.lower() != SUFFIX:
        raise BadInput(f"video: records WebM, got {config.target}; give a name that ends with {SUFFIX}")
    delivery = config.delivery
    if delivery.only not in (None, "frames") or delivery.labels or delivery.threshold is not None:
        raise BadInput("video: records every frame; leave out only, labels and threshold, or use clips:")
    return config


KIND = Kind(
    lambda config, context: VideoRecording(Path(config.target), config.settings, context),
    settings=VideoSettings,
    check=_check,
    needs=lambda config: Needs(writes=(config.target,)),
    target="file",
    whole_images=True,
)
