"""Labels from a folder tree: one folder per class, directly or inside train/, val/ and test/."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from ..errors import BadInput
from ..preprocessing.sniff import READABLE, SUFFIX_KIND
from .csv_labels import Row, has_control

SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
UNSORTED = "_unsure"
"""Folder in which ``edgevision run --collect`` puts images that a person has to sort."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The labels and splits that the names of files and folders give."""

    name: str
    """Kind of the layout: class folders, train/val/test folders, images without labels, or CSV."""
    rows: tuple[Row, ...]
    """The images; one outside of any class folder has no label."""
    skipped: tuple[tuple[str, str], ...] = ()
    """Skipped files, each with its path and the reason."""
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Pile:
    """Usable images, skipped files and notes, collected step by step."""

    rows: list[Row] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def arrange(files: Iterable[str], folders: Iterable[str]) -> Layout:
    """Return the layout of a folder or zip from its relative file and folder names with forward slashes."""
    pile = _Pile()
    pictures = _pictures(files, pile)
    base = _wrapper(pictures)
    if base:
        pile.notes.append(f"the class folders are in {base}")
    inner = [name.removeprefix(base) for name in pictures]
    splits = _split_folders(inner)
    for path, name in zip(pictures, inner, strict=True):
        _place(path, name, splits, pile)
    _note_empty_classes(folders, base, splits, pile)
    if splits:
        layout = "/".join(name for name in ("train", "val", "test") if name in splits.values()) + " folders"
    else:
        layout = "class folders" if any(row.labels for row in pile.rows) else "images without labels"
    return Layout(layout, tuple(pile.rows), tuple(pile.skipped), tuple(pile.notes))


def arrange_rows(rows: Iterable[Row], has: Callable[[str], bool], name: str) -> Layout:
    """Return the layout of a CSV called ``name``. Rows whose file is missing are skipped. Raises BadInput."""
    base = name.rpartition("/")[0]
    first: dict[str, Row] = {}
    found: list[Row] = []
    missing: list[tuple[str, str]] = []
    for row in rows:
        if first.setdefault(row.path, row) is not row:
            _refuse_contradiction(first[row.path], row, name)
            continue
        if row.split not in (None, "train", "val", "test"):
            raise BadInput(f"{name}, line {row.line}: the split must be train, val or test, got {row.split!r}")
        where = f"{base}/{row.path}" if base else row.path
        if has(where):
            found.append(replace(row, path=where))
        else:
            missing.append((row.path, f"file not found (line {row.line} of {name})"))
    return Layout("CSV", tuple(found), tuple(missing), _missing_note(missing, len(first), name))


def _refuse_contradiction(first: Row, row: Row, name: str) -> None:
    if first.labels != row.labels:
        where = f"{name}, line {row.line}: {row.path}"
        raise BadInput(f"{where} has different labels in line {first.line}; write several labels as a|b")


def _missing_note(missing: list[tuple[str, str]], total: int, name: str) -> tuple[str, ...]:
    if not missing:
        return ()
    some = ", ".join(path for path, _ in missing[:3]) + (" ..." if len(missing) > 3 else "")
    if len(missing) == total:
        raise BadInput(f"none of the {total} files in {name} was found: {some}; give paths relative to the CSV")
    return (f"skipped {len(missing)} of {total} files in {name} because they were not found: {some}",)


def _pictures(files: Iterable[str], pile: _Pile) -> list[str]:
    """Return the names with an image suffix. Unsupported image formats are listed as skipped, other files are counted."""
    found, other = [], Counter[str]()
    for name in files:
        suffix = PurePosixPath(name).suffix.lower()
        kind = SUFFIX_KIND.get(suffix)
        if has_control(name) or not _encodable(name):
            pile.skipped.append(
                (ascii(name)[1:-1], "invalid file name (control characters or invalid UTF-8); rename the file")
            )
        elif kind in READABLE:
            found.append(name)
        elif kind:
            pile.skipped.append((name, f"{kind.upper()} images are not supported; save it as JPEG or PNG"))
        else:
            other[suffix or "no suffix"] += 1
    if other:
        common = ", ".join(suffix for suffix, _ in other.most_common(4))
        pile.notes.append(f"ignored {other.total()} files that are not images ({common})")
    return found


def _encodable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _wrapper(pictures: list[str]) -> str:
    """Return the prefix, such as ``photos/``, if all class folders are inside one folder, as in a zipped folder."""
    tops = {name.partition("/")[0] for name in pictures}
    if len(tops) != 1 or any(top.lower() in SPLIT_FOLDERS for top in tops):
        return ""
    base = f"{tops.pop()}/"
    inner = [name.removeprefix(base) for name in pictures]
    if any("/" not in name for name in inner):
        return ""
    return base if len({name.partition("/")[0] for name in inner}) > 1 else ""


def _split_folders(names: list[str]) -> dict[str, str]:
    """Return the split folders and their splits; empty if ``train`` is a class among others.

    A split folder contains class folders and a class folder contains images. This tells a training set from trains.
    """
    deep = dict.fromkeys(name.partition("/")[0] for name in names if name.count("/") > 1)
    found = {top: SPLIT_FOLDERS[top.lower()] for top in deep if top.lower() in SPLIT_FOLDERS}
    kinds = list(found.values())
    return found if "train" in kinds and len(kinds) > 1 and len(set(kinds)) == len(kinds) else {}


def _place(path: str, name: str, splits: dict[str, str], pile: _Pile) -> None:
    top, _, rest = name.partition("/")
    split = splits.get(top)
    if splits and split is None:
        pile.skipped.append((path, "outside " + ", ".join(f"{folder}/" for folder in splits)))
        return
    label, slash, _ = (rest if split else name).partition("/")
    if slash and label == UNSORTED:
        pile.skipped.append((path, "not sorted yet; move it into the folder of its class"))
        return
    pile.rows.append(Row(path, (label,) if slash else (), split))


def _note_empty_classes(folders: Iterable[str], base: str, splits: dict[str, str], pile: _Pile) -> None:
    """Add a note about subfolders without images: they do not become classes, although the user may expect it."""
    used = {label for row in pile.rows for label in row.labels}
    depth = 2 if splits else 1
    inner = [name.removeprefix(base) for name in folders if name.startswith(base)]
    named = {name.rpartition("/")[2] for name in inner if name.count("/") == depth - 1}
    empty = sorted(named - used - set(splits))
    if used and empty:
        pile.notes.append(
            "ignored class folders without images: "
            + ", ".join(repr(name) for name in empty[:5])
            + (" ..." if len(empty) > 5 else "")
        )
