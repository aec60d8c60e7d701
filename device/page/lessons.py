"""Teaches classes from the page, with the frames of the running loop or with collected images."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, cast

from edgevision.errors import BadInput, EdgeVisionError, UnknownName, one_line
from edgevision.files.state_folder import taught_file
from edgevision.log import Log

from ..cameras.registry import open_source
from ..stream.protocols import Source

if TYPE_CHECKING:
    from edgevision.model import Model
    from edgevision.postprocessing.imprinting import TaughtClass
    from edgevision.types import Frame

    from ..teach.teacher import Teacher
    from .live import Live
    from .shared_model import SharedModel

log = Log("edgevision.page")
COUNT = 10
EVERY_S = 0.5
TIMEOUT_S = 60.0


class Lessons:
    """One lesson at a time, on a thread of its own."""

    def __init__(self, model: SharedModel, live: Live, state: Path, collected: Path) -> None:
        self._model, self._live, self._state, self._collected = model, live, state, collected
        self._lock = Lock()
        self._running = False
        card = model.card
        self._available = card.task == "embedding" or card.embedding is not None
        self._now = _progress("idle", None, 0)

    def to_json(self) -> dict[str, Any]:
        """Return the state of the last lesson, and the taught classes."""
        classes = [{"name": one.name, "frames": len(one.vectors)} for one in self._taught()]
        return {**self._now, "running": self._running, "available": self._available, "classes": classes}

    def start(self, name: str, source: str, count: int = COUNT) -> None:
        """Start a lesson; ``source``: ``live`` or ``collected``. Raises EdgeVisionError."""
        teacher = self._teacher()
        teacher.require_new(name)
        frames: Source = _NewestFrames(self._live) if source == "live" else self._photos(name)
        with self._lock:
            if self._running:
                frames.close()
                raise BadInput("a lesson is running; wait until it has ended")
            self._running = True
            self._now = _progress("running", name, count)
        Thread(target=self._teach, args=(teacher, name, frames, count), name="page lesson", daemon=True).start()

    def forget(self, name: str) -> None:
        """Forget a class. Raises EdgeVisionError."""
        teacher = self._teacher()
        if name not in teacher.overlay.names:
            raise UnknownName(f"unknown class {name!r:.120}: it was not taught")
        teacher.forget(name)
        self._apply()

    def _teach(self, teacher: Teacher, name: str, frames: Source, count: int) -> None:
        now = self._now

        def step(done: int) -> None:
            now["frames"] = done

        try:
            lesson = teacher.teach(name, frames, count, EVERY_S, False, step)
            self._apply()
            now["notes"] = list(lesson.notes)
            now["state"] = "done"
        except Exception as error:  # the thread must not end without a result
            log.debug("lesson failed: %s", error)
            now["error"] = one_line(str(error)) if isinstance(error, EdgeVisionError) else type(error).__name__
            now["state"] = "failed"
        finally:
            self._running = False

    def _teacher(self) -> Teacher:
        from ..teach.teacher import Teacher

        return Teacher(cast("Model", self._model), self._state)

    def _taught(self) -> tuple[TaughtClass, ...]:
        from ..teach.store import load

        path = taught_file(self._model.sha256, self._state)
        try:
            return load(path).classes if path.exists() else ()
        except EdgeVisionError:
            return ()

    def _photos(self, name: str) -> Source:
        folder = self._collected / name
        if Path(name).name != name or name in (".", "..") or not folder.is_dir():
            raise BadInput(f"no collected images of {name!r:.120}; save some first")
        return open_source(str(folder))

    def _apply(self) -> None:
        self._model.load_taught(self._state)


def _progress(state: str, name: str | None, wanted: int) -> dict[str, Any]:
    return {"state": state, "class": name, "frames": 0, "wanted": wanted, "notes": [], "error": None}


class _NewestFrames(Source):
    """The frames of the running loop, as they come."""

    spec = "the running loop"
    live = True

    def __init__(self, live: Live) -> None:
        self._live = live
        self._closed = False

    def __iter__(self) -> Iterator[Frame]:
        last, deadline = 0, time.monotonic() + TIMEOUT_S
        while not self._closed and not self._live.ended and time.monotonic() < deadline:
            shot = self._live.newest
            if shot is not None and shot.number != last:
                last = shot.number
                yield shot.shared.frame
            time.sleep(0.05)

    def close(self) -> None:
        """End the iteration."""
        self._closed = True
