"""A session of labeling: the images of a folder, the answers about them, and undo. Safe to use from several threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import RLock
from typing import NamedTuple

from edgevision.errors import BadInput, EdgeVisionError, MissingFile
from edgevision.log import Log

from .files import discarded_path
from .form import Form, Found
from .journal import Journal
from .mistakes import Doubt
from .records import Action, Change, Entry, Guess, MarkedBox, State, counted
from .similar import Similar
from .views import VIEWS, Folded, Item, View, arrange

log = Log("edgevision.label")


class Progress(NamedTuple):
    """How far the work is."""

    images: int
    """Images that are not discarded."""
    answered: int
    """Images that a person labeled, confirmed or discarded."""
    left: int
    """Images in the view ``todo``."""


class Session:
    """The images and answers of one folder."""

    def __init__(self, form: Form, journal: Journal, suggested: Sequence[str] = ()) -> None:
        """``suggested``: names of a model's classes, offered after those of the folder. Raises EdgeVisionError."""
        self.form, self.journal = form, journal
        self._lock = RLock()
        self._finish()
        self._states: dict[int, Found] = {}
        self._originals: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        found = form.scan()
        for one in found:
            self._add(one)
        self.similar = Similar(form.root, found, form.has_boxes)
        self.doubts: dict[int, Doubt] = {}
        """Number of an image -> why its label is probably wrong; filled by the check."""
        counts = counted(one.state for one in found)
        self._classes = list(dict.fromkeys([*form.classes, *counts, *suggested]))

    @property
    def classes(self) -> dict[str, int]:
        """Name of each class -> number of its images or boxes; new classes come last, so that keys stay the same."""
        with self._lock:
            counts = counted(one.state for one in self._states.values())
            self._classes += [name for name in counts if name not in self._classes]
            return {name: counts.get(name, 0) for name in self._classes}

    def items(self) -> list[Item]:
        """Return all images."""
        with self._lock:
            return [self._item(number) for number in self._states]

    def item(self, number: int) -> Item:
        """Return one image. Raises MissingFile."""
        with self._lock:
            if number not in self._states:
                raise MissingFile(f"there is no image {number}; load the page again")
            return self._item(number)

    def view(self, name: View) -> list[Folded]:
        """Return the images of a view in order."""
        if name not in VIEWS:
            raise BadInput(f"unknown view {name!r:.40}; use {', '.join(VIEWS)}")
        return arrange(name, self.items(), {number: one.doubt for number, one in self.doubts.items()})

    def progress(self) -> Progress:
        """Return how far the work is."""
        items = self.items()
        answered = sum(one.mark not in (None, "skip") for one in items)
        left = sum(1 + len(one.others) for one in self.view("todo"))
        return Progress(sum(not one.state.is_discarded for one in items), answered, left)

    def refresh(self) -> None:
        """Look for images that were added or removed by others. Raises BadInput."""
        with self._lock:
            found = {one.state.path: one for one in self.form.scan()}
            for number, one in list(self._states.items()):
                if not one.state.is_discarded and one.state.path not in found:
                    self._drop(number)
            for path, one in found.items():
                if path not in self._numbers:
                    self._add(one)

    def label(self, numbers: Sequence[int], label: str, guess: Guess | None = None) -> Entry:
        """Give images a class. Raises EdgeVisionError."""
        taken: set[str] = set()
        return self._answer("label", numbers, lambda state: self.form.relabeled(state, label, taken), guess)

    def mark_boxes(self, numbers: Sequence[int], boxes: Sequence[MarkedBox], guess: Guess | None = None) -> Entry:
        """Give images their boxes. Raises EdgeVisionError."""
        if not self.form.has_boxes:
            raise BadInput(f"{self.form.root} has class folders, not boxes; start with --to voc to draw boxes")
        fitted = self.form.fitted(boxes)
        return self._answer("boxes", numbers, lambda state: state._replace(boxes=fitted), guess)

    def discard(self, numbers: Sequence[int]) -> Entry:
        """Move images to the folder of discarded ones. Raises EdgeVisionError."""
        taken: set[str] = set()

        def discarded(state: State) -> State:
            return state._replace(path=discarded_path(self.form.root, state.path, taken))

        return self._answer("discard", numbers, discarded)

    def skip(self, numbers: Sequence[int]) -> Entry:
        """Leave images for later. Raises EdgeVisionError."""
        return self._answer("skip", numbers, lambda state: state)

    def carry_over(self) -> None:
        """Write the boxes of all images in the form of this session, which were read from another one. Raises EdgeVisionError."""
        with self._lock:
            states = [one.state for one in self._states.values() if one.state.boxes is not None]
            if states:
                self._carry_out(self.journal.add("import", [Change(State(one.path), one) for one in states]))

    def undo(self) -> tuple[Entry, list[int]]:
        """Undo the newest answer; return it and the numbers of its images. Raises BadInput, EdgeVisionError."""
        with self._lock:
            entry = self.journal.undoable
            if entry is None:
                raise BadInput("there is nothing to undo")
            gone = next((one.after.path for one in entry.changes if not self._exists(one.after)), None)
            if gone is not None:
                self.journal.forget(entry)
                raise MissingFile(f"cannot undo: {gone} was moved or deleted by another program")
            self._carry_out(self.journal.add_undo(entry))
            return entry, [self._numbers[one.before.path] for one in entry.changes]

    def _answer(
        self, action: Action, numbers: Sequence[int], after: Callable[[State], State], guess: Guess | None = None
    ) -> Entry:
        with self._lock:
            states = [self.item(number).state for number in dict.fromkeys(numbers)]
            for number, state in zip(dict.fromkeys(numbers), states, strict=True):
                if state.is_discarded:
                    raise BadInput(f"{state.path} was discarded; undo this first")
                if not self._exists(state):
                    self._drop(number)
                    raise MissingFile(f"{state.path} was moved or deleted by another program")
            entry = self.journal.add(action, [Change(state, after(state)) for state in states], guess)
            self._carry_out(entry)
            return entry

    def _carry_out(self, entry: Entry) -> None:
        """Change the folder as an entry says; if that fails, take the entry back. Raises EdgeVisionError."""
        try:
            self.form.apply(entry.changes)
        except EdgeVisionError:
            if entry.action not in ("undo", "import"):
                back = self.journal.add_undo(entry)
                with suppress(EdgeVisionError):
                    self.form.apply(back.changes)
                self.journal.note_done(back)
            raise
        self.journal.note_done(entry)
        for change in entry.changes:
            number = self._numbers.pop(change.before.path, None)
            if number is None:  # discarded in an earlier session
                self._add(Found(change.after))
                continue
            self._states[number] = self._states[number]._replace(state=change.after)
            self._numbers[change.after.path] = number

    def _finish(self) -> None:
        """Carry out what a power cut left unfinished."""
        entry = self.journal.unfinished
        if entry is None:
            return
        try:
            self.form.apply(entry.changes)
            log.info("answer %d is carried out now: it was not finished", entry.number)
        except EdgeVisionError as error:
            log.warning("answer %d cannot be finished: %s", entry.number, error)
        self.journal.note_done(entry)

    def _exists(self, state: State) -> bool:
        return (self.form.root / state.path).is_file()

    def _item(self, number: int) -> Item:
        found = self._states[number]
        mark = self.journal.mark(found.state.path)
        return Item(number, found.state, found.split, mark, self.similar.group_of(self._originals[number]))

    def _add(self, found: Found) -> None:
        number = len(self._originals) + 1
        self._states[number] = found
        self._originals[number] = found.state.path
        self._numbers[found.state.path] = number

    def _drop(self, number: int) -> None:
        self._numbers.pop(self._states.pop(number).state.path, None)
