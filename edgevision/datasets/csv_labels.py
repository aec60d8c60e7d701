"""CSV files with labels: one row per image, or one row per name that is mapped to a label."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..errors import BadInput, MissingFile
from ..files import csv_cells
from ..files.text import decode_text
from ..input_file import read_file
from ..preprocessing import SUFFIX_KIND

SEPARATOR = "|"
"""Separator between the labels of one image."""
COLUMNS = ("path", "label")
PATH_NAMES = "path file filename filepath filepaths imagepath imagefile imagename image images imagefilename".split()
LABEL_NAMES = "label labels class classes classname classlabel category categories target tag tags species".split()
SPLIT_NAMES = ("split", "subset", "dataset", "set")
_OTHER_NAMES = {**dict.fromkeys(SPLIT_NAMES, "split"), "group": "group"}
_MEANING = {**dict.fromkeys(PATH_NAMES, "path"), **dict.fromkeys(LABEL_NAMES, "label"), **_OTHER_NAMES}
"""Column that a name in a header means; spaces, hyphens, underscores and case do not count."""
MAX_ROWS = 10_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One image listed in a CSV."""

    path: str
    """Path relative to the CSV's folder, with forward slashes."""
    labels: tuple[str, ...]
    split: str | None = None
    group: str = ""
    """Group of duplicates that the image belongs to; empty if it has none."""
    line: int = 0
    """Line in the CSV, counted from 1."""


def parse_rows(text: str, name: str) -> list[Row]:
    """Parse a CSV of ``path,label[,split][,group]``; the header is optional. Raises BadInput with the line."""
    rows = read_cells(text, name)
    if not rows:
        raise BadInput(f"{name} is empty; write one line per image: path,label")
    header = [cell.strip().lower() for cell in rows[0][1]]
    columns = _columns(header, name)
    if columns:
        rows = rows[1:]
    elif len(header) >= 2 and PurePosixPath(header[0]).suffix in SUFFIX_KIND:
        columns = {"path": 0, "label": 1}
    elif one_hot := _one_hot(rows, name):
        return one_hot
    else:
        raise BadInput(
            f"{name}: the first line must be path,label (several labels as a|b), got {','.join(header)[:60]!r}"
        )
    return [_row(cells, columns, line, name) for line, cells in rows]


def _columns(header: list[str], name: str) -> dict[str, int]:
    """Return the position of each column; empty if the header does not name path and label. Raises BadInput."""
    if set(COLUMNS) <= set(header):
        return {cell: at for at, cell in reversed(list(enumerate(header)))}
    found: dict[str, int] = {}
    if {"xmin", "x_min", "bbox", "bbox_x", "x1", "roi.x1"} & set(header):
        said = f"{name} has columns of boxes, for object detection"
        raise BadInput(f"{said}; to use it as one label per image, call the columns path and label")
    for at, cell in enumerate(header):
        meaning = _MEANING.get(re.sub(r"[\s_-]", "", cell))
        if meaning in found and meaning in COLUMNS:
            raise BadInput(
                f"{name}: the columns {header[found[meaning]]!r} and {cell!r} can both be the {meaning}; "
                f"call one of them {meaning!r} and remove the other"
            )
        if meaning:
            found.setdefault(meaning, at)
    return found if set(COLUMNS) <= set(found) else {}


def _one_hot(rows: list[tuple[int, list[str]]], name: str) -> list[Row]:
    """Return the rows of a CSV with one column of 0 or 1 per class, as Roboflow writes it; empty for any other CSV."""
    header = [cell.strip() for cell in rows[0][1]]
    paths = [at for at, cell in enumerate(header) if _MEANING.get(re.sub(r"[\s_-]", "", cell.lower())) == "path"]
    flags = [at for at in range(len(header)) if at not in paths]
    cells = [[cell.strip() for cell in row] for _, row in rows[1:]]
    fits = all(len(row) == len(header) and all(row[at] in ("0", "1") for at in flags) for row in cells)
    if len(paths) != 1 or len(flags) < 2 or not cells or not fits or "" in header:
        return []
    if len(set(header)) < len(header) or any(SEPARATOR in header[at] or has_control(header[at]) for at in flags):
        raise BadInput(
            f"{name}: the columns after the file name must be distinct class names, got {','.join(header)[:60]!r}"
        )
    columns = {"path": 0, "label": 1}
    joined = [[row[paths[0]], SEPARATOR.join(header[at] for at in flags if row[at] == "1")] for row in cells]
    return [_row(row, columns, line, name) for row, (line, _) in zip(joined, rows[1:], strict=True)]


def has_label_columns(text: str) -> bool:
    """Return whether the header of a CSV names a path and a label in any way that ``parse_rows`` reads."""
    try:
        rows = read_cells(text.partition("\n")[0], "")
        return bool(rows) and bool(_columns([cell.strip().lower() for cell in rows[0][1]], ""))
    except BadInput:
        return False


def is_label_csv(text: str) -> bool:
    """Return whether the header of a CSV has the columns path and label."""
    first = text.lstrip("\ufeff").partition("\n")[0]
    return set(COLUMNS) <= {cell.strip().strip('"').lower() for cell in first.split(",")}


def format_rows(rows: list[Row]) -> str:
    """Format rows as the text of a CSV with the columns path, label, split and group."""
    cells = [(row.path, SEPARATOR.join(row.labels), row.split or "", row.group) for row in rows]
    return csv_cells.dumps([("path", "label", "split", "group"), *cells])


def read_label_map(path: Path) -> dict[str, str]:
    """Read a CSV of ``name,label``: a folder name or image path, and the model's label for it. Raises BadInput."""
    found: dict[str, str] = {}
    for line, cells in read_cells(read_text(path), str(path)):
        if len(cells) < 2 or not cells[0].strip() or not cells[1].strip() or has_control(cells[1].strip()):
            raise BadInput(f"{path}, line {line}: expected name,label; got {','.join(cells)!r}")
        name, label = cells[0].strip(), cells[1].strip()
        if found.setdefault(name, label) != label:
            raise BadInput(
                f"{path}, line {line}: {name!r} is mapped to {label!r}, but to {found[name]!r} in an earlier line"
            )
    if not found:
        raise BadInput(f"{path} is empty; write one line per name: folder name,label of the model")
    return found


MAX_BYTES = 2**28
"""Largest CSV in bytes: millions of images."""


def read_text(path: Path) -> str:
    """Read the text of a CSV. Raises MissingFile, BadInput."""
    try:
        return decode_text(read_file(path, "CSV", MAX_BYTES))
    except MissingFile:
        raise
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text (byte {error.start}); save it as a CSV in UTF-8") from None


def has_control(text: str) -> bool:
    """Return whether a name contains a line break or another control character."""
    return any(letter < " " or "\x7f" <= letter < "\xa0" for letter in text)


def read_cells(text: str, name: str) -> list[tuple[int, list[str]]]:
    """Return the lines of a CSV that are not empty, each with its number from 1. Raises BadInput."""
    text = text.lstrip("\ufeff")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text.partition("\n")[0]))
    found: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                found.append((reader.line_num, cells))
            if len(found) > MAX_ROWS:
                raise BadInput(f"{name} has more than {MAX_ROWS} lines, the limit; split it")
    except csv.Error as error:
        raise BadInput(f"{name}, line {reader.line_num}: not valid CSV: {error}") from None
    return found


def _delimiter(header: str) -> str:
    """Return the delimiter: a comma, unless the first line has none but a tab or semicolon (Excel in many countries)."""
    return "," if "," in header else next((mark for mark in "\t;" if mark in header), ",")


def _row(cells: list[str], columns: dict[str, int], line: int, name: str) -> Row:
    def cell(key: str) -> str:
        at = columns.get(key)
        return csv_cells.unescape(cells[at].strip()) if at is not None and at < len(cells) else ""

    path = cell("path").replace("\\", "/").removeprefix("./")
    if not path:
        raise BadInput(f"{name}, line {line}: the path is missing; write each line as path,label")
    if has_control(path) or has_control(cell("label")):
        raise BadInput(
            f"{name}, line {line}: line breaks and control characters are not allowed, got {path + cell('label')!r}"
        )
    labels = tuple(dict.fromkeys(part.strip() for part in cell("label").split(SEPARATOR) if part.strip()))
    return Row(path, labels, cell("split") or None, cell("group"), line)
