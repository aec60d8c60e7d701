"""Maps what a user types to the back end that opens it. A new camera is one file and one line here."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, cast

from edgevision.errors import BadInput, CameraError, MissingFile, UnknownName, nearest
from edgevision.log import Log

from ..stream.request import ANY, CaptureRequest
from ..system.clock import SYSTEM, Clock

if TYPE_CHECKING:
    from ..stream.protocols import LiveSource, Source

log = Log("edgevision.cameras")
PREFIXES = {
    # prefix before the colon: "module:function" below edgevision.device, called with spec, clock and request
    "test": "cameras.backends.pattern:open_pattern",
    "fake": "loop.fakes:open_fake",
    "raw": "cameras.backends.stdin:open_stdin",
    "picamera": "cameras.backends.picamera:open_picamera",
    "rpicam": "cameras.backends.rpicam:open_rpicam",
    "v4l2": "cameras.backends.v4l2_lookup:open_v4l2",
    "usb": "cameras.backends.v4l2_lookup:open_usb",
    "http": "cameras.backends.network:open_stream",
    "https": "cameras.backends.network:open_stream",
    "rtsp": "cameras.backends.network:open_stream",
    "rtsps": "cameras.backends.network:open_stream",
}
LIVE = frozenset({"picamera", "rpicam", "v4l2", "usb", "http", "https", "rtsp", "rtsps"})
"""Prefixes of sources that may be lost and come back."""
ENCRYPTED = frozenset({"https", "rtsps"})
"""Prefixes of sources that show a certificate."""
_warned: set[str] = set()
UNSIZED = frozenset({"http", "https", "rtsp", "rtsps", "raw"})
"""Prefixes of sources whose size cannot be chosen."""


def open_camera(spec: str, clock: Clock = SYSTEM, wanted: CaptureRequest = ANY) -> Source:
    """Open a ``--camera`` spec: a number, a /dev path, a prefix of PREFIXES, or ``-``.

    Args:
        spec: The camera as typed by the user.
        clock: Clock for timestamps and timeouts.
        wanted: Requested size, rate and orientation.

    Returns:
        The opened source.

    Raises:
        CameraError: The camera is missing, in use or delivers no frame.
        BadInput: The spec or the request is invalid.
        UnknownName: The spec is not a camera.
    """
    started = perf_counter()
    return _opened(_as_wanted(_camera(spec, clock, wanted), wanted), started)


def open_source(spec: str, clock: Clock = SYSTEM, wanted: CaptureRequest = ANY) -> Source:
    """Open a ``--source`` spec: an image, folder, glob pattern, video, URL, ``-`` or ``test:``.

    Args:
        spec: The source as typed by the user.
        clock: Clock for timestamps and timeouts.
        wanted: Requested size, rate and orientation.

    Returns:
        The opened source.

    Raises:
        MissingFile: There is no such file or folder.
        BadInput: The file cannot be used as a source, or the request is invalid.
        CameraError: The camera is missing, in use or delivers no frame.
    """
    started = perf_counter()
    return _opened(_as_wanted(_source(spec, clock, wanted), wanted), started)


def check_camera(spec: str) -> str:
    """Check the form of a camera spec without opening it. Raises UnknownName."""
    if not _is_camera(spec):
        from edgevision.files.url_secrets import masked

        raise UnknownName(f"unknown camera {masked(spec)!r}; use a number, /dev/videoN, a URL or test:{_hint(spec)}")
    return spec


def check_source(spec: str) -> str:
    """Check the form of a source spec without opening it. Raises UnknownName."""
    if _prefix(spec) not in PREFIXES and not spec.startswith("/"):
        from edgevision.files.url_secrets import masked

        raise UnknownName(
            f"unknown source {masked(spec)!r}; use a URL, test:, or the full path of an image, folder or video"
        )
    return spec


def _opened(source: Source, started: float) -> Source:
    log.info("opened %s (%s) in %.1f s", source.spec, source.description, perf_counter() - started)
    return source


def _is_camera(spec: str) -> bool:
    return spec.isdecimal() or spec.startswith("/dev/") or _prefix(spec) in PREFIXES


def _as_wanted(source: Source, wanted: CaptureRequest) -> Source:
    """Apply in software what the camera itself cannot do."""
    if wanted.fps is not None:
        from .wrappers.rate_limit import Paced

        source = Paced(source, wanted.fps)
        log.debug("%s: at most %g frames/s pass", source.spec, wanted.fps)
    if wanted.turns:
        from .wrappers.orientation import Turned

        source = Turned(source, wanted)
        log.debug("%s: rotate %s, flip %s, region %s", source.spec, wanted.rotate, wanted.flip, wanted.roi)
    return source


def _refuse_size(spec: str, wanted: CaptureRequest) -> None:
    if wanted.size is not None:
        raise BadInput(f"--size cannot be used with {spec}, which has a fixed size; use it with a camera only")


def _camera(spec: str, clock: Clock, wanted: CaptureRequest) -> Source:
    if spec == "-" or _prefix(spec) == "raw":
        from .backends.stdin import open_stdin

        _refuse_size(spec, wanted)
        return open_stdin(spec, clock, wanted, live=True)
    if not _is_camera(spec) and Path(spec).exists():
        raise BadInput(f"{spec!r} is a file, not a camera; use --source {spec}")
    return _steady(check_camera(spec), clock, wanted)


def _source(spec: str, clock: Clock, wanted: CaptureRequest) -> Source:
    if spec == "-":
        from .backends.stdin import open_stdin

        _refuse_size(spec, wanted)
        return open_stdin(spec, clock, wanted)
    path = Path(spec)
    if not path.exists():
        if _prefix(spec) in PREFIXES:
            return _steady(spec, clock, wanted)
        import glob

        if glob.has_magic(spec):
            from .backends.image_files import open_glob

            _refuse_size(spec, wanted)
            return open_glob(spec)
        from edgevision.files.url_secrets import masked_arguments

        [shown] = masked_arguments([spec])  # perhaps a URL without its scheme
        raise MissingFile(
            f"no such file or folder: {shown}" + (f"; for a camera use --camera {spec}" if spec.isdecimal() else "")
        )
    if str(path).startswith("/dev/video"):
        return _camera(spec, clock, wanted)
    if not os.access(path, os.R_OK):
        raise BadInput(f"no permission to read {spec}")
    _refuse_size(spec, wanted)
    return _by_content(path)


def _steady(spec: str, clock: Clock, wanted: CaptureRequest) -> Source:
    """Open a source; a live one so that Ctrl-C ends the wait and so that it is reopened when lost."""
    if _prefix(spec) in UNSIZED:
        from edgevision.files.url_secrets import masked

        _refuse_size(masked(spec), wanted)
    if _prefix(spec) in PREFIXES and _prefix(spec) not in LIVE:
        return _back_end(spec, clock, wanted)
    if wanted.insecure and _prefix(spec) in ENCRYPTED:
        _warn_insecure(spec)
    from .wrappers.reconnect import Reopening, open_steadily

    first = open_steadily(lambda: _live_back_end(spec, clock, wanted))
    return Reopening(first, lambda: _live_back_end(first.identity, clock, wanted), clock)


def _warn_insecure(spec: str) -> None:
    """Warn once of each camera."""
    from edgevision.files.url_secrets import masked

    if spec not in _warned:
        _warned.add(spec)
        text = "%s: its certificate is not checked; others in the network may read its password and replace its images"
        log.warning(text, masked(spec))


def _live_back_end(spec: str, clock: Clock, wanted: CaptureRequest) -> LiveSource:
    if spec.isdecimal():
        return open_numbered(int(spec), clock, wanted)
    if spec.startswith("/dev/"):
        from .backends.v4l2_lookup import open_node

        return open_node(spec, clock, wanted)
    return cast("LiveSource", _back_end(spec, clock, wanted))


def _back_end(spec: str, clock: Clock, wanted: CaptureRequest) -> Source:
    module, _, function = PREFIXES[_prefix(spec)].partition(":")
    return cast("Source", getattr(import_module(f"..{module}", __package__), function)(spec, clock, wanted))


def _prefix(spec: str) -> str:
    """Return the text before the colon, or an empty string."""
    prefix, colon, _ = spec.partition(":")
    return prefix.lower() if colon else ""


def _by_content(path: Path) -> Source:
    from edgevision.preprocessing import SUFFIX_KIND

    if path.is_dir():
        from .backends.image_files import open_folder

        return open_folder(path)
    if path.suffix.lower() in SUFFIX_KIND:
        from .backends.image_files import open_picture

        return open_picture(path)
    if not path.is_file():
        raise BadInput(f"{path} is neither a file nor a folder; use a video, an image, a folder or a URL as source")
    from .backends.video_file import open_video

    return open_video(path)


def _hint(spec: str) -> str:
    return nearest(_prefix(spec), list(PREFIXES)) if _prefix(spec) else ""


def open_numbered(number: int, clock: Clock = SYSTEM, wanted: CaptureRequest = ANY) -> LiveSource:
    """Open camera N. Raises CameraError, which lists the available cameras."""
    from .backends import libcamera, v4l2_lookup  # imported late: other sources start without them

    seen = libcamera.survey()
    log.debug("camera %d: libcamera has %d cameras, then come V4L2 devices", number, len(seen.cameras))
    if number < len(seen.cameras):
        return libcamera.open_listed(seen.cameras[number], clock, wanted)
    try:
        return v4l2_lookup.open_numbered(number - len(seen.cameras), clock, wanted)
    except CameraError as error:
        if seen.cameras:
            there = ", ".join(f"{camera.number} {camera.name}" for camera in seen.cameras)
            raise CameraError(f"camera {number} not found: libcamera has {there}; {error}") from None
        if seen.hint:
            raise CameraError(f"{error}; {seen.hint}") from None
        raise
