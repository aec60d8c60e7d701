"""COCO JSON: sparse ids, crowds, polygons, Roboflow's extra category, COCO's own files, and one line for damaged ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from box_scenes import SCENES, drawn, put, with_orientation
from box_writers import coco_json, write_coco
from hypothesis import given, settings
from hypothesis import strategies as st

from edgevision.datasets.boxes.open_boxes import find_format, open_boxes
from edgevision.errors import BadInput, EdgeVisionError

SCENE = SCENES[0]


def write(root: Path, name: str = "coco.json", **changes: Any) -> Path:
    """Write SCENE with some keys of the document exchanged."""
    put(root / SCENE.name, drawn(SCENE))
    put(root / name, json.dumps(json.loads(coco_json([SCENE], ["cup", "spoon"])) | changes))
    return root


def test_coco_category_without_boxes_stays_a_label(tmp_path: Path) -> None:
    categories = [{"id": 90, "name": "zebra"}, {"id": 3, "name": "cup"}, {"id": 13, "name": "spoon"}]
    found = open_boxes(write(tmp_path, categories=categories))
    assert found.labels == ("cup", "spoon", "zebra") and found.counts() == {"cup": 1, "spoon": 1, "zebra": 0}


def test_coco_category_of_roboflow_for_the_project_is_left_out(tmp_path: Path) -> None:
    categories = [
        {"id": 0, "name": "kitchen", "supercategory": "none"},
        {"id": 3, "name": "cup", "supercategory": "kitchen"},
        {"id": 13, "name": "spoon", "supercategory": "kitchen"},
    ]
    assert open_boxes(write(tmp_path, categories=categories)).labels == ("cup", "spoon")


def test_coco_category_that_is_its_own_supercategory_stays(tmp_path: Path) -> None:
    categories = [
        {"id": 1, "name": "person", "supercategory": "person"},
        {"id": 3, "name": "cup", "supercategory": "person"},
        {"id": 13, "name": "spoon"},
    ]
    assert open_boxes(write(tmp_path, categories=categories)).labels == ("person", "cup", "spoon")


def test_coco_crowd_is_difficult_and_polygon_gives_its_box(tmp_path: Path) -> None:
    annotations = [
        {"image_id": 100, "category_id": 3, "bbox": [1, 2, 30, 40], "iscrowd": 1, "segmentation": {"counts": "x"}},
        {"image_id": 100, "category_id": 3, "bbox": [], "segmentation": [[50, 10, 70, 20], [60, 5, 65, 30]]},
        {"image_id": 100, "category_id": 3, "caption": "no place"},
    ]
    (image,) = open_boxes(write(tmp_path, annotations=annotations)).images
    assert [(one.box, one.difficult) for one in image.boxes] == [((1, 2, 31, 42), True), ((50, 5, 70, 30), False)]


def test_coco_own_key_points_do_not_double_the_persons(tmp_path: Path) -> None:
    write_coco(tmp_path, SCENES)
    put(tmp_path / "annotations/person_keypoints_default.json", coco_json(SCENES, ["cup", "spoon"]))
    assert not open_boxes(tmp_path).skipped


def test_coco_images_of_the_same_name_are_told_apart_by_split(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        put(tmp_path / split / "a.jpg", drawn(SCENE, seed=len(split)))
        put(tmp_path / split / "_annotations.coco.json", coco_json([SCENE], ["cup", "spoon"]))
    assert [(one.path, one.split) for one in open_boxes(tmp_path).images] == [
        ("train/a.jpg", "train"),
        ("valid/a.jpg", "val"),
    ]


def test_coco_missing_image_is_skipped(tmp_path: Path) -> None:
    images = [
        {"id": 100, "file_name": "C:\\photos\\a.jpg", "width": 120, "height": 80},
        {"id": 7, "file_name": "gone.jpg", "width": 1, "height": 1},
    ]
    found = open_boxes(write(tmp_path, images=images))
    assert [one.path for one in found.images] == ["a.jpg"]
    assert found.skipped[0].path == "gone.jpg" and "image not found" in found.skipped[0].reason


def test_coco_of_label_studio_has_upright_boxes_and_stored_sizes(tmp_path: Path) -> None:
    images = [{"id": 100, "file_name": "images/a.jpg", "width": 120, "height": 80}]
    write(tmp_path, images=images, info={"contributor": "Label Studio"})
    put(tmp_path / "images/a.jpg", with_orientation(drawn(SCENE), 6))
    (tmp_path / "a.jpg").unlink()
    (image,) = open_boxes(tmp_path).images
    assert (image.width, image.height) == (80, 120) and image.boxes[0].box == SCENE.boxes[0][1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"images": [{"id": 1}]}, "'file_name' is missing"),
        ({"images": [7]}, "images: expected an object, got 7"),
        ({"annotations": [{"id": 1}]}, "'image_id' is missing"),
        ({"annotations": [{"image_id": 1.5}]}, "image_id: expected a whole number"),
        ({"categories": [{"id": 1, "name": ""}]}, "expected the name of a class"),
        ({"categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}, "two categories have the id 1"),
    ],
)
def test_coco_that_is_damaged_is_one_line(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=r"^coco\.json is not valid COCO: ") as caught:
        open_boxes(write(tmp_path, **changes))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        ({"bbox": [1, 2, 3]}, "bbox: expected x, y, width and height, got [1, 2, 3]"),
        ({"bbox": [1, 2, 3, "wide"]}, "bbox: expected a number, got 'wide'"),
        ({"bbox": [1, 2, 3, float("nan")]}, "bbox: expected a number, got nan"),
        ({"bbox": [1, 2, 3, 4], "category_id": 99}, "category_id 99 is not one of the categories"),
    ],
)
def test_coco_image_with_a_damaged_box_is_skipped(tmp_path: Path, annotation: dict[str, Any], said: str) -> None:
    put(tmp_path / "b.jpg", drawn(SCENES[1]))
    images = [{"id": 100, "file_name": "a.jpg"}, {"id": 101, "file_name": "b.jpg"}]
    one = {"image_id": 100, "category_id": 3, **annotation}
    found = open_boxes(write(tmp_path, images=images, annotations=[one]))
    assert [(skipped.path, skipped.reason) for skipped in found.skipped] == [("a.jpg", f"{said} (in coco.json)")]


def test_coco_without_images_says_so(tmp_path: Path) -> None:
    put(tmp_path / "coco.json", '{"images": [], "annotations": [], "categories": []}')
    with pytest.raises(BadInput, match=r"\(COCO JSON\) lists no annotated images$"):
        open_boxes(tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 200) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "image_id", "category_id", "bbox", "name", "file_name", "width", "segmentation"]),
            inner,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=80, deadline=None)
@given(images=st.lists(JSON, max_size=3), annotations=st.lists(JSON, max_size=3), categories=st.lists(JSON, max_size=3))
def test_coco_of_any_values_is_read_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, images: Any, annotations: Any, categories: Any
) -> None:
    root = tmp_path_factory.mktemp("coco")
    write(root, images=images, annotations=annotations, categories=categories)
    assert find_format(root) == "COCO JSON"
    try:
        open_boxes(root)
    except EdgeVisionError as error:
        assert "\n" not in str(error)
