"""The output ``clips:DIR`` and its settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgevision.byte_sizes import format_bytes, parse_bytes
from edgevision.errors import BadInput
from edgevision.records import record
from edgevision.settings import setting

from ..clip_list import ClipList, key_of
from ..delivery_filter import GONE
from ..kind import Kind, Needs
from ..media_folder import MediaFolder
from ..protocol import Output
from .encode_child import size_for
from .encoder import SUFFIX, Encoder, remove_leftovers
from .frame_ring import ClipFrame, FrameRing
from .recording import Recording

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgevision.types import Frame

    from ..config import OutputConfig
    from ..item import Item
    from ..protocol import Context
    from ..shared_frame import SharedFrame

QUALITY = 85
ENCODE_S = 4.0
"""Seconds at the end of a run to finish clips; a service is killed 10 s after it was asked to stop."""


@record(kw_only=True)
class ClipSettings:
    """Settings of ``clips:``."""

    before: float = setting(5.0, "float", "Seconds before an event.", low=0, high=60, metavar="SECONDS")
    after: float = setting(5.0, "float", "Seconds after an event.", low=0, high=60, metavar="SECONDS")
    max_length: float = setting(
        30.0, "float", "Longest clip; events during a clip extend it up to this.", low=1, high=300, metavar="SECONDS"
    )
    fps: float = setting(10.0, "float", "Most frames per second.", low=1, high=30, metavar="FPS")
    width: int = setting(640, "int", "Greatest width in pixels.", low=64, high=1920, metavar="PIXELS")
    memory: int = setting(
        64_000_000,
        "text",
        "Memory for frames, in all.",
        form="a size, such as 64MB",
        parse=parse_bytes,
        unparse=format_bytes,
    )
    quota: int = setting(
        1_000_000_000,
        "text",
        "Space for clips; the oldest are deleted.",
        form="a size, such as 1GB",
        parse=parse_bytes,
        unparse=format_bytes,
    )


class Clips(Output):
    """Keeps the last seconds as JPEGs, and has a clip encoded for every label that entered or changed."""

    takes = "events"
    images = True
    close_s = 5.5

    def __init__(
        self,
        folder: MediaFolder,
        settings: ClipSettings,
        encoder: Callable[[], Encoder],
        monotonic: Callable[[], float],
        clips: ClipList | None = None,
    ) -> None:
        """``encoder``: starts the encoder, once the folder is open; ``clips``: what it writes."""
        self._folder, self._settings, self._start_encoder = folder, settings, encoder
        self._monotonic, self.clips = monotonic, clips
        self.every_s = 0.95 / settings.fps  # a camera of just this rate keeps all its frames
        self._ring = FrameRing(settings.before, settings.memory // 4)
        self._recording: Recording | None = None
        self._encoder: Encoder | None = None

    # What the worker reads is kept by the encoder, so properties take the place of the protocol's attributes.
    @property
    def written(self) -> int:  # type: ignore[override]
        """Number of clips written."""
        return 0 if self._encoder is None else self._encoder.written

    @property
    def lost(self) -> int:  # type: ignore[override]
        """Number of clips lost."""
        return 0 if self._encoder is None else self._encoder.lost

    @property
    def failures(self) -> int:  # type: ignore[override]
        """Number of attempts that failed."""
        return 0 if self._encoder is None else self._encoder.failures

    @property
    def problem(self) -> str | None:  # type: ignore[override]
        """What keeps clips from being written now."""
        return None if self._encoder is None else self._encoder.problem

    @property
    def last_problem(self) -> str | None:  # type: ignore[override]
        """The last such problem, also after it was solved."""
        return None if self._encoder is None else self._encoder.last_problem

    @property
    def memory_bytes(self) -> int:  # type: ignore[override]
        """Memory of all frames held."""
        recorded = 0 if self._recording is None else self._recording.bytes
        return self._ring.bytes + recorded + (0 if self._encoder is None else self._encoder.bytes)

    def start(self) -> None:
        """Look at the folder. Raises CannotWrite."""
        if self._encoder is None:
            self._folder.open()
            remove_leftovers(self._folder.folder)
            self._encoder = self._start_encoder()

    def deliver(self, item: Item) -> None:
        """Take a frame into the ring and the recording, or begin or extend a recording."""
        if item.kind == "frame" and item.frame is not None:
            self._add(self._clip_frame(item.frame))
        elif item.event is not None and item.event.label is not None and item.event.kind not in GONE:
            self._record(item)

    def interrupt(self) -> None:
        """Give up an encoding that takes too long."""
        if self._encoder is not None:
            self._encoder.stop()

    def close(self) -> None:
        """Write the clips that are not finished."""
        self._finish()
        if self._encoder is not None:
            self._encoder.finish(ENCODE_S)

    def _add(self, frame: ClipFrame) -> None:
        self._ring.add(frame)
        if self._recording is not None and not self._recording.add(frame):
            self._finish()

    def _record(self, item: Item) -> None:
        assert item.event is not None and item.event.label is not None
        last, chosen = self._ring.last, self._settings
        if last is None:
            return
        if self._recording is not None:
            self._recording.extend(item.event.label, last.at_s)
            self._recording.shows(key_of(item.event))
            return
        frames = self._ring.frames()
        self._recording = Recording(item.event.label, frames, chosen.after, chosen.max_length, chosen.memory * 3 // 8)
        self._recording.shows(key_of(item.event))

    def _finish(self) -> None:
        recording, self._recording = self._recording, None
        if recording is not None and self._encoder is not None:
            self._encoder.add(recording)

    def _clip_frame(self, shared: SharedFrame) -> ClipFrame:
        from edgevision.preprocessing.decode import encode_jpeg

        frame = shared.frame
        small = frame if frame.width <= self._settings.width else _reduced(frame, self._settings.width)
        jpeg = shared.jpeg() if small is frame else encode_jpeg(small, QUALITY)
        at_s = frame.captured_at if frame.captured_at is not None else frame.position_s
        return ClipFrame(self._monotonic() if at_s is None else at_s, shared.wall_s, jpeg)


def _reduced(frame: Frame, width: int) -> Frame:
    """Return a frame of this width."""
    import cv2

    size = size_for(frame.width, frame.height, width)
    small = cv2.resize(frame.pixels, size, interpolation=cv2.INTER_AREA)  # noqa: TID251  # not for a model
    return replace(frame, pixels=small)


def _check(config: OutputConfig) -> OutputConfig:
    chosen: ClipSettings = config.settings
    if config.delivery.only not in (None, "events"):
        raise BadInput("clips: records events; leave only out")
    if chosen.before + chosen.after > chosen.max_length:
        raise BadInput(
            f"clips: before and after are {chosen.before + chosen.after:g} s, more than max_length ({chosen.max_length:g} s)"
        )
    return config


def _open(config: OutputConfig, context: Context) -> Clips:
    chosen: ClipSettings = config.settings
    clips = ClipList()
    folder = MediaFolder(Path(config.target), chosen.quota, (SUFFIX,))

    def encoder() -> Encoder:
        return Encoder(folder, chosen.width, chosen.fps, chosen.memory * 3 // 8, clips=clips)

    return Clips(folder, chosen, encoder, context.clock.monotonic, clips)


KIND = Kind(
    _open,
    settings=ClipSettings,
    check=_check,
    needs=lambda config: Needs(writes=(config.target,)),
    target="folder",
    whole_images=True,
)
