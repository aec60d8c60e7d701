"""JSON records that commands read again."""

from __future__ import annotations

import json
from pathlib import Path

from edgevision.device.bench import comparison_tables
from edgevision.device.bench.compare import compare
from edgevision.device.label.journal import FILE, FOLDER, Journal
from edgevision.device.teach import store


def read_bench(data: bytes, folder: Path) -> None:
    """Compare the results of a bench.json and make all that ``bench compare`` shows."""
    path = folder / "bench.json"
    path.write_bytes(data)
    comparison = compare([path])
    comparison_tables.comparison_table(comparison)
    comparison_tables.markdown(comparison)
    comparison_tables.write_page(comparison, folder / "bench.html")
    json.dumps(comparison.to_json(), allow_nan=False).encode()


def read_taught(data: bytes, folder: Path) -> None:
    """Load taught classes."""
    path = folder / "taught.json"
    path.write_bytes(data)
    store.load(path)


def read_label_log(data: bytes, folder: Path) -> None:
    """Read a log of labeling and what can be undone."""
    path = folder / FOLDER / FILE
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    journal = Journal(folder)
    json.dumps([journal.undo_count, journal.undoable and journal.undoable.to_json()], allow_nan=False).encode()
