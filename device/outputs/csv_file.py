"""``csv:PATH``: one row per label, object, point, region or event, for spreadsheets."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

from edgevision.files.csv_cells import escape

from .jsonl_file import FileSettings, rotating_file
from .kind import Kind, Needs
from .protocol import Output

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .item import Item
    from .rotating_file import RotatingFile

COLUMNS = (
    "time",
    "type",
    "index",
    "source",
    "label",
    "score",
    "x0",
    "y0",
    "x1",
    "y1",
    "area",
    "duration_s",
    "track",
    "detail",
)

_CONTROL = re.compile(r"\r\n|[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class CsvFile(Output):
    """Appends rows with the columns COLUMNS; a frame without any label has one row with an empty label."""

    def __init__(self, file: RotatingFile) -> None:
        self._file = file

    def start(self) -> None:
        """Open the file. Raises CannotWrite."""
        self._file.open()

    def deliver(self, item: Item) -> None:
        """Append the rows of one item. Raises CannotWrite."""
        for row in rows(item):
            self._file.write(_line([row.get(column) for column in COLUMNS]))

    def idle(self) -> None:
        """Bring everything to the disk. Raises CannotWrite."""
        self._file.sync()

    def close(self) -> None:
        """Close the file. Raises CannotWrite."""
        self._file.close()


def rows(item: Item) -> Iterator[dict[str, Any]]:
    """Yield the rows of an item, as column -> value."""
    record = item.record()
    common = {"time": record["time"], "type": item.kind, "index": record.get("index"), "source": record.get("source")}
    if item.event is not None:
        label = record.get("label") or {}
        duration = record.get("duration_s")
        yield common | {
            "type": item.event.kind,
            "label": label.get("name"),
            "score": label.get("score"),
            "duration_s": duration,
            "track": record.get("track"),
            "detail": record["detail"],
        }
        return
    if item.kind != "frame":
        yield common | {"detail": record.get("message") or f"{record.get('frames')} frames"}
        return
    kinds = ("labels", "objects", "points", "regions")
    found = [one for kind in kinds for one in record.get(kind, ())]
    for one in found or [{}]:
        corners = one.get("box") or ((one["x"], one["y"]) * 2 if "x" in one else ())
        box = dict(zip(("x0", "y0", "x1", "y1"), corners, strict=False))
        cells = {key: one.get(key) for key in ("score", "area", "track")}
        yield common | {"label": one.get("name"), **cells, **box}


def _line(cells: list[Any]) -> str:
    """Return one row on one line; numbers stay as they are, since a negative one is not a formula."""
    texts = ["" if cell is None else escape(cell) if isinstance(cell, str) else str(cell) for cell in cells]
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([_CONTROL.sub(" ", text) for text in texts])
    return out.getvalue()


KIND = Kind(
    lambda config, context: CsvFile(rotating_file(config, context, ",".join(COLUMNS))),
    settings=FileSettings,
    needs=lambda config: Needs(writes=(config.target,)),
    target="file",
)
