"""YOLO: the folders that data.yaml files of all versions name, names of classes, lines of labels."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from box_scenes import SCENES, drawn, put
from box_writers import labels_of, write_yolo, yolo_text
from hypothesis import given, settings
from hypothesis import strategies as st

from edgevision.datasets.boxes.open_boxes import find_format, open_boxes
from edgevision.datasets.boxes.yaml_text import load_yaml
from edgevision.datasets.boxes.yolo import parse_labels
from edgevision.errors import BadInput, EdgeVisionError, MissingDependency

LABELS = labels_of(SCENES)
A = SCENES[0]


def roboflow(root: Path, yaml: str) -> Path:
    """Write train/images, train/labels, valid/... with the given data.yaml."""
    for folder, scene in zip(("train", "valid", "test"), SCENES, strict=True):
        put(root / folder / "images" / scene.name, drawn(scene))
        put(root / folder / "labels" / f"{scene.name[:-4]}.txt", yolo_text(scene, LABELS))
    put(root / "data.yaml", yaml)
    return root


def splits(root: Path) -> list[tuple[str, str | None, int]]:
    return [(one.path, one.split, len(one.boxes)) for one in open_boxes(root).images]


ROBOFLOW = [("test/images/empty.jpg", "test", 0), ("train/images/a.jpg", "train", 2), ("valid/images/b.jpg", "val", 1)]


@pytest.mark.parametrize(
    "paths",
    [
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images",
        "train: train/images\nval: valid/images\ntest: test/images",
        "train: train\nval: valid\ntest: test",
        "path: /content/datasets/kitchen-1\ntrain: train/images\nval: valid/images\ntest: test/images",
        "path: ../datasets/kitchen\ntrain: train/images\nval: valid/images\ntest: test/images",
        "train: /content/kitchen-1/train/images\nval: /content/kitchen-1/valid/images\ntest: /content/kitchen-1/test/images",
        "train: [train/images]\nval: [valid/images]\ntest: [test/images]",
        "train: ./train/images/\nvalid: valid\\images\ntest: test/images",
    ],
)
@pytest.mark.parametrize(
    "names", ["nc: 2\nnames: [cup, spoon]", "names:\n  0: cup\n  1: spoon", "names:\n- cup\n- spoon"]
)
def test_yolo_folders_are_found(tmp_path: Path, paths: str, names: str) -> None:
    root = roboflow(tmp_path, f"{paths}\n{names}\n")
    assert splits(root) == ROBOFLOW and open_boxes(root).labels == ("cup", "spoon")


def test_yolo_lists_of_images(tmp_path: Path) -> None:
    root = roboflow(tmp_path, "path: .\ntrain: train.txt\nval: lists/val.txt\nnames: [cup, spoon]\n")
    put(root / "train.txt", "./train/images/a.jpg\n\n")
    put(root / "lists/val.txt", "/home/me/valid/images/b.jpg\n")
    assert splits(root) == [("train/images/a.jpg", "train", 2), ("valid/images/b.jpg", "val", 1)]


def test_yolo_path_outside_of_the_folder_is_followed(tmp_path: Path) -> None:
    write_yolo(tmp_path / "photos", SCENES)
    put(tmp_path / "config/kitchen.yaml", "path: ../photos\ntrain: images/train\nnames: [cup, spoon]\n")
    for where in ("config", "config/kitchen.yaml"):
        found = open_boxes(tmp_path / where)
        assert [Path(one.path).name for one in found.images] == [one.name for one in SCENES]
        assert found.counts() == {"cup": 2, "spoon": 1}


def test_yolo_folder_that_is_missing_is_a_warning(tmp_path: Path) -> None:
    root = roboflow(tmp_path, "train: train/images\nval: nothing/here\nnames: [cup, spoon]\n")
    found = open_boxes(root)
    assert found.warnings == (
        "data.yaml names a folder or list that does not exist, which is left out: val: nothing/here",
    )


def test_yolo_split_without_any_labels_is_left_out(tmp_path: Path) -> None:
    root = roboflow(tmp_path, "train: train/images\nval: valid/images\ntest: test/images\nnames: [cup, spoon]\n")
    (root / "test/labels/empty.txt").unlink()
    found = open_boxes(root)
    assert [one.split for one in found.images] == ["train", "val"]
    assert found.warnings == ("no image of test has a text file with boxes, so that test is left out",)


def test_yolo_config_without_pyyaml_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = roboflow(tmp_path, "train: train/images\nnames: [cup, spoon]\n")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(MissingDependency, match="pip install pyyaml"):
        open_boxes(root)


def test_yolo_images_in_two_splits_are_used_in_the_first(tmp_path: Path) -> None:
    root = roboflow(tmp_path, "train: train/images\nval: [train/images, valid/images]\nnames: [cup, spoon]\n")
    assert [split for _, split, _ in splits(root)] == ["train", "val"]
    assert "1 image in two splits" in open_boxes(root).warnings[0]


def test_yolo_of_darknet_and_cvat(tmp_path: Path) -> None:
    for scene in SCENES:
        put(tmp_path / "obj_train_data" / scene.name, drawn(scene))
        put(tmp_path / "obj_train_data" / f"{scene.name[:-4]}.txt", yolo_text(scene, LABELS))
    put(tmp_path / "obj.names", "cup\nspoon\n")
    put(tmp_path / "obj.data", "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\n")
    put(tmp_path / "train.txt", "data/obj_train_data/a.jpg\ndata/obj_train_data/b.jpg\n")
    put(tmp_path / "test.txt", "data/obj_train_data/empty.jpg\n")
    assert [(split, count) for _, split, count in splits(tmp_path)] == [("train", 2), ("train", 1), ("test", 0)]


def test_yolo_of_labelimg(tmp_path: Path) -> None:
    put(tmp_path / A.name, drawn(A))
    put(tmp_path / "a.txt", yolo_text(A, LABELS))
    put(tmp_path / "classes.txt", "cup\nspoon\n")
    assert splits(tmp_path) == [("a.jpg", None, 2)]


def test_yolo_without_names_says_what_is_missing(tmp_path: Path) -> None:
    put(tmp_path / "images/a.jpg", drawn(A))
    put(tmp_path / "labels/a.txt", yolo_text(A, LABELS))
    assert find_format(tmp_path) == "YOLO"
    with pytest.raises(BadInput, match=r"labels/a\.txt has boxes .* write them into a classes\.txt"):
        open_boxes(tmp_path)


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("names: [a, b]\nnc: 3\ntrain: train\n", "nc is 3, but names has 2 classes"),
        ("names: {0: a, 2: b}\ntrain: train\n", "names must be numbered from 0 without gaps"),
        ("names: [a, a]\ntrain: train\n", "names has 'a' twice"),
        ("names: 3\ntrain: train\n", "names: expected a list of class names, got '3'"),
        ("names: [[a]]\ntrain: train\n", "expected the name of a class, got ['a']"),
        ("names: [a]\ntrain: {a: b}\n", "train: expected a folder or a list of them, got {'a': 'b'}"),
        ("names: [a]\ntrain: nowhere\n", "no images found (train: nowhere); set path to the folder"),
        ("names: [a\ntrain: x\n", "is not valid YAML"),
        ("names: &n [a]\ntrain: *n\n", "has aliases"),
        ("names: [a]\ntrain: !!python/object/apply:os.system ['id']\n", "no images found (train: id)"),
    ],
)
def test_yolo_config_that_cannot_be_used_is_one_line(tmp_path: Path, yaml: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        open_boxes(roboflow(tmp_path, yaml))
    assert str(caught.value).startswith("data.yaml") and said in str(caught.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2 0.5 0.5 0.1 0.1", "expected a class from 0 to 1, got '2'"),
        ("cup 0.5 0.5 0.1 0.1", "expected a number, got 'cup'"),
        ("0.5 0.5 0.5 0.1 0.1", "expected a class from 0 to 1, got '0.5'"),
        ("0 60 40 10 10", "expected proportions 0..1 of the image, got 60"),
        ("0 0.5 0.5 0.1", "expected a class and 4 numbers, or the corners of a polygon, got 3 numbers"),
        ("0 0.5 0.5 0.1 0.1 0.98", "got 5 numbers"),
        ("0 0.5 nan 0.1 0.1", "expected a number, got 'nan'"),
    ],
)
def test_yolo_image_with_a_wrong_line_is_skipped(tmp_path: Path, line: str, said: str) -> None:
    root = roboflow(tmp_path, "train: train/images\nval: valid/images\nnames: [cup, spoon]\n")
    put(root / "train/labels/a.txt", f"\n{line}\n")
    (skipped,) = open_boxes(root).skipped
    assert skipped.path == "train/images/a.jpg"
    assert skipped.reason.startswith("train/labels/a.txt, line 2: ") and said in skipped.reason


def test_yolo_polygon_gives_the_box_around_it_and_key_points_are_left_out() -> None:
    (polygon,) = parse_labels("1 0.1 0.2 0.3 0.1 0.2 0.4", "x", ("cup", "spoon"))
    assert (polygon.label, polygon.box) == ("spoon", (0.1, 0.1, 0.3, 0.4))
    (pose,) = parse_labels("0 0.5 0.5 0.5 0.5 0.9 0.9 2 0.1 0.1 2", "x", ("cup",), keypoints=True)
    assert pose.box == (0.25, 0.25, 0.75, 0.75)


def test_yolo_names_that_yaml_takes_for_numbers_are_names(tmp_path: Path) -> None:
    root = roboflow(tmp_path, "train: train/images\nnames: [8, yes]\n")
    assert open_boxes(root).labels == ("8", "yes")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.lists(st.sampled_from("0 1 -1 0.5 nan 1e9 x \n".split(" "))).map(" ".join))
def test_yolo_lines_are_boxes_or_one_message_with_the_line(text: str) -> None:
    try:
        for one in parse_labels(text, "a.txt", ("cup", "spoon")):
            assert len(one.box) == 4 and one.label in ("cup", "spoon")
    except ValueError as error:
        assert str(error).startswith("a.txt, line ")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80) | st.text(alphabet="names:[]{}&*!-,\n '\"0a", max_size=80))
def test_yaml_is_a_value_or_one_line(text: str) -> None:
    try:
        load_yaml(text, "data.yaml")
    except EdgeVisionError as error:
        assert str(error).startswith("data.yaml") and "\n" not in str(error)


def test_yaml_nested_too_deeply_is_refused() -> None:
    with pytest.raises(BadInput, match="nested too deeply"):
        load_yaml("[" * 20_000, "data.yaml")
