"""The same boxes come out of every format, from a folder, a single file and a zip; class folders stay class folders."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from box_scenes import SCENES, Scene, put
from box_writers import WRITERS, write_coco, write_voc
from image_folders import fill

from edgevision.datasets.boxes.formats import FORMATS
from edgevision.datasets.boxes.open_boxes import find_format, open_boxes
from edgevision.datasets.boxes.records import BoxDataset
from edgevision.errors import BadInput, MissingFile

SPLIT_SCENES = (
    *(replace(one, split=split) for one, split in zip(SCENES, ("train", "val", "train"), strict=True)),
    Scene("d.jpg", 70, 60, (("spoon", (5.0, 6.0, 30.0, 40.0)),), "test"),
)


def by_name(dataset: BoxDataset) -> dict[str, list[tuple[str, tuple[float, ...]]]]:
    return {
        Path(one.path).name: [
            (dataset.labels[box.label], tuple(round(edge, 3) for edge in box.box)) for box in one.boxes
        ]
        for one in dataset.images
    }


def expected(scenes: tuple[Scene, ...]) -> dict[str, list[tuple[str, tuple[float, ...]]]]:
    return {scene.name: [(label, box) for label, box in scene.boxes] for scene in scenes}


def test_every_format_has_a_writer() -> None:
    assert [one.name for one in FORMATS] == list(WRITERS)


@pytest.mark.parametrize("name", WRITERS)
def test_format_gives_the_boxes(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path, SCENES)
    assert find_format(tmp_path) == name
    found = open_boxes(tmp_path)
    assert by_name(found) == expected(SCENES) and found.labels == ("cup", "spoon")
    assert found.format == name and found.splits == ()
    assert (found.problems, found.skipped, found.notes, found.warnings) == ((), (), (), ())


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "Label Studio JSON"])
def test_format_gives_the_splits(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path, SPLIT_SCENES)
    found = open_boxes(tmp_path)
    assert by_name(found) == expected(SPLIT_SCENES)
    assert {Path(one.path).name: one.split for one in found.images} == {one.name: one.split for one in SPLIT_SCENES}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("inside", ["", "archive"])
def test_format_is_read_from_a_zip(tmp_path: Path, name: str, inside: str) -> None:
    WRITERS[name](tmp_path / "photos" / inside, SCENES)
    packed = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "photos"))
    assert find_format(packed) == name
    found = open_boxes(packed)
    assert by_name(found) == expected(SCENES) and not found.skipped
    assert found.images[0].read().width == found.images[0].width


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("CVAT XML", "annotations.xml"),
        ("Label Studio JSON", "project-1.json"),
        ("COCO JSON", "annotations/instances_default.json"),
        ("YOLO", "data.yaml"),
        ("CSV", "boxes.csv"),
    ],
)
def test_one_annotation_file_can_be_given(tmp_path: Path, name: str, file: str) -> None:
    WRITERS[name](tmp_path, SCENES)
    assert find_format(tmp_path / file) == name
    assert by_name(open_boxes(tmp_path / file)) == expected(SCENES)


def test_fingerprint_is_the_same_in_every_format(tmp_path: Path) -> None:
    marks = {open_boxes(write(tmp_path / name, SCENES)).fingerprint for name, write in WRITERS.items()}
    assert len(marks) == 1


def test_class_folders_are_not_boxes(tmp_path: Path) -> None:
    fill(tmp_path, "cup/1.jpg", "spoon/2.jpg")
    put(tmp_path / "cup/1.json", '{"title": "1.jpg", "images": 3}')
    put(tmp_path / "labels.csv", "path,label\ncup/1.jpg,cup\n")
    put(tmp_path / "notes.xml", "<notes/>")
    put(tmp_path / "cup/1.txt", "3 cups 1 2 3\n")
    put(tmp_path / "mkdocs.yml", "names: x\n")
    assert find_format(tmp_path) is None
    assert find_format(tmp_path / "labels.csv") is None
    with pytest.raises(BadInput, match="no annotations of boxes; edgevision reads Pascal VOC, CVAT XML"):
        open_boxes(tmp_path)


def test_missing_path_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="not found"):
        find_format(tmp_path / "nothing")


def test_of_two_formats_the_first_is_used_and_the_other_named(tmp_path: Path) -> None:
    write_voc(tmp_path, SCENES)
    put(tmp_path / "boxes.csv", "path,label,x0,y0,x1,y1\nJPEGImages/a.jpg,cup,1,2,3,4\n")
    found = open_boxes(tmp_path)
    assert found.format == "Pascal VOC"
    assert any("ignored CSV annotations" in note for note in found.notes)


def test_image_annotated_twice_is_reported(tmp_path: Path) -> None:
    write_coco(tmp_path, SCENES)
    shutil.copy(tmp_path / "annotations/instances_default.json", tmp_path / "annotations/instances_again.json")
    found = open_boxes(tmp_path)
    assert len(found.images) == 3 and len(found.skipped) == 3
    assert found.skipped[0].reason == "annotated more than once; only the first annotation is used"


def test_image_that_nothing_lists_is_left_out(tmp_path: Path) -> None:
    write_coco(tmp_path, SCENES)
    shutil.copy(tmp_path / "images/a.jpg", tmp_path / "images/z.jpg")
    found = open_boxes(tmp_path)
    assert len(found.images) == 3 and any("left out 1 image that no annotation" in note for note in found.notes)


def test_raccoons_are_equal_in_every_format(shared: Path, tmp_path: Path) -> None:
    raccoons = shared / "data/detection/raccoon"
    original = open_boxes(raccoons)
    assert len(original.images) == 200 and original.counts() == {"raccoon": 217}
    scenes = [
        Scene(
            Path(one.path).name,
            one.width,
            one.height,
            tuple((original.labels[box.label], box.box) for box in one.boxes),
        )
        for one in original.images
    ]

    def linked(path: Path, scene: Scene) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(raccoons / "images" / scene.name)

    for name, write in WRITERS.items():
        found = open_boxes(write(tmp_path / name.replace(" ", "-"), scenes, linked))
        assert found.format == name and by_name(found).keys() == by_name(original).keys()
        for one, other in zip(found.images, original.images, strict=True):
            assert (one.width, one.height) == (other.width, other.height)
            assert np.allclose([box.box for box in one.boxes], [box.box for box in other.boxes], atol=1e-3)
