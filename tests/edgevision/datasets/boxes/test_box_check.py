"""The check of images with boxes: every finding, the split it allows, and the command that reports it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from box_scenes import Scene, drawn, put
from box_writers import WRITERS, coco_json, voc_xml, write_voc
from command_line import edgevision
from documents import parse
from image_folders import fill

from edgevision.datasets.boxes.box_check import BoxReport, check_boxes
from edgevision.datasets.boxes.open_boxes import open_boxes
from edgevision.datasets.split import split
from edgevision.errors import BadInput

BOX = (20.0, 30.0, 90.0, 100.0)


def scenes(count: int = 24, label: str = "cup") -> list[Scene]:
    """Return photos of one cup each, all different."""
    return [
        Scene(f"{label}{number:03}.jpg", 160, 120, ((label, (20.0 + number, 30.0, 90.0, 100.0)),))
        for number in range(count)
    ]


def checked(root: Path) -> BoxReport:
    return check_boxes(open_boxes(root))


def test_clean_boxes_have_no_warnings(tmp_path: Path) -> None:
    report = checked(write_voc(tmp_path, scenes()))
    assert (report.files.warnings, report.files.notes) == ((), ())
    assert report.counts() == {"cup": 24} and len(report.images) == 24
    assert report.fingerprint == report.dataset.fingerprint


def test_faults_of_boxes_are_warnings(tmp_path: Path) -> None:
    odd = (
        ("cup", (10.0, 10.0, 60.0, 60.0)),
        ("cup", (10.0, 10.0, 60.0, 60.0)),
        ("spoon", (10.0, 10.0, 60.0, 60.0)),
        ("cup", (-20.0, 0.0, 30.0, 30.0)),
        ("cup", (300.0, 0.0, 330.0, 30.0)),
        ("cup", (40.0, 40.0, 40.0, 90.0)),
        ("cup", (100.0, 100.0, 103.0, 110.0)),
    )
    write_voc(tmp_path, [*scenes(), Scene("odd.jpg", 160, 120, odd)])
    put(tmp_path / "JPEGImages/scaled.jpg", drawn(scenes(1)[0], seed=7))
    put(tmp_path / "Annotations/scaled.xml", voc_xml(Scene("scaled.jpg", 320, 240, (("cup", BOX),))))
    where = "in JPEGImages/odd.jpg"
    assert checked(tmp_path).files.warnings == (
        f"1 box outside of the image, left out, such as 'cup' {where}",
        f"1 box without a width or height, left out, such as 'cup' {where}",
        f"1 box marked twice, counted once, such as 'cup' {where}",
        f"1 box partly outside of the image, cut off at the edge, such as 'cup' {where}",
        f"1 box at the same place as a box with another label, such as 'spoon' {where}",
        "1 image annotated at another size than that of the file, boxes scaled, such as JPEGImages/scaled.jpg",
        "fewer than 20 boxes of spoon (1)",
        "1 box is smaller than 6 pixels once images are scaled to 256, too small to be found, such as " + where,
    )


def test_classes_without_boxes_are_warnings(tmp_path: Path) -> None:
    train, test = scenes(), [replace(one, split="test") for one in scenes(22, "spoon")]
    for part, some in (("train", train), ("test", test)):
        put(tmp_path / f"{part}.json", coco_json(some, ["cup", "fork", "spoon"]))
        for scene in some:
            put(tmp_path / part / scene.name, drawn(scene))
    warnings = checked(tmp_path).files.warnings
    assert warnings == ("no boxes of fork", "no boxes of spoon in train", "no boxes of cup in test")


def test_images_without_boxes_are_background(tmp_path: Path) -> None:
    empty = [replace(one, boxes=()) for one in scenes(30, "empty")]
    few = checked(write_voc(tmp_path / "few", [*scenes(), *empty[:3]]))
    assert few.files.notes == ("3 images without boxes, used as background",) and not few.files.warnings
    many = checked(write_voc(tmp_path / "many", [*scenes(), *empty]))
    assert many.files.warnings[0].startswith(
        "30 of 54 images have no boxes and count as background, such as JPEGImages/empty"
    )


def test_damaged_and_missing_images_are_listed(tmp_path: Path) -> None:
    write_voc(tmp_path, scenes())
    put(tmp_path / "JPEGImages/cup003.jpg", drawn(scenes()[3])[:900])
    (tmp_path / "JPEGImages/cup004.jpg").unlink()
    report = checked(tmp_path)
    assert [one.path for one in report.files.bad] == ["Annotations/cup004.xml", "JPEGImages/cup003.jpg"]
    assert report.files.warnings == ("2 unusable files will be skipped",) and len(report.images) == 22


def test_leak_between_splits_is_reported(tmp_path: Path) -> None:
    some = [replace(one, split="test" if number < 6 else "train") for number, one in enumerate(scenes(30))]
    write_voc(tmp_path, some)
    shutil.copy(tmp_path / "JPEGImages/cup000.jpg", tmp_path / "JPEGImages/cup020.jpg")
    warnings = checked(tmp_path).files.warnings
    assert any(line.startswith("leak: 2 images in test/train are duplicates") for line in warnings)


def test_equal_files_with_other_boxes_are_reported(tmp_path: Path) -> None:
    write_voc(tmp_path, scenes())
    for number, x1 in ((1, 92.0), (2, 40.0)):
        shutil.copy(tmp_path / "JPEGImages/cup000.jpg", tmp_path / f"JPEGImages/again{number}.jpg")
        copy = Scene(f"again{number}.jpg", 160, 120, (("cup", (20.0, 30.0, x1, 100.0)),))
        put(tmp_path / f"Annotations/again{number}.xml", voc_xml(copy))
    (line,) = checked(tmp_path).files.warnings
    assert line.startswith(
        "1 pair of equal files with different boxes, such as JPEGImages/again1.jpg = JPEGImages/again2.jpg"
    )


def test_split_of_boxes_keeps_copies_together_and_every_class_everywhere(tmp_path: Path) -> None:
    write_voc(tmp_path, [*scenes(40), *scenes(10, "spoon")])
    for number in range(5):
        name = f"copy{number}"
        shutil.copy(tmp_path / "JPEGImages/cup000.jpg", tmp_path / f"JPEGImages/{name}.jpg")
        put(tmp_path / f"Annotations/{name}.xml", voc_xml(replace(scenes(1)[0], name=f"{name}.jpg")))
    dataset = open_boxes(tmp_path)
    parts = split(dataset.as_dataset(), seed=3, report=check_boxes(dataset).files)
    found = {row.path: row.split for row in parts.rows}
    copies = {found[path] for path in found if "copy" in path or "cup000" in path}
    assert len(copies) == 1 and set(found.values()) == {"train", "val", "test"}
    for name in ("train", "val", "test"):
        some = dataset.select(path for path, part in found.items() if part == name)
        assert {dataset.labels[box.label] for image in some for box in image.boxes} == {"cup", "spoon"}


def test_boxes_that_cannot_be_trained_on_say_what_is_missing(tmp_path: Path) -> None:
    write_voc(tmp_path / "few", scenes(3))
    with pytest.raises(BadInput, match="has 3 images with boxes to train on; add images: at least 4, better 200"):
        open_boxes(tmp_path / "few").require_trainable()
    write_voc(tmp_path / "none", [replace(one, boxes=()) for one in scenes(5)])
    with pytest.raises(BadInput, match="has no boxes: all 5 images are background"):
        open_boxes(tmp_path / "none").require_trainable()
    write_voc(tmp_path / "rare", [*scenes(8), *scenes(1, "spoon")])
    with pytest.raises(BadInput, match=r"has too few boxes of 'spoon' \(1\); draw at least 2 of each label"):
        open_boxes(tmp_path / "rare").require_trainable()
    halves = [replace(one, split="val" if number % 2 else "test") for number, one in enumerate(scenes(8))]
    write_voc(tmp_path / "held", halves)
    with pytest.raises(BadInput, match="has only val and test images"):
        open_boxes(tmp_path / "held").require_trainable()


@pytest.mark.parametrize("name", WRITERS)
def test_command_checks_every_format(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / "p", scenes())
    shown = edgevision("data", "check", "p", "--strict", cwd=tmp_path)
    assert shown.returncode == 0 and shown.stderr == ""
    lines = shown.stdout.strip().splitlines()
    assert lines[-2:] == ["p: 24 images, no problems found", "next: edgevision train p"]
    assert f"p ({name})" in lines[0]


def test_command_reports_boxes_and_exits_with_3_if_strict(tmp_path: Path) -> None:
    odd = Scene("odd.jpg", 160, 120, (("cup", BOX), ("cup", (200.0, 0.0, 230.0, 30.0))))
    write_voc(tmp_path / "p", [*scenes(), odd])
    shown = edgevision("data", "check", "p", cwd=tmp_path)
    assert shown.returncode == 0 and "boxes per image  1 to 1, median 1" in shown.stdout
    assert "warning: 1 box outside of the image, left out, such as 'cup' in JPEGImages/odd.jpg" in shown.stdout
    strict = edgevision("data", "check", "p", "--strict", "--json", cwd=tmp_path)
    assert strict.returncode == 3 and strict.stderr.count("\n") == 1
    document = parse(strict.stdout, "data_check")
    assert document["classes"] == [{"name": "cup", "pictures": 25, "boxes": 25}]
    assert document["boxes"]["total"] == 25 and document["boxes"]["per_image"] == {"min": 1, "median": 1, "max": 1}
    assert document["boxes"]["problems"] == [
        {"path": "JPEGImages/odd.jpg", "kind": "outside", "label": "cup", "box": [200, 0, 230, 30]}
    ]


def test_command_refuses_a_label_map_for_boxes(tmp_path: Path) -> None:
    write_voc(tmp_path / "p", scenes(4))
    put(tmp_path / "map.csv", "cup,mug\n")
    shown = edgevision("data", "check", "p", "--label-map", "map.csv", cwd=tmp_path)
    assert shown.returncode == 2 and "rename classes in their annotations" in shown.stderr


def test_command_checks_class_folders_as_before(tmp_path: Path) -> None:
    fill(tmp_path / "p", "cup/1.jpg", "spoon/2.jpg")
    document = parse(edgevision("data", "check", "p", "--json", cwd=tmp_path).stdout, "data_check")
    assert document["layout"] == "class folders" and "boxes" not in document
