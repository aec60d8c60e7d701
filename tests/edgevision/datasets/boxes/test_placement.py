"""Boxes in the upright image: orientation, sizes, edges, duplicates. Pixels are the judge of orientation."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from box_scenes import Scene, put, with_orientation
from box_writers import voc_xml
from hypothesis import given, settings
from hypothesis import strategies as st

from edgevision.datasets.boxes.annotations import WrittenBox, WrittenImage
from edgevision.datasets.boxes.open_boxes import open_boxes
from edgevision.datasets.boxes.placement import MAX_BOXES, SAME_PLACE, Placed, overlap, place
from edgevision.datasets.boxes.records import AnnotatedImage, BoxDataset
from edgevision.datasets.dataset import Skipped
from edgevision.datasets.readers import FolderSource
from edgevision.preprocessing.decode import decode, encode_png
from edgevision.preprocessing.upright_size import UprightSize
from edgevision.types import Frame

STORED = Scene("a.jpg", 160, 96, (("cup", (16.0, 8.0, 64.0, 40.0)),))


def turned_photo(orientation: int) -> bytes:
    """Return a black photo with a white rectangle at the box of STORED, before EXIF turns it."""
    pixels = np.zeros((STORED.height, STORED.width, 3), np.uint8)
    pixels[8:40, 16:64] = 255
    return with_orientation(bytes(cv2.imencode(".jpg", pixels)[1]), orientation)


def white(image: AnnotatedImage) -> tuple[int, ...]:
    """Return the corners of the white area in the upright image."""
    rows, columns = np.nonzero(image.read().pixels[:, :, 0] > 128)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def opened(tmp_path: Path, scene: Scene, photo: bytes) -> BoxDataset:
    put(tmp_path / "a.jpg", photo)
    put(tmp_path / "a.xml", voc_xml(scene))
    return open_boxes(tmp_path)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_boxes_of_the_stored_image_are_turned(tmp_path: Path, orientation: int) -> None:
    found = opened(tmp_path, STORED, turned_photo(orientation))
    (image,) = found.images
    assert (image.width, image.height) == (96, 160)
    assert image.boxes[0].box == white(image)
    assert "turned the boxes of 1 image," in found.notes[0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_of_the_upright_image_stay(tmp_path: Path, orientation: int) -> None:
    photo = turned_photo(orientation)
    upright = decode(photo, "a")
    rows, columns = np.nonzero(upright.pixels[:, :, 0] > 128)
    box = float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)
    found = opened(tmp_path, Scene("a.jpg", upright.width, upright.height, (("cup", box),)), photo)
    assert found.images[0].boxes[0].box == box and not found.notes


def test_boxes_are_upright_if_one_fits_the_upright_image_only(tmp_path: Path) -> None:
    """A tool that takes the size from the file, but boxes from what people see, writes such annotations."""
    photo = turned_photo(6)  # 96x160 upright
    for name, box in (("a", (10.0, 8.0, 60.0, 40.0)), ("b", (10.0, 100.0, 90.0, 155.0))):
        put(tmp_path / f"{name}.jpg", photo)
        put(tmp_path / f"{name}.xml", voc_xml(Scene(f"{name}.jpg", 160, 96, (("cup", box),))))
    found = open_boxes(tmp_path)
    assert [one.boxes[0].box for one in found.images] == [(10, 8, 60, 40), (10, 100, 90, 155)] and not found.notes


def plain(width: int, height: int) -> bytes:
    return encode_png(Frame(np.zeros((height, width, 3), np.uint8), "BGR"))


def test_boxes_of_a_scaled_copy_are_scaled(tmp_path: Path) -> None:
    found = opened(tmp_path, Scene("a.jpg", 1001, 500, (("cup", (100.1, 50.0, 200.2, 100.0)),)), plain(100, 50))
    assert np.allclose(found.images[0].boxes[0].box, (10, 5, 20, 10)) and found.problems[0].kind == "resized"


def test_annotation_of_another_shape_is_skipped(tmp_path: Path) -> None:
    put(tmp_path / "b.png", plain(64, 64))
    put(tmp_path / "b.xml", voc_xml(Scene("b.png", 64, 64, ())))
    found = opened(tmp_path, Scene("a.jpg", 640, 480, ()), plain(100, 100))
    (skipped,) = found.skipped
    assert skipped.reason == "annotated at 640x480 pixels, but the image is 100x100"


def test_unknown_size_is_that_of_the_image(tmp_path: Path) -> None:
    found = opened(tmp_path, Scene("a.jpg", 0, 0, (("cup", (1.0, 2.0, 3.0, 4.0)),)), plain(100, 100))
    assert found.images[0].boxes[0].box == (1, 2, 3, 4) and not found.problems


def test_faults_of_boxes_are_reported_and_corrected(tmp_path: Path) -> None:
    given = {
        "whole": (10.0, 10.0, 40.0, 40.0),
        "clipped": (80.0, -5.0, 120.0, 20.0),
        "rounded": (-0.6, 0.0, 30.0, 30.0),
        "outside": (120.0, 10.0, 150.0, 20.0),
        "empty": (50.0, 50.0, 50.0, 60.0),
        "reversed": (60.0, 60.0, 50.0, 70.0),
        "conflict": (10.0, 10.0, 40.0, 40.0),
    }
    boxes = (*given.items(), ("whole", given["whole"]))
    found = opened(tmp_path, Scene("a.jpg", 100, 100, boxes), plain(100, 100))
    kept = {found.labels[one.label]: one.box for one in found.images[0].boxes}
    assert kept == {
        "whole": given["whole"],
        "clipped": (80.0, 0.0, 100.0, 20.0),
        "rounded": (0.0, 0.0, 30.0, 30.0),
        "conflict": given["conflict"],
    }
    assert [(one.label, one.kind) for one in found.problems] == [
        ("clipped", "clipped"),
        ("outside", "outside"),
        ("empty", "empty"),
        ("reversed", "empty"),
        ("conflict", "conflict"),
        ("whole", "duplicate"),
    ]


def test_fingerprint_depends_on_content_and_boxes_only(tmp_path: Path) -> None:
    one = opened(tmp_path / "1", STORED, plain(160, 96))
    put(tmp_path / "2" / "renamed.png", plain(160, 96))
    put(tmp_path / "2" / "renamed.xml", voc_xml(STORED))
    moved = Scene("a.jpg", 160, 96, (("cup", (16.0, 8.0, 64.0, 41.0)),))
    assert open_boxes(tmp_path / "2").fingerprint == one.fingerprint
    assert opened(tmp_path / "3", moved, plain(160, 96)).fingerprint != one.fingerprint


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.integers(0, 12)] * 2, *[st.sampled_from([400, 401, 403, 410])] * 2, st.booleans()), max_size=12
    )
)
def test_boxes_at_the_same_place_are_those_of_all_pairs(given_boxes: list[tuple[int, int, int, int, bool]]) -> None:
    written = tuple(
        WrittenBox("a" if first else "b", (float(x), float(y), float(x + width), float(y + height)))
        for x, y, width, height, first in given_boxes
    )
    size = UprightSize(1000, 1000, 1)
    made = place(WrittenImage("x", written), size, {"a": 0, "b": 1}, FolderSource(Path(), listed=False))
    assert isinstance(made, Placed)
    kept: list[WrittenBox] = []
    problems = []
    for one in written:
        same = {other.label for other in kept if overlap(one.box, other.box) >= SAME_PLACE}
        problems += ["duplicate"] if one.label in same else ["conflict"] if same else []
        kept += [] if one.label in same else [one]
    assert [problem.kind for problem in made.problems] == problems
    assert [box.box for box in made.image.boxes] == [one.box for one in kept]


def test_image_with_too_many_boxes_is_skipped() -> None:
    written = WrittenImage("x", tuple(WrittenBox("a", (0.0, 0.0, 1.0, float(n + 1))) for n in range(MAX_BOXES + 1)))
    made = place(written, UprightSize(100, 100, 1), {"a": 0}, FolderSource(Path(), listed=False))
    assert isinstance(made, Skipped) and "10001 boxes in one image" in made.reason
