"""Opens a folder for labeling: finds out the form of its labels, and keeps other programs out."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import IO

from edgevision.datasets.boxes.formats import FORMATS
from edgevision.datasets.boxes.open_boxes import find_format
from edgevision.datasets.dataset import open_dataset
from edgevision.errors import BadInput, CannotWrite, MissingFile, UsageError

from .class_folders import ClassFolders
from .coco import Coco
from .form import Form, FormName
from .guesses import Guesser
from .journal import FOLDER, Journal
from .session import Session
from .voc import PascalVoc

LOCK = "lock"
OF_FORMAT: dict[str, FormName] = {"Pascal VOC": "voc", "COCO JSON": "coco"}
"""Form of an annotation format that can be written."""
FORMS: dict[FormName, type[ClassFolders] | type[PascalVoc] | type[Coco]] = {
    "folder": ClassFolders,
    "voc": PascalVoc,
    "coco": Coco,
}


class Opened:
    """An open folder, which no other program labels meanwhile."""

    def __init__(self, session: Session, guesser: Guesser | None, lock: IO[bytes]) -> None:
        self.session, self.guesser, self._lock = session, guesser, lock

    def close(self) -> None:
        """Let other programs label the folder."""
        self.session.similar.close()
        self._lock.close()


def open_folder(folder: Path, guesser: Guesser | None = None, to: FormName | None = None) -> Opened:
    """Open a folder for labeling; ``to``: the form to write, None for the one that it has. Raises EdgeVisionError."""
    require_folder(folder)
    name = choose_form(folder, to, guesser)
    carried_over = name != "folder" and find_format(folder) not in (
        None,
        *(f for f, n in OF_FORMAT.items() if n == name),
    )
    form = FORMS[name](folder)
    if guesser is not None:
        _require_fit(form, guesser)
    lock = _lock(folder)
    try:
        session = Session(form, Journal(folder), () if guesser is None else guesser.classes)
        if not session.items() and session.journal.undoable is None:
            raise BadInput(f"{folder} contains no images (.jpg, .png, .webp, .bmp, .tif); give a folder with images")
        if carried_over:
            session.carry_over()
    except BaseException:
        lock.close()
        raise
    return Opened(session, guesser, lock)


def require_folder(folder: Path) -> None:
    """Raise MissingFile or BadInput for what is not a folder."""
    if not folder.exists():
        raise MissingFile(f"folder not found: {folder}; give a folder of images")
    if not folder.is_dir():
        raise BadInput(f"{folder} is not a folder; images are moved and annotated in place, so unpack a zip first")


def choose_form(folder: Path, to: FormName | None, guesser: Guesser | None) -> FormName:
    """Return the form in which labels are written. Raises UsageError, BadInput."""
    found = find_format(folder)
    if found is None:
        if to is None and guesser is not None and guesser.finds_boxes:
            return "voc"
        if to in (None, "folder"):
            _refuse_csv(folder)
        return to or "folder"
    own = OF_FORMAT.get(found)
    if to == "folder":
        raise UsageError(f"--to folder: {folder} has boxes ({found}), which class folders cannot hold; leave out --to")
    if to is None:
        if own is None:
            raise UsageError(
                f"{folder} has {found} annotations, which edgevision does not write; --to voc carries them over to Pascal VOC"
            )
        return own
    if to != own:
        _require_first(folder, found, to)
    return to


def _require_first(folder: Path, found: str, to: FormName) -> None:
    """Refuse to write annotations that would not be used, because others in the folder are read first. Raises UsageError."""
    order = [one.name for one in FORMATS]
    written = next(name for name, form in OF_FORMAT.items() if form == to)
    if order.index(written) > order.index(found):
        raise UsageError(
            f"--to {to}: {folder} has {found} annotations, which are read before {written}; leave out --to, or move the "
            "annotation files away"
        )


def _refuse_csv(folder: Path) -> None:
    """Raise BadInput for a folder whose labels are in a CSV."""
    with contextlib.suppress(BadInput):
        if open_dataset(folder).layout != "CSV":
            return
        raise _InCsv(f"the labels of {folder} are in a CSV file; labeling needs class folders, or boxes with --to voc")


class _InCsv(UsageError):
    """Raised for labels in a CSV; not a BadInput, which other folders raise."""


def _require_fit(form: Form, guesser: Guesser) -> None:
    """Raise UsageError if a model does not propose what the form holds."""
    if form.has_boxes and not guesser.finds_boxes:
        raise UsageError(f"--model: {guesser.model.path} is a classifier, but {form.root} gets boxes; give a detector")
    if not form.has_boxes and guesser.finds_boxes:
        raise UsageError(
            f"--model: {guesser.model.path} is a detector, but {form.root} has class folders; give a classifier, or draw "
            "boxes with --to voc"
        )


def _lock(folder: Path) -> IO[bytes]:
    """Return the lock of a folder. Raises CannotWrite."""
    path = folder / FOLDER / LOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.open("ab")
    except OSError as error:
        raise CannotWrite(f"cannot write in {folder}: {error.strerror or error}; labeling changes the folder") from None
    if os.name == "posix":
        import fcntl

        try:
            fcntl.flock(made, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            made.close()
            raise CannotWrite(f"{folder} is being labeled by another program; close its page first") from None
        except OSError:  # some network drives have no locks
            pass
    return made
