"""Label Studio: both JSON exports, names of uploads, several annotators, rotation, and what cannot be a box."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from box_scenes import SCENES, drawn, put
from box_writers import label_studio_task, write_label_studio
from hypothesis import given, settings
from hypothesis import strategies as st

from edgevision.datasets.boxes.open_boxes import find_format, open_boxes
from edgevision.datasets.boxes.records import BoxDataset
from edgevision.errors import BadInput, EdgeVisionError

A = SCENES[0]


def opened(root: Path, *tasks: Any, photo: str = A.name) -> BoxDataset:
    put(root / photo, drawn(A))
    put(root / "export.json", json.dumps(tasks))
    return open_boxes(root)


def task(**changes: Any) -> dict[str, Any]:
    return label_studio_task(1, A) | changes


def changed(region: dict[str, Any], **value: Any) -> dict[str, Any]:
    """Return task 1 with its first region changed."""
    made: Any = task()
    first = made["annotations"][0]["result"][0]
    first.update(region)
    first["value"].update(value)
    return made


@pytest.mark.parametrize(
    "url",
    [
        "/data/upload/3/0a1b2c3d-a.jpg",
        "/data/local-files/?d=photos/2024/a.jpg",
        "s3://bucket/photos/a.jpg",
        "https://host/photos/a.jpg?X-Amz-Signature=1234",
        "C:\\photos\\a.jpg",
    ],
)
def test_label_studio_image_is_found_by_its_url(tmp_path: Path, url: str) -> None:
    made = task(data={"photo": url, "note": "no image"})
    del made["file_upload"]
    assert [one.path for one in opened(tmp_path, made).images] == ["a.jpg"]


def test_label_studio_image_may_have_its_name_of_the_upload(tmp_path: Path) -> None:
    assert len(opened(tmp_path, task(), photo="images/0a1b2c3d-a.jpg").images) == 1


def test_label_studio_json_min(tmp_path: Path) -> None:
    regions = [
        {**region["value"], "original_width": 120, "original_height": 80}  # type: ignore[index]
        for region in label_studio_task(1, A)["annotations"][0]["result"]  # type: ignore[index]
    ]
    found = opened(tmp_path, {"image": "/data/upload/1/0a1b2c3d-a.jpg", "id": 1, "label": regions, "annotation_id": 5})
    boxes = [(found.labels[one.label], tuple(round(edge, 6) for edge in one.box)) for one in found.images[0].boxes]
    assert boxes == list(A.boxes)
    base = {"image": "/data/upload/1/0a1b2c3d-a.jpg", "id": 1}
    assert opened(tmp_path, base | {"annotation_id": 5}).images[0].boxes == ()
    with pytest.raises(BadInput, match="lists no annotated images"):
        opened(tmp_path, base | {"annotation_id": None})


def test_label_studio_of_several_annotations_takes_the_ground_truth_or_the_last(tmp_path: Path) -> None:
    full = label_studio_task(1, A)["annotations"][0]  # type: ignore[index]
    empty = {"id": 2, "result": []}
    first = opened(tmp_path / "1", task(annotations=[full | {"ground_truth": True}, empty]))
    last = opened(tmp_path / "2", task(annotations=[full, empty]))
    cancelled = opened(tmp_path / "3", task(annotations=[full, empty | {"was_cancelled": True}]))
    assert [len(one.images[0].boxes) for one in (first, last, cancelled)] == [2, 0, 2]
    older = full | {"created_at": "2026-01-02"}, empty | {"created_at": "2026-01-01"}
    assert len(opened(tmp_path / "4", task(annotations=older)).images[0].boxes) == 2
    assert "1 task with several annotations" in first.notes[0] and not cancelled.notes


def test_label_studio_task_without_annotation_is_left_out_and_an_empty_one_is_background(tmp_path: Path) -> None:
    put(tmp_path / "b.jpg", drawn(SCENES[1]))
    empty = task(annotations=[{"id": 2, "result": []}])
    found = opened(tmp_path, empty, label_studio_task(2, SCENES[1]) | {"annotations": []})
    assert [(one.path, one.boxes) for one in found.images] == [("a.jpg", ())]
    assert found.notes == ("left out 1 task without an annotation",)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (changed({}, rotation=30), "a box of 'cup' is rotated by 30 degrees; draw it upright"),
        (changed({"image_rotation": 90}), "the image was rotated in Label Studio"),
        (changed({}, width="wide"), "width: expected a number, got 'wide'"),
        (changed({}, rectanglelabels=["cup", "mug"]), "expected at most 1 items, got 2"),
        (changed({}, points=[[1]]), "points: expected pairs of numbers"),
    ],
)
def test_label_studio_image_with_an_unusable_box_is_skipped(tmp_path: Path, made: Any, said: str) -> None:
    put(tmp_path / "b.jpg", drawn(SCENES[1]))
    (skipped,) = opened(tmp_path, made, label_studio_task(2, SCENES[1])).skipped
    assert skipped.path == "a.jpg" and said in skipped.reason and skipped.reason.endswith("(in export.json)")


def test_label_studio_slight_tilt_gives_the_box_around_it(tmp_path: Path) -> None:
    """Turned clockwise about the left upper corner, as in the converter of Label Studio."""
    (image,) = opened(tmp_path, changed({}, rotation=2)).images
    x0, y0, x1, y1 = A.boxes[0][1]
    width, height, angle = x1 - x0, y1 - y0, math.radians(2)
    expected = (
        x0 - height * math.sin(angle),
        y0,
        x0 + width * math.cos(angle),
        y0 + width * math.sin(angle) + height * math.cos(angle),
    )
    assert image.boxes[0].box == pytest.approx(expected)


def test_label_studio_polygon_gives_its_box_and_other_shapes_are_left_out(tmp_path: Path) -> None:
    made: Any = task()
    made["annotations"][0]["result"] = [
        {"id": "1", "value": {"points": [[10, 20], [50, 30], [30, 60]], "polygonlabels": ["cup"]}},
        {"id": "2", "value": {"rle": [1], "brushlabels": ["cup"]}, "type": "brushlabels"},
        {"id": "3", "value": {"x": 1, "y": 1, "width": 2, "height": 2}, "type": "rectangle"},
        {"id": "4", "value": {"choices": ["dark"]}, "type": "choices"},
        {"id": "5", "value": {"x": 0, "y": 0, "width": 50, "height": 50}, "type": "rectangle"},
        {"id": "5", "value": {"x": 0, "y": 0, "width": 50, "height": 50, "labels": ["spoon"]}, "type": "labels"},
    ]
    found = opened(tmp_path, made)
    assert [one.box for one in found.images[0].boxes] == [(12, 16, 60, 48), (0, 0, 60, 40)]
    assert [line.partition(":")[0] for line in found.warnings] == [
        "left out boxes without a label (1)",
        "left out masks (1)",
    ]


def test_label_studio_export_without_images_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^export\.json is not a valid export of Label Studio: task 1 has no image$"):
        opened(tmp_path, task(data={"text": "hello"}, file_upload=None))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.just("a.jpg"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["annotations", "result", "value", "x", "points", "rectanglelabels", "data", "original_width"]
            ),
            inner,
        )
    ),
    max_leaves=25,
)


@settings(max_examples=80, deadline=None)
@given(st.lists(JSON, max_size=3))
def test_label_studio_of_any_values_is_read_or_one_line(tmp_path_factory: pytest.TempPathFactory, values: Any) -> None:
    root = tmp_path_factory.mktemp("studio")
    write_label_studio(root, SCENES)
    tasks = json.loads((root / "project-1.json").read_text())
    put(root / "project-1.json", json.dumps([*tasks, *values]))
    assert find_format(root) == "Label Studio JSON"
    try:
        open_boxes(root)
    except EdgeVisionError as error:
        assert "\n" not in str(error)
