"""The images of a detector's training: checked as boxes, split, recorded, and compared when a training is resumed."""

from __future__ import annotations

from pathlib import Path

import pytest
from box_scenes import Scene, put
from box_writers import voc_xml, write_voc
from documents import parse
from edgevision.convert.training.config.settings import TrainSettings
from edgevision.convert.training.input.splits import DatasetSplits, prepare
from edgevision.convert.training.monitor.observer import TrainingObserver

from edgevision.datasets.boxes.open_boxes import open_boxes
from edgevision.errors import BadInput, GateNotMet


class Listening(TrainingObserver):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def scenes(count: int = 30) -> list[Scene]:
    return [
        Scene(f"{number:03}.jpg", 160, 120, (("cup", (20.0 + number, 30.0, 90.0, 100.0)),)) for number in range(count)
    ]


def prepared(photos: Path, folder: Path, strict: bool = False) -> tuple[DatasetSplits, list[str]]:
    watcher = Listening()
    found = prepare(open_boxes(photos), TrainSettings(strict=strict), folder, watcher)
    return found, watcher.notes


def test_check_of_boxes_is_recorded_and_reused(tmp_path: Path) -> None:
    photos, folder = write_voc(tmp_path / "p", scenes()), tmp_path / "run"
    odd = Scene("000.jpg", 160, 120, (("cup", (20.0, 30.0, 190.0, 100.0)),))
    put(photos / "Annotations/000.xml", voc_xml(odd))
    folder.mkdir()
    made, notes = prepared(photos, folder)
    assert made.counts() == {"train": 24, "val": 3, "test": 3} and made.fingerprint == open_boxes(photos).fingerprint
    assert any(line.startswith("1 box partly outside of the image") for line in notes)
    assert parse((folder / "data.json").read_text(), "data_check")["boxes"]["problems"][0]["kind"] == "clipped"
    again, notes = prepared(photos, folder)
    assert again.train == made.train and again.fingerprint == made.fingerprint and notes == []


def test_training_is_not_resumed_with_a_moved_box(tmp_path: Path) -> None:
    photos, folder = write_voc(tmp_path / "p", scenes()), tmp_path / "run"
    folder.mkdir()
    prepared(photos, folder)
    moved = Scene("003.jpg", 160, 120, (("cup", (23.0, 30.0, 95.0, 100.0)),))
    put(photos / "Annotations/003.xml", voc_xml(moved))
    with pytest.raises(BadInput, match="has changed since"):
        prepared(photos, folder)


def test_strict_training_stops_at_a_fault_of_a_box(tmp_path: Path) -> None:
    photos = write_voc(tmp_path / "p", [*scenes(), Scene("odd.jpg", 160, 120, (("cup", (300.0, 0.0, 320.0, 9.0)),))])
    with pytest.raises(GateNotMet, match="1 box outside of the image"):
        prepared(photos, tmp_path, strict=True)
