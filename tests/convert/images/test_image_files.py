"""Where the images of a conversion may come from."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from box_scenes import SCENES, put
from box_writers import WRITERS
from edgevision.convert.images.image_files import find

from edgevision.errors import BadInput, MissingFile


@pytest.mark.parametrize("kind", ["a pipe", "a device"])
def test_calibration_images_are_not_read_from_other_kinds_of_files(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "photos.zip"
    if kind == "a pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(MissingFile, match=f"^--calibration must be a file, but .* is {kind}$"):
        find(path)


@pytest.mark.parametrize(
    ("name", "file"), [("CSV", "boxes.csv"), ("YOLO", "data.yaml"), ("CVAT XML", "annotations.xml")]
)
def test_calibration_images_are_those_that_a_file_of_boxes_lists(tmp_path: Path, name: str, file: str) -> None:
    WRITERS[name](tmp_path, SCENES)
    images, _ = find(tmp_path / file)
    assert sorted(one.path.name for one in images) == [scene.name for scene in SCENES]
    assert all(one.path.is_file() and one.read().width for one in images)


@pytest.mark.parametrize("name", WRITERS)
def test_calibration_images_are_all_of_a_zip_with_boxes(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / "p", SCENES)
    images, _ = find(Path(shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "p")))
    assert sorted(Path(one.name).name for one in images) == [scene.name for scene in SCENES]


def test_calibration_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match=r"--calibration needs a folder, CSV or zip of images, but .*notes\.txt is a file"
    ):
        find(put(tmp_path / "notes.txt", "cup\n"))
