"""Opens V4L2 cameras by number, by path, or by the permanent name of a USB camera.

A node counts as a camera only once it has delivered a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgevision.errors import BadInput, CameraError, EdgeVisionError
from edgevision.log import Log

from ...stream.request import ANY, CaptureRequest
from ...system.clock import SYSTEM, Clock
from ..wrappers.cancellable_open import Opening
from ..wrappers.reader_thread import SENSOR_FROZEN_S, TIMEOUT_S, NewestFrame
from .v4l2 import Capture, V4L2Reader
from .v4l2_formats import formats, is_busy
from .v4l2_nodes import Node, nodes

if TYPE_CHECKING:
    from ...stream.protocols import LiveSource

log = Log("edgevision.cameras")
FIRST_FRAME_S = 5.0
"""Seconds without a frame after which an open node is not a camera: the raw sensor node of a Pi behaves like that."""
IN_USE = "in use by another program"
BY_ID = Path("/dev/v4l/by-id")
TRY_TEST = "to try without a camera, use --camera test:"


class NoFrame(CameraError):
    """Raised for a camera that opens but sends nothing."""


def open_node(path: str, clock: Clock = SYSTEM, wanted: CaptureRequest = ANY) -> LiveSource:
    """Open a literal ``/dev/videoN`` or a link to one. Raises CameraError."""
    if not Path(path).exists():
        raise CameraError(f"camera {path} not found: {_listing(nodes(), {})}; {TRY_TEST}")
    known = {str(node.path): node for node in nodes()}
    node = known.get(str(Path(path).resolve()))
    if node is not None and node.refusal:
        raise CameraError(f"{path} ({node.name}) is not a camera: {node.refusal}; {TRY_TEST}")
    reader = _proven(path, node.name if node else "", clock, wanted)
    return _live(reader, wanted, node.spec if node else "")


def open_v4l2(spec: str, clock: Clock = SYSTEM, wanted: CaptureRequest = ANY) -> LiveSource:
    """Open ``v4l2:2`` (/dev/video2) or ``v4l2:/dev/v4l/...`` (any path). Raises BadInput, CameraError."""
    name = spec.partition(":")[2]
    if not name.isdecimal() and not name.startswith("/dev/"):
        raise BadInput(f"invalid video device {spec!r}; use v4l2:0 for /dev/video0")
    return open_node(f"/dev/video{name}" if name.isdecimal() else name, clock, wanted)


def open_usb(spec: str, clock: Clock = SYSTEM, wanted: CaptureRequest = ANY, folder: Path = BY_ID) -> LiveSource:
    """Open ``usb:NAME``: a link in /dev/v4l/by-id, or an unambiguous part of one. Raises CameraError."""
    name = spec.partition(":")[2]
    links = sorted(link.name for link in folder.glob("*")) if folder.is_dir() else []
    cameras = [link for link in links if link.endswith("-index0")] or links
    matches = [link for link in links if link == name] or [link for link in cameras if name and name in link]
    if len(matches) != 1:
        found = f"available cameras: {', '.join(matches or cameras)}" if links else "no USB camera is plugged in"
        raise CameraError(f"{'more than one' if matches else 'no'} camera matches {spec!r}: {found}; {TRY_TEST}")
    return open_node(str(folder / matches[0]), clock, wanted)


def open_numbered(
    number: int,
    clock: Clock = SYSTEM,
    wanted: CaptureRequest = ANY,
    found: list[Node] | None = None,
    capture: Capture | None = None,
    busy: Callable[[Path], bool] = is_busy,
) -> LiveSource:
    """Open the N-th node, from 0, that delivers a frame, or would if no other program used it.

    Raises CameraError, which lists the devices.
    """
    found = nodes() if found is None else found
    failures: dict[Path, str] = {}
    usable = 0
    for node, reader, fault in try_nodes(found, clock, wanted, capture, busy):
        failures[node.path] = fault
        if fault and fault != IN_USE:
            continue
        if usable == number and reader is None:
            raise CameraError(f"camera {number} ({node.path}, {node.name}) is {IN_USE}")
        if usable == number and reader is not None:
            return _live(reader, wanted, node.spec)
        usable += 1
        if reader is not None:
            reader.close()
    raise CameraError(f"camera {number} not found: {_listing(found, failures)}; {TRY_TEST}")


def try_nodes(
    found: list[Node],
    clock: Clock = SYSTEM,
    wanted: CaptureRequest = ANY,
    capture: Capture | None = None,
    busy: Callable[[Path], bool] = is_busy,
) -> Iterator[tuple[Node, V4L2Reader | None, str]]:
    """Yield each node that may be a camera with an open reader that delivered a frame, or why there is none.

    A camera used by another program keeps its number: IN_USE. The caller closes the readers.
    """
    for node in found:
        if node.refusal:
            log.debug("%s (%s) is not a camera: %s", node.path, node.name, node.refusal)
            continue
        try:
            yield node, _proven(str(node.path), node.name, clock, wanted, capture), ""
        except EdgeVisionError as error:
            log.info("%s (%s) is not usable: %s", node.path, node.name, error)
            ours = isinstance(error, NoFrame)  # the thread that waits for a frame still holds the camera
            in_use = not ours and busy(node.path)
            yield node, None, IN_USE if in_use else str(error).removeprefix(f"{node.path} ")


def _live(reader: V4L2Reader, wanted: CaptureRequest, identity: str = "") -> LiveSource:
    return NewestFrame(
        reader, TIMEOUT_S, wanted.freeze_timeout_or(SENSOR_FROZEN_S), may_repeat=False, identity=identity
    )


def _proven(path: str, name: str, clock: Clock, wanted: CaptureRequest, capture: Capture | None = None) -> V4L2Reader:
    """Return a reader that has delivered a frame. Raises CameraError.

    Opening and the first read run on a thread: both may hang in the driver, which must not hang the command.
    """

    def prove() -> V4L2Reader:
        offered = formats(Path(path)) if capture is None else ()
        reader = V4L2Reader(path, name, clock, capture, wanted, offered)
        try:
            reader.read()
        except BaseException:
            reader.close()
            raise
        return reader

    try:
        reader = Opening(prove, path).wait(FIRST_FRAME_S)
    except TimeoutError:
        raise NoFrame(f"{path} opens but sent no frame within {FIRST_FRAME_S:g} s") from None
    assert reader is not None
    return reader


def _listing(found: list[Node], failures: dict[Path, str]) -> str:
    if not found:
        return "this machine has no video devices"
    states = (failures.get(node.path) or node.refusal or "a capture node" for node in found)
    return "video devices: " + ", ".join(
        f"{node.path} ({node.name}: {state})" for node, state in zip(found, states, strict=True)
    )
