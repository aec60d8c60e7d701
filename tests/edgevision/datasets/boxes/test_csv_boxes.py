"""CSV with boxes: names of columns, files without a header, proportions, splits, and the line of every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from box_scenes import SCENES, drawn, put
from hypothesis import given, settings
from hypothesis import strategies as st

from edgevision.datasets.boxes.open_boxes import find_format, open_boxes
from edgevision.datasets.boxes.records import BoxDataset
from edgevision.datasets.dataset import open_dataset
from edgevision.errors import BadInput, EdgeVisionError

CUP = (10.0, 20.0, 50.0, 60.0)


def opened(root: Path, text: str, name: str = "boxes.csv") -> BoxDataset:
    for scene in SCENES:
        put(root / scene.name, drawn(scene))
    put(root / name, text)
    return open_boxes(root)


@pytest.mark.parametrize(
    "text",
    [
        "path,label,x0,y0,x1,y1\na.jpg,cup,10,20,50,60\n",
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,120,80,cup,10,20,50,60\n",
        "image_path;x_min;y_min;x_max;y_max;class name\na.jpg;10;20;50;60;cup\n",
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsGroupOf\na,x,cup,1,0.0833333333,0.4166666667,0.25,0.75,0\n",
        "label_name,bbox_x,bbox_y,bbox_width,bbox_height,image_name,image_width,image_height\ncup,10,20,40,40,a.jpg,120,80\n",
        "Filename,Roi.X1,Roi.Y1,Roi.X2,Roi.Y2,ClassId\na.jpg,10,20,50,60,cup\n".replace("ClassId", "class"),
        "a.jpg,10,20,50,60,cup\nempty.jpg,,,,,\n",
        "./a.jpg,cup,10,20,50,60\n",
    ],
)
def test_csv_columns_are_recognized(tmp_path: Path, text: str) -> None:
    found = opened(tmp_path, text)
    (box,) = found.images[0].boxes
    assert found.labels == ("cup",) and [round(edge, 4) for edge in box.box] == list(CUP)
    assert [one.path for one in found.images] == (["a.jpg", "empty.jpg"] if "empty" in text else ["a.jpg"])


def test_csv_proportions_are_said(tmp_path: Path) -> None:
    assert (
        opened(tmp_path, "path,label,x0,y0,x1,y1\na.jpg,cup,0,0,0.5,1\n")
        .notes[0]
        .startswith("the corners are proportions")
    )


def test_csv_of_each_split(tmp_path: Path) -> None:
    put(tmp_path / "test_labels.csv", "path,label,x0,y0,x1,y1\nb.jpg,cup,1,2,3,4\n")
    found = opened(tmp_path, "path,label,x0,y0,x1,y1\na.jpg,cup,1,2,3,4\n", "train_labels.csv")
    assert [(one.path, one.split) for one in found.images] == [("a.jpg", "train"), ("b.jpg", "test")]


def test_csv_difficult_box(tmp_path: Path) -> None:
    found = opened(tmp_path, "path,label,x0,y0,x1,y1,difficult\na.jpg,cup,1,2,3,4,1\na.jpg,cup,9,9,20,20,0\n")
    assert [one.difficult for one in found.images[0].boxes] == [True, False]


def test_csv_of_labels_is_not_one_of_boxes(tmp_path: Path) -> None:
    put(tmp_path / "labels.csv", "path,label,split,group\na.jpg,cup,train,g1\nb.jpg,spoon,test,\n")
    for scene in SCENES:
        put(tmp_path / scene.name, drawn(scene))
    assert find_format(tmp_path) is None and find_format(tmp_path / "labels.csv") is None
    assert open_dataset(tmp_path).classes == ("cup", "spoon")


def test_csv_without_header_whose_columns_are_unclear_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no annotations of boxes"):
        opened(tmp_path, "a.jpg,3,10,20,50,60\n")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a.jpg,cup,10,20,50", "a corner: expected a number, got ''"),
        ("a.jpg,cup,10,20,50,wide", "a corner: expected a number, got 'wide'"),
        ("a.jpg,,10,20,50,60", "label: expected the name of a class, got ''"),
        (",cup,10,20,50,60", "the path of the image is missing"),
        ("a.jpg,cup,1,2,3,4,sometimes", "the split must be train, val or test, got 'sometimes'"),
    ],
)
def test_csv_mistake_names_the_line(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(BadInput, match=r"^boxes\.csv, line 3: ") as caught:
        opened(tmp_path, f"path,label,x0,y0,x1,y1,split\nb.jpg,cup,1,2,3,4,\n{line}\n")
    assert said in str(caught.value)


def test_csv_missing_images_are_skipped_once(tmp_path: Path) -> None:
    found = opened(tmp_path, "path,label,x0,y0,x1,y1\na.jpg,cup,1,2,3,4\nz.jpg,cup,1,2,3,4\nz.jpg,cup,5,6,7,8\n")
    assert [(one.path, one.reason) for one in found.skipped] == [("z.jpg", "image not found (listed in boxes.csv)")]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(["a.jpg", "cup", "1", "0.5", "", "nan", "-9", "train", '"', "é"]), max_size=8))
)
def test_csv_of_any_cells_is_read_or_one_line(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    root = tmp_path_factory.mktemp("csv")
    body = "\n".join(",".join(row) for row in rows)
    try:
        opened(root, f"path,label,x0,y0,x1,y1,split\n{body}\n")
    except EdgeVisionError as error:
        assert "\n" not in str(error)
