"""Boxes on the labeling page: Pascal VOC and COCO JSON are written so that nothing else in them changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from box_scenes import SCENES, Scene, put
from box_writers import WRITERS, draw, voc_xml, write_coco, write_voc, write_yolo
from edgevision.device.label.opening import open_folder
from edgevision.device.label.records import MarkedBox
from label_page import content

from edgevision.datasets.boxes.open_boxes import open_boxes
from edgevision.errors import UsageError

CUP, SPOON = MarkedBox("cup", (10.0, 20.0, 50.0, 60.0)), MarkedBox("spoon", (60.0, 5.0, 118.0, 30.0))
LOOSE = Scene("loose.jpg", 90, 60, ())
RICH = "<source><database>mine</database></source><segmented>1</segmented>"


def number_of(session: object, name: str) -> int:
    """Return the number of an image by the end of its path."""
    return next(item.number for item in session.items() if item.state.path.endswith(name))  # type: ignore[attr-defined]


def boxes_of(folder: Path) -> dict[str, list[MarkedBox]]:
    """Return the boxes of each image as the reader for training finds them."""
    found = open_boxes(folder)
    return {
        image.path.rpartition("/")[2]: [
            MarkedBox(found.labels[one.label], one.box, one.difficult) for one in image.boxes
        ]
        for image in found.images
    }


@pytest.mark.parametrize("name", ["Pascal VOC", "COCO JSON"])
def test_changed_boxes_are_what_training_reads_and_undo_brings_them_back(name: str, tmp_path: Path) -> None:
    folder = WRITERS[name](tmp_path, SCENES)
    draw(folder / "images" / "loose.jpg", LOOSE)
    before = boxes_of(folder)
    opened = open_folder(folder)
    session = opened.session
    moved = MarkedBox("cup", (12.0, 20.0, 52.0, 60.0))
    session.mark_boxes([number_of(session, "/a.jpg")], [moved, SPOON, MarkedBox("fork", (1.0, 1.0, 9.0, 9.0))])
    session.mark_boxes([number_of(session, "loose.jpg")], [])
    session.discard([number_of(session, "/b.jpg")])
    found = boxes_of(folder)
    assert sorted(found["a.jpg"]) == sorted([moved, SPOON, MarkedBox("fork", (1.0, 1.0, 9.0, 9.0))])
    assert found["loose.jpg"] == [] and "b.jpg" not in found
    for _ in range(3):
        session.undo()
    assert {name: sorted(one) for name, one in boxes_of(folder).items()} == before
    opened.close()


def test_xml_keeps_what_it_says_beside_the_changed_boxes(tmp_path: Path) -> None:
    folder = write_voc(tmp_path, SCENES[1:])
    draw(folder / "JPEGImages" / "a.jpg", SCENES[0])
    text = voc_xml(SCENES[0], RICH).replace("<difficult>0", "<pose>Left</pose><difficult>0")
    put(folder / "Annotations/a.xml", text)
    opened = open_folder(folder)
    opened.session.mark_boxes([number_of(opened.session, "/a.jpg")], [CUP])
    opened.close()
    written = (folder / "Annotations/a.xml").read_text()
    assert "<database>mine</database>" in written and "<segmented>1</segmented>" in written
    assert written.count("<pose>Left</pose>") == 1 and "spoon" not in written
    assert (folder / ".edgevision-label/originals/Annotations/a.xml").read_text() == text


def test_xml_of_pascal_voc_itself_keeps_counting_pixels_from_1(tmp_path: Path) -> None:
    folder = write_voc(tmp_path, SCENES[1:])
    draw(folder / "JPEGImages" / "a.jpg", SCENES[0])
    put(folder / "Annotations/a.xml", voc_xml(SCENES[0], "<source><database>The VOC2007 Database</database></source>"))
    opened = open_folder(folder)
    given = [MarkedBox("cup", (30.0, 20.0, 40.0, 60.0))]
    opened.session.mark_boxes([number_of(opened.session, "/a.jpg")], given)
    opened.close()
    assert "<xmin>31</xmin>" in (folder / "Annotations/a.xml").read_text()
    assert boxes_of(folder)["a.jpg"] == given


def test_coco_keeps_other_images_and_unchanged_annotations_as_they_are(tmp_path: Path) -> None:
    folder = write_coco(tmp_path, SCENES)
    file = folder / "annotations" / "instances_default.json"
    document = json.loads(file.read_text())
    document["licenses"] = [{"id": 1, "name": "CC0"}]
    for one in document["annotations"]:
        one["attributes"] = {"occluded": True}
    file.write_text(json.dumps(document))
    opened = open_folder(folder)
    fork = MarkedBox("fork", (1.0, 1.0, 9.0, 9.0))
    opened.session.mark_boxes([number_of(opened.session, "/a.jpg")], [CUP, fork])
    opened.close()
    written = json.loads(file.read_text())
    assert written["licenses"] == document["licenses"] and written["info"] == document["info"]
    kept = [one for one in written["annotations"] if "attributes" in one]
    assert [one for one in document["annotations"] if one in kept] == [
        one for one in document["annotations"] if one["category_id"] == document["categories"][0]["id"]
    ]
    assert [one["name"] for one in written["categories"]] == ["cup", "spoon", "fork"]
    assert len({one["id"] for one in written["annotations"]}) == len(written["annotations"]) == 3


@pytest.mark.parametrize("to", ["voc", "coco"])
def test_loose_images_get_new_annotation_files(to: str, tmp_path: Path) -> None:
    draw(tmp_path / "one" / "a.jpg", SCENES[0])
    draw(tmp_path / "two" / "a.jpg", LOOSE)
    opened = open_folder(tmp_path, to=to)  # type: ignore[arg-type]
    session = opened.session
    session.mark_boxes([number_of(session, "one/a.jpg")], [CUP._replace(box=(10.4, 20.4, 50.4, 60.4))])
    session.mark_boxes([number_of(session, "two/a.jpg")], [])
    opened.close()
    found = {image.path: [box.box for box in image.boxes] for image in open_boxes(tmp_path).images}
    corners = (10.0, 20.0, 50.0, 60.0) if to == "voc" else (10.4, 20.4, 50.4, 60.4)
    assert found == {"one/a.jpg": [pytest.approx(corners)], "two/a.jpg": []}
    opened = open_folder(tmp_path)  # without --to
    assert opened.session.form.name == to and opened.session.progress().left == 0
    while opened.session.journal.undoable:
        opened.session.undo()
    opened.close()
    if to == "voc":
        assert sorted(content(tmp_path)) == ["one/a.jpg", "two/a.jpg"]


@pytest.mark.parametrize("to", ["voc", "coco"])
def test_boxes_of_yolo_are_carried_over(to: str, tmp_path: Path) -> None:
    folder = write_yolo(tmp_path, SCENES)
    before = {name: sorted(one) for name, one in boxes_of(folder).items()}
    open_folder(folder, to=to).close()  # type: ignore[arg-type]
    found = open_boxes(folder)
    assert found.format == {"voc": "Pascal VOC", "coco": "COCO JSON"}[to]
    after = boxes_of(folder)
    assert {name: [one.label for one in boxes] for name, boxes in before.items()} == {
        name: sorted(one.label for one in boxes) for name, boxes in after.items()
    }
    for name, boxes in before.items():
        for one, other in zip(boxes, sorted(after[name]), strict=True):
            assert one.box == pytest.approx(other.box, abs=0.5)


def test_forms_that_would_lose_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="edgevision does not write; --to voc carries them over"):
        open_folder(write_yolo(tmp_path / "yolo", SCENES))
    with pytest.raises(UsageError, match="which are read before COCO JSON"):
        open_folder(write_voc(tmp_path / "voc", SCENES), to="coco")
    with pytest.raises(UsageError, match="class folders cannot hold"):
        open_folder(write_coco(tmp_path / "coco", SCENES), to="folder")
    put(tmp_path / "csv/labels.csv", "path,label\na.jpg,cup\n")
    draw(tmp_path / "csv/a.jpg", SCENES[0])
    with pytest.raises(UsageError, match="are in a CSV file"):
        open_folder(tmp_path / "csv")
