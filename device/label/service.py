"""What the handlers of the page do with an open folder: descriptions of its images as JSON, and answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

from edgevision.errors import BadInput, EdgeVisionError
from edgevision.preprocessing import decode

from ..page.encoder import thumbnail
from .box_folder import upright_size
from .opening import Opened
from .records import Guess, marked_boxes
from .session import Session
from .views import VIEWS, Folded, View

SHOWN_CLASSES = 1000


class LabelService:
    """Answers the page. Safe to use from several threads."""

    def __init__(self, opener: Callable[[], Opened]) -> None:
        """``opener``: opens the folder, when the page is used first. It may raise EdgeVisionError."""
        self._opener = opener
        self._opened: Opened | None = None
        self._lock = Lock()

    @property
    def opened(self) -> Opened:
        """The open folder. Raises EdgeVisionError."""
        with self._lock:
            if self._opened is None:
                self._opened = self._opener()
                self._opened.session.similar.start()
            return self._opened

    @property
    def session(self) -> Session:
        """The session of the folder. Raises EdgeVisionError."""
        return self.opened.session

    def close(self) -> None:
        """Close the folder."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()

    def status(self) -> dict[str, Any]:
        """Return what the page shows around the image. Raises EdgeVisionError."""
        session, guesser = self.session, self.opened.guesser
        undoable, similar = session.journal.undoable, session.similar
        classes = [{"name": name, "count": count} for name, count in session.classes.items()]
        model = None if guesser is None else {"name": guesser.model.card.name, "task": guesser.model.card.task}
        return {
            "folder": session.form.root.name or str(session.form.root),
            "form": session.form.name,
            "has_boxes": session.form.has_boxes,
            "classes": classes[:SHOWN_CLASSES],
            "views": {name: len(session.view(name)) for name in VIEWS},
            "progress": session.progress()._asdict(),
            "undo": {"count": session.journal.undo_count, "action": None if undoable is None else undoable.action},
            "similar": {"checked": similar.checked, "total": similar.total, "finished": similar.finished.is_set()},
            "model": model,
            "notes": list(session.form.notes),
        }

    def refresh(self) -> None:
        """Look for images that were added or removed. Raises EdgeVisionError."""
        self.session.refresh()

    def show(self, view: View, number: int | None, step: int) -> dict[str, Any]:
        """Return the image ``step`` places after another one in a view, or the first one. Raises EdgeVisionError."""
        order = self.session.view(view)
        place = next((at for at, one in enumerate(order) if _has(one, number)), None)
        at = 0 if place is None else min(max(place + step, 0), len(order) - 1)
        return self._shown(order, at)

    def guess(self, number: int) -> dict[str, Any]:
        """Return what the model says of an image. Raises EdgeVisionError."""
        guesser = self.opened.guesser
        if guesser is None:
            return {"labels": [], "boxes": []}
        return guesser.guess(self.session.item(number).state.path)

    def image(self, number: int, width: int) -> bytes:
        """Return an image as JPEG, no wider than ``width``. Raises EdgeVisionError."""
        path = self.session.item(number).state.path
        return thumbnail(decode.read(self.session.form.root / path), width)

    def answer(self, view: View, number: int, action: str, value: Any, alone: bool) -> dict[str, Any]:
        """Carry an answer out; return the image to show next. Raises EdgeVisionError."""
        order = self.session.view(view)
        folded = next((one for one in order if _has(one, number)), Folded(self.session.item(number), ()))
        numbers = [number] if alone else [folded.item.number, *(one.number for one in folded.others)]
        self._apply(numbers, number, action, value)
        after = order[next((at + 1 for at, one in enumerate(order) if _has(one, number)), 0) :]
        left = self.session.view(view)
        places = {one.item.number: at for at, one in enumerate(left)}
        # Those of a group that was answered in part stay in their place.
        rest = [number for one in folded.others if (number := one.number) in places] if alone else []
        following = [*rest, *(one.item.number for one in after if one.item.number in places)]
        shown = self._shown(left, places[following[0]] if following else 0)
        return {**shown, "status": self.status()}

    def undo(self) -> dict[str, Any]:
        """Undo the newest answer; return its image. Raises EdgeVisionError."""
        entry, numbers = self.session.undo()
        one = Folded(self.session.item(numbers[0]), ())
        return {"action": entry.action, "item": self._detail(one), "status": self.status()}

    def _apply(self, numbers: Sequence[int], number: int, action: str, value: Any) -> None:
        session = self.session
        if action == "label" and isinstance(value, str):
            session.label(numbers, value, self._proposed(number))
        elif action == "boxes" and isinstance(value, list):
            size = upright_size(session.form.root, session.item(number).state.path)
            session.mark_boxes(numbers, marked_boxes(value, *size))
        elif action == "discard":
            session.discard(numbers)
        elif action == "skip":
            session.skip(numbers)
        else:
            raise BadInput("send action label with a class, boxes with a list of boxes, discard, or skip")

    def _proposed(self, number: int) -> Guess | None:
        guesser = self.opened.guesser
        return None if guesser is None else guesser.best(self.session.item(number).state.path)

    def _shown(self, order: Sequence[Folded], at: int) -> dict[str, Any]:
        if not order:
            return {"item": None, "position": 0, "total": 0}
        return {"item": self._detail(order[at]), "position": at + 1, "total": len(order)}

    def _detail(self, folded: Folded) -> dict[str, Any]:
        item, session = folded.item, self.session
        state = item.state
        try:
            size = upright_size(session.form.root, state.path) if session.form.has_boxes else None
            problem = None
        except EdgeVisionError as error:
            size, problem = None, str(error)
        doubt = session.doubts.get(item.number)
        return {
            "number": item.number,
            "path": state.path,
            "label": state.label,
            "boxes": state.to_json()["boxes"],
            "split": item.split,
            "answer": item.mark,
            "width": None if size is None else size[0],
            "height": None if size is None else size[1],
            "problem": problem,
            "alike": [{"number": one.number, "path": one.state.path} for one in folded.others],
            "doubt": None if doubt is None else {"likely": doubt.likely, "doubt": round(doubt.doubt, 4)},
        }


def _has(folded: Folded, number: int | None) -> bool:
    return number is not None and number in (folded.item.number, *(one.number for one in folded.others))
