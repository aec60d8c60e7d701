"""Captures labeled photos with the deployment camera, in the folder layout that training reads."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgevision.errors import BadInput, CannotWrite
from edgevision.preprocessing import decode
from edgevision.types import Frame

from ..stream.events import SourceEvent, Unreadable
from ..system.clock import SYSTEM, Clock
from .sharpness import Choosing

if TYPE_CHECKING:
    from ..stream.protocols import Source

QUALITY = 95
"""JPEG quality, 1..100: high, because the camera itself already loses detail."""
QUIET_S = 10.0
"""Seconds without a new photo after which the reason is reported."""


@dataclass(slots=True)
class CaptureResult:
    """The saved photos and the number of frames left out."""

    folder: Path
    files: list[Path] = field(default_factory=list)
    blurred: int = 0
    alike: int = 0
    damaged: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the document ``edgevision.capture/1``."""
        skipped = {"blurred": self.blurred, "alike": self.alike, "damaged": self.damaged}
        files = [str(path) for path in self.files]
        return {"schema": "edgevision.capture/1", "folder": str(self.folder), "files": files, "skipped": skipped}

    def describe(self) -> str:
        """Return what was left out, for display."""
        parts = [
            f"{count} {what}"
            for count, what in (
                (self.blurred, "blurred"),
                (self.alike, "like an earlier one"),
                (self.damaged, "damaged"),
            )
            if count
        ]
        return f"left out: {', '.join(parts)}" if parts else ""


def class_folder(out: Path, name: str) -> Path:
    """Return the folder for photos of a class. Raises BadInput if the name cannot be a folder."""
    if (
        not name.strip()
        or name != name.strip()
        or name.startswith(".")
        or not name.isprintable()
        or {"/", "\\"} & set(name)
    ):
        raise BadInput(f"invalid class name {name!r}: it becomes a folder name; use a name such as coffee-mug")
    if len(name.encode()) > 200:
        raise BadInput(f"class name too long: {len(name.encode())} bytes; use at most 200")
    folder = out / name
    if folder.exists() and not folder.is_dir():
        raise BadInput(
            f"{folder} is a file, but photos of a class need a folder; choose another class name or output folder"
        )
    return folder


def capture(
    camera: Source,
    captured: CaptureResult,
    count: int,
    every_s: float,
    *,
    keep_all: bool = False,
    tell: Callable[[str], None] = lambda _: None,
    progress: Callable[[int], None] = lambda _: None,
    clock: Clock = SYSTEM,
) -> None:
    """Add photos to ``captured`` until it has ``count``, or the source ends. Raises CannotWrite, CameraError."""
    choosing = Choosing()
    number = next_number(captured.folder)
    due = told = clock.monotonic()
    for item in camera:
        now = clock.monotonic()
        if isinstance(item, SourceEvent):
            tell(item.detail)
        elif isinstance(item, Unreadable):
            captured.damaged += 1
        elif camera.live and now < due:
            continue
        elif _keep(item, choosing, captured, keep_all):
            captured.files.append(_write(captured.folder / f"{captured.folder.name}-{number:05d}.jpg", item))
            number += 1
            progress(len(captured.files))
            due, told = now + every_s, now
        if now - told >= QUIET_S:
            told = now
            tell(f"nothing new for {QUIET_S:g} s ({captured.describe()}); move the object or the camera")
        if len(captured.files) >= count:
            return


def next_number(folder: Path) -> int:
    """Return one more than the highest number in the folder, so that nothing is overwritten."""
    pattern = re.compile(re.escape(folder.name) + r"-(\d+)\.jpg")
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return max((int(match[1]) for name in names if (match := pattern.fullmatch(name))), default=0) + 1


def _keep(frame: Frame, choosing: Choosing, captured: CaptureResult, keep_all: bool) -> bool:
    reason = None if keep_all else choosing.refuse(frame)
    if reason == "blurred":
        captured.blurred += 1
    elif reason == "alike":
        captured.alike += 1
    elif not keep_all:
        choosing.kept()
    return reason is None


def _write(path: Path, frame: Frame) -> Path:
    """Write a new file; never replaces a file or leaves a partial one. Raises CannotWrite."""
    data = decode.encode_jpeg(frame, QUALITY)
    made = False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as stream:
            made = True
            stream.write(data)
    except OSError as error:
        if made:
            path.unlink(missing_ok=True)
        raise CannotWrite(f"cannot write {path}: {error.strerror or error}") from None
    return path
