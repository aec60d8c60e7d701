"""jsonl: and csv: whole lines, rotation, a full disk."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from edgevision.device.outputs.csv_file import COLUMNS, CsvFile, rows
from edgevision.device.outputs.item import Item
from edgevision.device.outputs.jsonl_file import JsonLinesFile
from edgevision.device.outputs.rotating_file import RotatingFile
from edgevision.device.outputs.shared_frame import SharedFrame

from edgevision.errors import CannotWrite
from edgevision.types import Point, Prediction
from tests.helpers.output_parts import event_item, frame_item


class Wall:
    """A clock that tests set."""

    now = 1_769_860_800.0

    def __call__(self) -> float:
        return self.now


def rotating(path: Path, wall: Wall, max_bytes: int | None = None, daily: bool = False, keep: int = 2) -> RotatingFile:
    return RotatingFile(path, wall, max_bytes=max_bytes, daily=daily, keep=keep, header=None)


def test_jsonl_lines_are_those_of_run_json(tmp_path: Path) -> None:
    output = JsonLinesFile(rotating(tmp_path / "sub/a.jsonl", Wall()))
    output.start()
    output.deliver(frame_item(3))
    output.deliver(event_item())
    output.close()
    first, second = [json.loads(line) for line in (tmp_path / "sub/a.jsonl").read_text().splitlines()]
    assert (first["type"], first["index"]) == ("frame", 3)
    assert (second["type"], second["event"], second["label"]["name"]) == ("event", "entered", "cat")


def test_half_line_of_a_power_loss_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a":1}\n{"b":' + b"\0" * 100_000)
    file = rotating(path, Wall())
    file.write('{"c":1}')
    file.close()
    assert path.read_text() == '{"a":1}\n{"c":1}\n'


def test_full_file_is_rotated_and_the_oldest_deleted(tmp_path: Path) -> None:
    file = rotating(tmp_path / "a.jsonl", Wall(), max_bytes=20)
    for number in range(12):
        file.write(f"line {number:02d}")
    file.close()
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert len(kept) == 3
    assert (tmp_path / "a.jsonl").read_text() == "line 10\nline 11\n"
    text = "".join(path.read_text() for path in sorted(tmp_path.iterdir()))
    assert "line 06" in text
    assert "line 05" not in text


def test_new_day_begins_a_new_file(tmp_path: Path) -> None:
    wall = Wall()
    file = rotating(tmp_path / "a.jsonl", wall, daily=True)
    file.write("yesterday")
    wall.now += 86_400
    file.write("today")
    file.close()
    assert (tmp_path / "a.jsonl").read_text() == "today\n"
    assert len(list(tmp_path.iterdir())) == 2


def test_link_pipe_and_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious\n")
    (tmp_path / "link").symlink_to(tmp_path / "victim")
    import os

    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "."):
        with pytest.raises(CannotWrite):
            rotating(tmp_path / name, Wall()).open()
    assert (tmp_path / "victim").read_text() == "precious\n"


def test_csv_has_one_row_per_label_and_no_formula(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    output = CsvFile(RotatingFile(path, Wall(), max_bytes=None, daily=False, keep=0, header=",".join(COLUMNS)))
    output.start()
    output.deliver(frame_item(3))
    output.deliver(event_item(name="=HYPERLINK(1)"))
    output.close()
    read = list(csv.DictReader(path.open()))
    assert [(row["type"], row["label"], row["score"]) for row in read] == [
        ("frame", "cat", "0.9"),
        ("frame", "dog", "0.1"),
        ("entered", "'=HYPERLINK(1)", "0.9"),
    ]
    assert list(read[0]) == list(COLUMNS)


def test_csv_has_places_of_points_as_boxes_without_size() -> None:
    points = Prediction("points", points=(Point(0, "bolt", 0.9, 5.0, 6.5),))
    (row,) = rows(Item("frame", "2026-01-31T12:00:00.000Z", SharedFrame(frame_item(1).frame.frame, points, 0)))
    assert (row["label"], row["score"], row["x0"], row["y0"], row["x1"], row["y1"]) == ("bolt", 0.9, 5.0, 6.5, 5.0, 6.5)
