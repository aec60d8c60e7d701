"""Pascal VOC: images found by name, corners, splits, and one line for each file that cannot be used."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from box_scenes import SCENES, Scene, drawn, put
from box_writers import voc_xml, write_voc
from hypothesis import given, settings
from hypothesis import strategies as st

from edgevision.datasets.boxes.open_boxes import find_format, open_boxes
from edgevision.datasets.boxes.records import BoxDataset
from edgevision.datasets.boxes.xml_tree import parse_xml
from edgevision.errors import BadInput

BOMB = '<!DOCTYPE a [<!ENTITY b "boom"><!ENTITY c "&b;&b;&b;">]><annotation><filename>&c;</filename></annotation>'


def boxes(dataset: BoxDataset) -> dict[str, list[tuple[str, tuple[float, ...]]]]:
    return {one.path: [(dataset.labels[box.label], box.box) for box in one.boxes] for one in dataset.images}


def test_voc_folder_is_read(tmp_path: Path) -> None:
    write_voc(tmp_path, SCENES)
    assert find_format(tmp_path) == "Pascal VOC"
    found = open_boxes(tmp_path)
    assert boxes(found) == {f"JPEGImages/{scene.name}": list(scene.boxes) for scene in SCENES}
    assert found.labels == ("cup", "spoon") and found.counts() == {"cup": 2, "spoon": 1}
    assert [(one.width, one.height) for one in found.images] == [(120, 80), (64, 96), (50, 50)]
    assert not found.problems and not found.skipped and found.splits == ()


def test_voc_own_files_count_pixels_from_one(tmp_path: Path) -> None:
    scene = SCENES[0]
    put(tmp_path / scene.name, drawn(scene))
    put(tmp_path / "a.xml", voc_xml(scene, "<source><database>The VOC2007 Database</database></source>"))
    assert open_boxes(tmp_path).images[0].boxes[0].box == (9.0, 19.0, 50.0, 60.0)


def test_voc_image_sets_give_the_splits(tmp_path: Path) -> None:
    scenes = [Scene(f"{name}.jpg", 40, 40, (("cup", (1.0, 2.0, 30.0, 31.0)),)) for name in "abcd"]
    for scene in scenes:
        put(tmp_path / "JPEGImages" / scene.name, drawn(scene))
        put(tmp_path / "Annotations" / f"{scene.name[0]}.xml", voc_xml(scene))
    put(tmp_path / "ImageSets/Main/trainval.txt", "a\nb\n")
    put(tmp_path / "ImageSets/Main/val.txt", "b\n")
    put(tmp_path / "ImageSets/Main/test.txt", "c\n")
    put(tmp_path / "ImageSets/Main/cup_test.txt", "d 1\n")
    found = open_boxes(tmp_path)
    assert [(one.path[-5], one.split) for one in found.images] == [("a", "train"), ("b", "val"), ("c", "test")]
    assert any("left out 1 image in no list" in note for note in found.notes)


def test_voc_renamed_image_is_found_by_the_name_of_its_xml_file(tmp_path: Path) -> None:
    scene = SCENES[0]
    put(tmp_path / "renamed.jpg", drawn(scene))
    put(tmp_path / "renamed.xml", voc_xml(scene))
    assert [one.path for one in open_boxes(tmp_path).images] == ["renamed.jpg"]


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (BOMB, "declares entities"),
        ("<annotation><filename>a.jpg</filename>", "is not valid XML"),
        (
            "<annotation><filename>c.jpg</filename></annotation>".replace("c", "zz"),
            "image was not found, or there are several: zz",
        ),
        ("<annotation><filename>a.jpg</filename><object><name>x</name></object></annotation>", "bndbox/xmin: expected"),
        ("<annotation><filename>a.jpg</filename><object/></annotation>", "expected the name of a class"),
    ],
)
def test_voc_file_that_cannot_be_used_is_skipped_with_the_reason(tmp_path: Path, xml: str, reason: str) -> None:
    write_voc(tmp_path, SCENES)
    put(tmp_path / "Annotations/zz.xml", xml)
    (skipped,) = open_boxes(tmp_path).skipped
    assert skipped.path == "Annotations/zz.xml" and reason in skipped.reason and "\n" not in skipped.reason


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_xml_is_a_tree_or_one_line(data: bytes) -> None:
    for one in (data, b"<annotation>" + data + b"</annotation>"):
        try:
            parse_xml(one, "x.xml")
        except BadInput as error:
            assert str(error).startswith("x.xml")


def test_xml_nested_too_deeply_is_refused() -> None:
    with pytest.raises(BadInput, match="nested too deeply"):
        parse_xml(b"<a>" * 100_000, "x.xml")


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("name xmin ymin xmax ymax width filename bndbox object".split()), st.text("<0.9-e x/")
        ),
        max_size=8,
    )
)
def test_voc_of_any_elements_is_read_or_skipped(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[str, str]]
) -> None:
    root = tmp_path_factory.mktemp("voc")
    write_voc(root, SCENES)
    inside = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in parts)
    put(root / "Annotations/a.xml", f"<annotation><object>{inside}<bndbox>{inside}</bndbox></object></annotation>")
    found = open_boxes(root)
    assert len(found.images) + len(found.skipped) == len(SCENES)
