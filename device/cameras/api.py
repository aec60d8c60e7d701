"""The public functions that open cameras and other sources."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..stream.request import CaptureRequest, Flip, Rotation
from . import registry

if TYPE_CHECKING:
    from edgevision.model import Model

    from ..stream.protocols import Source


def open_camera(
    camera: str | int = "0",
    *,
    model: Model | None = None,
    size: tuple[int, int] | None = None,
    fps: float | None = None,
    rotate: Rotation = 0,
    flip: Flip = "none",
    roi: tuple[float, float, float, float] | None = None,
    freeze_timeout_s: float | None = None,
    insecure: bool = False,
) -> Source:
    """Open a live camera. It is reopened by itself when it is lost or its image freezes.

    Iterate over the result for its newest frames, or pass it to ``run``. Close it at the end.

    Args:
        camera: A number as listed by ``edgevision cameras``, ``usb:NAME``, /dev/videoN, an http or rtsp URL, ``-`` (JPEGs on
            standard input), or ``test:`` (a generated pattern).
        model: The model that will see the frames; the camera may then deliver smaller ones, never coarser than the
            model's input.
        size: Width and height to request from the camera, in pixels, before rotation; None for its default.
        fps: Largest number of frames per second, above 0; None for no limit.
        rotate: Clockwise rotation in degrees: 0, 90, 180 or 270.
        flip: Mirror the rotated image: ``none``, ``horizontal``, ``vertical`` or ``both``.
        roi: Part of the rotated and flipped image to keep: x, y, width, height, each 0..1.
        freeze_timeout_s: Seconds without a change after which the camera is reopened; 0 for never, None for the default
            of its kind.
        insecure: Accept any certificate of an https or rtsps camera, unverified.

    Returns:
        The open camera.

    Raises:
        CameraError: The camera is missing, in use or delivers no frame.
        UnknownName: There is no such kind of camera.
        BadInput: An argument is out of range, or the camera cannot have this size.
        MissingDependency: The camera needs a library that is not installed.
    """
    return registry.open_camera(
        str(camera), wanted=_request(model, size, fps, rotate, flip, roi, freeze_timeout_s, insecure)
    )


def open_source(
    source: str | Path,
    *,
    model: Model | None = None,
    size: tuple[int, int] | None = None,
    fps: float | None = None,
    rotate: Rotation = 0,
    flip: Flip = "none",
    roi: tuple[float, float, float, float] | None = None,
    freeze_timeout_s: float | None = None,
    insecure: bool = False,
) -> Source:
    """Open an image, a folder of images or a video; every frame is delivered and the source ends after the last.

    Iterate over the result for its frames, or pass it to ``run``. Close it at the end.

    Args:
        source: An image file, a folder or glob pattern of images, a video file, ``-`` (JPEGs on standard input), or a camera
            as for ``open_camera``.
        model: As for ``open_camera``.
        size: As for ``open_camera``; only for cameras.
        fps: Largest number of frames per second, above 0; None for as fast as possible.
        rotate: As for ``open_camera``.
        flip: As for ``open_camera``.
        roi: As for ``open_camera``.
        freeze_timeout_s: As for ``open_camera``; only for cameras.
        insecure: As for ``open_camera``.

    Returns:
        The open source. An image that cannot be read is delivered as ``Unreadable`` in the place of its frame.

    Raises:
        MissingFile: There is no such file or folder.
        BadInput: The file cannot be used as a source, or an argument is out of range.
        CameraError: The camera is missing, in use or delivers no frame.
    """
    return registry.open_source(
        str(source), wanted=_request(model, size, fps, rotate, flip, roi, freeze_timeout_s, insecure)
    )


def _request(
    model: Model | None,
    size: tuple[int, int] | None,
    fps: float | None,
    rotate: Rotation,
    flip: Flip,
    roi: tuple[float, float, float, float] | None,
    freeze_timeout_s: float | None,
    insecure: bool,
) -> CaptureRequest:
    """Return the request to a source. Raises BadInput."""
    width, height = size or (None, None)
    preprocessing = None if model is None else model.preprocessing
    return CaptureRequest(width, height, fps, rotate, flip, roi, preprocessing, freeze_timeout_s, insecure)
