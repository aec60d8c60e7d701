"""CVAT for images: labels of the task, subsets, shapes, rotation, videos; and CVAT's exports in other formats."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from box_scenes import SCENES, drawn, put
from box_writers import coco_json, cvat_xml, voc_xml
from hypothesis import given, settings
from hypothesis import strategies as st

from edgevision.datasets.boxes.open_boxes import open_boxes
from edgevision.datasets.boxes.records import BoxDataset
from edgevision.errors import BadInput, EdgeVisionError

A = SCENES[0]


def opened(root: Path, shapes: str, head: str = "") -> BoxDataset:
    put(root / "images/a.jpg", drawn(A))
    image = f'<image id="0" name="a.jpg" width="120" height="80">{shapes}</image>'
    second = '<image id="1" name="b.jpg" width="64" height="96"/>'
    put(root / "images/b.jpg", drawn(SCENES[1]))
    put(root / "annotations.xml", f"<annotations>{head}{image}{second}</annotations>")
    return open_boxes(root)


def test_cvat_label_without_boxes_stays_and_parts_of_skeletons_do_not(tmp_path: Path) -> None:
    labels = "<label><name>zebra</name></label><label><name>nose</name><parent>person</parent></label>"
    head = f"<meta><project><labels>{labels}</labels></project></meta>"
    found = opened(tmp_path, '<box label="cup" xtl="1.5" ytl="2" xbr="30" ybr="40"/>', head)
    assert found.labels == ("zebra", "cup") and found.images[0].boxes[0].box == (1.5, 2, 30, 40)


def test_cvat_polygon_gives_its_box_and_other_shapes_are_left_out(tmp_path: Path) -> None:
    found = opened(tmp_path, '<polygon label="cup" points="1,2;30,5;20,40"/><mask label="cup"/><tag label="dark"/>')
    assert found.images[0].boxes[0].box == (1, 2, 30, 40)
    assert found.warnings == ("left out masks (1): only boxes and polygons can be used",)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        (
            '<box label="cup" xtl="1" ytl="2" xbr="30" ybr="40" rotation="12.5"/>',
            "a box of 'cup' is rotated by 12.5 degrees",
        ),
        ('<box label="cup" xtl="1" ytl="2" xbr="30"/>', "ybr: expected a number, got None"),
        ('<box xtl="1" ytl="2" xbr="30" ybr="4"/>', "expected the name of a class, got None"),
        ('<polygon label="cup" points="1;2"/>', "points: expected x,y;x,y;..., got '1;2'"),
    ],
)
def test_cvat_image_with_an_unusable_box_is_skipped(tmp_path: Path, shape: str, said: str) -> None:
    (skipped,) = opened(tmp_path, shape).skipped
    assert skipped.path == "images/a.jpg" and said in skipped.reason


def test_cvat_slight_tilt_gives_the_box_around_it(tmp_path: Path) -> None:
    tilted = '<box label="cup" xtl="20" ytl="30" xbr="60" ybr="50" rotation="358"/>'
    corners = cv2.boxPoints(((40.0, 40.0), (40.0, 20.0), -2.0))
    expected = (*corners.min(axis=0), *corners.max(axis=0))
    assert opened(tmp_path, tilted).images[0].boxes[0].box == pytest.approx(expected, abs=1e-4)


def test_cvat_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"annotations\.xml is a CVAT export of a video; export it as CVAT for images"):
        opened(tmp_path, "", '<track id="0" label="car"/>')


def test_cvat_export_as_coco(tmp_path: Path) -> None:
    put(tmp_path / "annotations/instances_default.json", coco_json([A], ["cup", "spoon"]))
    put(tmp_path / "images/default/a.jpg", drawn(A))
    found = open_boxes(tmp_path)
    assert found.format == "COCO JSON" and len(found.images[0].boxes) == 2


def test_cvat_export_as_voc_keeps_the_labels_without_boxes(tmp_path: Path) -> None:
    put(tmp_path / "JPEGImages/a.jpg", drawn(A))
    put(tmp_path / "Annotations/a.xml", voc_xml(A, "<folder></folder><source><database>Unknown</database></source>"))
    put(tmp_path / "ImageSets/Main/default.txt", "a\n")
    colors = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nzebra:1,2,3::\ncup:4,5,6::\n"
    put(tmp_path / "labelmap.txt", colors)
    found = open_boxes(tmp_path)
    assert found.labels == ("cup", "spoon", "zebra") and len(found.images[0].boxes) == 2 and found.splits == ()


@settings(max_examples=80, deadline=None)
@given(
    st.text(alphabet="<>/\"'= abxyz0123-;,&", max_size=60)
    | st.fixed_dictionaries(
        {key: st.sampled_from(["1", "-3", "nan", "", "x", "99"]) for key in ("xtl", "ytl", "xbr", "ybr")}
    ).map(lambda edges: '<box label="cup" ' + " ".join(f'{key}="{value}"' for key, value in edges.items()) + "/>")
)
def test_cvat_of_any_content_is_read_or_one_line(tmp_path_factory: pytest.TempPathFactory, shapes: str) -> None:
    root = tmp_path_factory.mktemp("cvat")
    put(root / "a.jpg", drawn(A))
    put(root / "annotations.xml", cvat_xml([A]).replace("</image>", f"{shapes}</image>"))
    try:
        open_boxes(root)
    except EdgeVisionError as error:
        assert "\n" not in str(error)
