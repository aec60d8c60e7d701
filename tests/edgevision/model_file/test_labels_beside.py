"""Labels beside a model are used if there is exactly one for each class."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgevision.model_file.labels_beside import find_labels

THREE = "ant\nbee\ncat\n"


def found(folder: Path, classes: int | None = 3, model: str = "net.tflite") -> tuple[str, ...]:
    labels = find_labels(folder / model, classes, "classification")
    return () if labels is None else labels.labels


@pytest.mark.parametrize(
    "name", ["labels.txt", "LABELS", "classes.names", "dict.txt", "net.txt", "net_labels.txt", "labels-net.csv"]
)
def test_usual_names_are_found(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(THREE)
    assert found(tmp_path) == ("ant", "bee", "cat")


def test_numbers_of_teachable_machine_are_removed(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("0 ant\n1 bee\n2 cat\n")
    assert found(tmp_path) == ("ant", "bee", "cat")


def test_file_with_the_name_of_the_model_comes_first(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    (tmp_path / "net.txt").write_text(THREE)
    assert found(tmp_path) == ("ant", "bee", "cat")
    assert found(tmp_path, model="other.tflite") == ("a", "b", "c")


@pytest.mark.parametrize("classes", [2, 4, 1, None])
def test_other_number_of_classes_is_not_labeled(tmp_path: Path, classes: int | None) -> None:
    (tmp_path / "labels.txt").write_text(THREE)
    assert found(tmp_path, classes) == ()


@pytest.mark.parametrize("name", ["readme.txt", "requirements.txt", "net.json", "labels.md"])
def test_other_files_are_not_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(THREE)
    assert found(tmp_path) == ()


def test_files_that_contradict_each_other_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text(THREE)
    (tmp_path / "dict.txt").write_text("a\nb\nc\n")
    assert found(tmp_path) == ()


def test_what_is_not_a_list_of_labels_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels.txt").write_bytes(b"\0\1\2")
    (tmp_path / "dict.txt").write_text(THREE)
    assert found(tmp_path) == ("ant", "bee", "cat")
    assert find_labels(tmp_path / "missing" / "net.tflite", 3, "classification") is None
