"""Labels from a folder tree: one folder per class, directly or inside train/, val/ and test/."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from ..errors import BadInput
from ..preprocessing import READABLE, SUFFIX_KIND
from ..preprocessing.image_folder import has_image, left_out_notes
from .csv_labels import SEPARATOR, Row, has_control
from .split_names import alike, is_filler, split_of

UNSORTED = "_unsure"
"""Folder in which ``edgevision run --collect`` puts images that a person has to sort."""


UNLABELED = ("_unlabelled", "_unlabeled")
"""Folders of images without labels, from which a network with a teacher learns too."""


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
    warnings: tuple[str, ...] = ()
    """Signs that the layout was not understood as meant."""
    unlabeled: tuple[str, ...] = ()
    """Images in the folders for images without labels."""
    problem: str | None = None
    """Why the names of the folders cannot be used as labels; None if they can."""
    parents: tuple[str, ...] = ("",)
    """The folders that hold the class folders, each with a slash at its end, or empty for the top."""
    unsorted: tuple[str, ...] = ()
    """Images that a person has to sort, in folders called UNSORTED."""


@dataclass(slots=True)
class _Pile:
    """Usable images, skipped files and notes, collected step by step."""

    rows: list[Row] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unsorted: list[str] = field(default_factory=list)


def arrange(files: Iterable[str], folders: Iterable[str], head: Callable[[str], bytes] = lambda name: b"") -> Layout:
    """Return the layout of a folder or zip from its relative file and folder names with forward slashes.

    ``head``: Function of a file name that returns the first bytes, read where the suffix stands for no supported format.
    """
    pile = _Pile()
    pictures, unlabeled = _apart(_pictures(files, pile, head), pile)
    base = _wrapper(pictures)
    inner = [name.removeprefix(base) for name in pictures]
    splits, problem = _split_folders(inner)
    if base:
        pile.notes.append(f"the {'split' if splits else 'class'} folders are in {base}")
    inside = {top: _wrapper_in_split(top, inner) for top in splits}
    for path, name in zip(pictures, inner, strict=True):
        _place(path, name, splits, inside, pile)
    parents = {f"{top}/{inside[top]}" for top in splits} or {""}
    _note_empty_classes(folders, base, parents, pile)
    if not splits:
        pile.rows = _splits_in_classes(pile.rows, base)
    parts = {*splits.values(), *(row.split for row in pile.rows)}
    if parts - {None}:
        layout = "/".join(name for name in ("train", "val", "test") if name in parts) + " folders"
    else:
        layout = "class folders" if any(row.labels for row in pile.rows) else "images without labels"
    warnings = suspicious_classes(row.labels for row in pile.rows) or _nested_split(inner, splits)
    return Layout(
        layout,
        tuple(pile.rows),
        tuple(pile.skipped),
        tuple(pile.notes),
        warnings,
        unlabeled,
        problem,
        tuple(sorted(base + parent for parent in parents)),
        tuple(pile.unsorted),
    )


def _apart(pictures: list[str], pile: _Pile) -> tuple[list[str], tuple[str, ...]]:
    """Return the images outside and inside of the folders for images without labels."""
    outside, inside = [], []
    for name in pictures:
        folders = name.split("/")[:-1]
        if not any(part in UNLABELED for part in folders):
            outside.append(name)
        elif any((split_of(part) or ("train",))[0] != "train" for part in folders):
            pile.skipped.append((name, "no label, and in a part that is held out"))
        else:
            inside.append(name)
    return outside, tuple(inside)


def suspicious_classes(labels: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Return a warning if the names of classes look like names of splits."""
    names = alike(sorted({label for each in labels for label in each}))
    if not names:
        return ()
    listed = ", ".join(repr(name) for name in list(names)[:5])
    return (
        f"classes {listed} look like names of splits; if they are, arrange the images as train/CLASS/ and test/CLASS/",
    )


def arrange_rows(rows: Iterable[Row], has: Callable[[str], bool], name: str) -> Layout:
    """Return the layout of a CSV called ``name``. Rows whose file is missing are skipped. Raises BadInput."""
    base = name.rpartition("/")[0]
    first: dict[str, Row] = {}
    found: list[Row] = []
    missing: list[tuple[str, str]] = []
    rows = list(rows)
    joined = joined_labels(rows, name)
    for row in rows:
        if first.setdefault(row.path, row) is not row:
            _refuse_contradiction(first[row.path], row, name)
            continue
        split = row.split and (split_of(row.split) or (row.split,))[0]
        if split not in (None, "train", "val", "test"):
            raise BadInput(f"{name}, line {row.line}: the split must be train, val or test, got {row.split!r}")
        where = f"{base}/{row.path}" if base else row.path
        if has(where):
            found.append(replace(row, path=where, split=split))
        else:
            missing.append((row.path, f"file not found (line {row.line} of {name})"))
    warnings = (*joined, *suspicious_classes(row.labels for row in found))
    return Layout("CSV", tuple(found), tuple(missing), _missing_note(missing, len(first), name), warnings)


def joined_labels(rows: list[Row], name: str) -> tuple[str, ...]:
    """Warn about labels such as ``a;b``. Raises BadInput if they are certainly several labels in one."""
    every = {label for row in rows for label in row.labels}
    for row in rows:
        for label in row.labels:
            semicolons, commas = ([part.strip() for part in label.split(mark)] for mark in ";,")
            several = len(semicolons) > 1 and any(part in every for part in semicolons)
            if several or (len(commas) > 1 and all(part in every for part in commas)):
                meant = SEPARATOR.join(part for part in (semicolons if several else commas) if part)
                where = f"{name}, line {row.line}" if row.line else name
                said = f"{where}: the label {label!r} contains other labels"
                raise BadInput(f"{said}; write several labels as {meant}")
    odd = sorted(label for label in every if ";" in label)
    return (f"label {odd[0]!r} is one class; if it is several labels, write {SEPARATOR} between them",) if odd else ()


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


def _pictures(files: Iterable[str], pile: _Pile, head: Callable[[str], bytes]) -> list[str]:
    """Return the names with an image suffix. Unsupported image formats are listed as skipped, other files are counted."""
    found, other, left_out = [], Counter[str](), Counter[str]()
    for name in files:
        suffix = PurePosixPath(name).suffix.lower()
        kind = SUFFIX_KIND.get(suffix)
        if has_control(name) or not _encodable(name):
            pile.skipped.append(
                (ascii(name)[1:-1], "invalid file name (control characters or invalid UTF-8); rename the file")
            )
        elif kind in READABLE or (kind and has_image(head(name))):
            found.append(name)
        elif kind:
            left_out[suffix] += 1
            pile.skipped.append((name, f"{kind.upper()} images are not supported; save it as JPEG or PNG"))
        else:
            other[suffix or "no suffix"] += 1
    pile.notes += left_out_notes(left_out)
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
    """Return the prefix, such as ``archive/photos/``, if all class or split folders are inside one folder, at any depth.

    Loose images beside that folder do not count.
    """
    base = ""
    while True:
        inner = [name.removeprefix(base) for name in pictures if name.startswith(base)]
        tops = {name.partition("/")[0] for name in inner if "/" in name}
        loose = any("/" not in name for name in inner)
        if len(tops) > 1:
            return "" if base and loose else base
        if not tops or (base and loose):
            return ""
        base += f"{tops.pop()}/"


def _split_folders(names: list[str]) -> tuple[dict[str, str], str | None]:
    """Return the split folders with their splits, empty if there are none, and what is unclear about them.

    A split folder contains class folders and a class folder contains images. This tells a training set from trains.
    """
    tops = dict.fromkeys(name.partition("/")[0] for name in names if "/" in name)
    deep = {name.partition("/")[0] for name in names if name.count("/") > 1}
    found = alike(tops)
    if not found:
        meanings = [split_of(top) for top in tops if top in deep]
        if len(tops) > 1 and len(meanings) == len(tops) and None not in meanings:
            listed = ", ".join(f"{top}/" for top in tops)
            return {}, f"the folders {listed} look like splits, but it is not clear which: name them train, val, test"
        return {}, None
    listed = ", ".join(f"{top}/" for top in found)
    with_classes = {top: split for top, split in found.items() if top in deep}
    if not with_classes:
        if len(found) < len(tops):
            return {}, None  # a class among others, such as trains
        return (
            {},
            f"the folders {listed} look like splits, but have no class folders inside: make train/CLASS/, test/CLASS/",
        )
    if len(set(with_classes.values())) < len(with_classes):
        said = f"the folders {listed} look like splits, but several mean the same one"
        return {}, f"{said}: keep one folder each for train, val and test"
    if "train" not in with_classes.values() and "train" in found.values():
        return {}, f"the folders {listed} look like splits, but the one for training has no class folders inside"
    return found, None


def _splits_in_classes(rows: list[Row], base: str) -> list[Row]:
    """Return the rows with splits if every class folder holds split folders and nothing else, as in ``cats/train/``."""
    inner = [row.path.removeprefix(base).split("/") for row in rows]
    folders = {tuple(parts[:2]) for row, parts in zip(rows, inner, strict=True) if row.labels and len(parts) > 2}
    splits = alike({folder for _, folder in folders})
    whole = all(len(parts) > 2 and parts[1] in splits for row, parts in zip(rows, inner, strict=True) if row.labels)
    if not whole or "train" not in splits.values() or len(set(splits.values())) < len(splits):
        return rows
    return [replace(row, split=splits[parts[1]]) if row.labels else row for row, parts in zip(rows, inner, strict=True)]


def _nested_split(names: list[str], splits: dict[str, str]) -> tuple[str, ...]:
    """Return a warning if a class is named like a split and has folders inside."""
    deep = sorted({name.partition("/")[0] for name in names if name.count("/") > 1} - set(splits))
    found = [top for top in deep if not splits and (split_of(top) or ("", "-"))[1] == ""]
    if not found:
        return ()
    return (f"class {found[0]!r} looks like the name of a split and has folders inside; are they the classes?",)


def _wrapper_in_split(top: str, names: list[str]) -> str:
    """Return the prefix inside a split folder that only repeats its name or says ``images``, as in ``seg_train/seg_train/``."""
    base = ""
    while True:
        inner = [name.removeprefix(f"{top}/{base}") for name in names if name.startswith(f"{top}/{base}")]
        tops = {name.partition("/")[0] for name in inner}
        name = next(iter(tops), "")
        repeated = name.lower() == top.lower() or is_filler(name) or split_of(name) == split_of(top)
        if len(tops) != 1 or not repeated or not all("/" in name for name in inner):
            return base
        base += f"{name}/"


def _place(path: str, name: str, splits: dict[str, str], inside: dict[str, str], pile: _Pile) -> None:
    top, _, rest = name.partition("/")
    split = splits.get(top)
    if splits and split is None:
        pile.skipped.append((path, "outside " + ", ".join(f"{folder}/" for folder in splits)))
        return
    label, slash, _ = (rest.removeprefix(inside[top]) if split else name).partition("/")
    if slash and label == UNSORTED:
        pile.skipped.append((path, "not sorted yet; move it into the folder of its class"))
        pile.unsorted.append(path)
        return
    pile.rows.append(Row(path, (label,) if slash else (), split))


def _note_empty_classes(folders: Iterable[str], base: str, parents: set[str], pile: _Pile) -> None:
    """Add a note about subfolders without images: they do not become classes, although the user may expect it.

    ``parents``: the folders of the class folders below ``base``, each with a slash at its end.
    """
    used = {label for row in pile.rows for label in row.labels}
    inner = [name.removeprefix(base) for name in folders if name.startswith(base)]
    named = {name.rpartition("/")[2] for name in inner if name[: name.rfind("/") + 1] in parents}
    empty = sorted(named - used - {UNSORTED, *UNLABELED})  # they hold other photos
    if used and empty:
        pile.notes.append(
            "ignored class folders without images: "
            + ", ".join(repr(name) for name in empty[:5])
            + (" ..." if len(empty) > 5 else "")
        )
