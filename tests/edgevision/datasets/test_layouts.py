"""Folder trees and CSVs as other tools and data sets have them give the classes and splits that they mean."""

from __future__ import annotations

from pathlib import Path

import pytest
from image_folders import fill

from edgevision.datasets.check import check
from edgevision.datasets.dataset import Dataset, open_dataset, read_unlabelled
from edgevision.datasets.split_names import split_of
from edgevision.errors import BadInput
from edgevision.preprocessing.decode import find


def listed(dataset: Dataset) -> set[tuple[str, tuple[str, ...], str | None]]:
    return {(item.path, item.labels, item.split) for item in dataset.items}


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("training_set", "test_set"),
        ("Train", "Test"),
        ("TRAIN", "Valid"),
        ("TrainingSet", "TestSet"),
        ("train_images", "test-images"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("train/images", "val/images"),
        ("dataset/dataset/train", "dataset/dataset/test"),
        ("archive/a b/v1/training_set/training_set", "archive/a b/v1/test_set/test_set"),
        ("01_train", "02_test"),
        ("train2017", "val2017"),
    ],
)
def test_split_folders_are_found(tmp_path: Path, train: str, test: str) -> None:
    names = [f"{part}/{label}/1.jpg" for part in (train, test) for label in ("cats", "dogs")]
    found = open_dataset(fill(tmp_path, *names))
    assert found.classes == ("cats", "dogs") and len(found.items) == 4 and not found.warnings
    assert found.splits[0] == "train" and len(found.splits) == 2


def test_three_splits_and_other_folders(tmp_path: Path) -> None:
    names = [f"{part}/{label}/1.jpg" for part in ("Train", "Valid", "Test") for label in ("a", "b")]
    found = open_dataset(fill(tmp_path, *names, "pred/x/1.jpg"))
    assert found.splits == ("train", "val", "test") and [one.path for one in found.skipped] == ["pred/x/1.jpg"]


def test_loose_test_images_do_not_make_classes_of_the_splits(tmp_path: Path) -> None:
    root = fill(tmp_path, "train/cats/1.jpg", "train/dogs/1.jpg", "test/1.jpg", "test/2.jpg")
    (root / "labels.csv").write_text("id,label\n1,cat\n")
    found = open_dataset(root)
    assert found.classes == ("cats", "dogs") and [one.path for one in found.skipped] == ["test/1.jpg", "test/2.jpg"]


def test_single_split_folder_is_the_start(tmp_path: Path) -> None:
    found = open_dataset(fill(tmp_path, "train/cats/1.jpg", "train/dogs/1.jpg", "sample.jpg"))
    assert found.classes == ("cats", "dogs") and [one.path for one in found.skipped] == ["sample.jpg"]


def test_test_and_val_alone_cannot_be_trained_on(tmp_path: Path) -> None:
    names = [f"{part}/{label}/{n}.jpg" for part in ("val", "test") for label in ("a", "b") for n in (1, 2)]
    found = open_dataset(fill(tmp_path, *names))
    assert found.splits == ("val", "test")
    with pytest.raises(BadInput, match="only val and test images"):
        found.require_trainable()


def test_splits_inside_class_folders_are_found(tmp_path: Path) -> None:
    names = [f"pets/{label}/{part}/1.jpg" for part in ("train", "test") for label in ("cats", "dogs")]
    found = open_dataset(fill(tmp_path, *names))
    assert found.classes == ("cats", "dogs") and found.layout == "train/test folders"
    assert ("pets/cats/test/1.jpg", ("cats",), "test") in listed(found)
    assert open_dataset(fill(tmp_path, "pets/cats/1.jpg")).splits == ()


def test_label_map_cannot_join_labels(tmp_path: Path) -> None:
    fill(tmp_path / "d", "x/1.jpg", "y/1.jpg")
    (tmp_path / "map.csv").write_text("x,cat;dog\ny,dog\n")
    with pytest.raises(BadInput, match=r"the label map: .* write several labels as cat\|dog"):
        open_dataset(tmp_path / "d", tmp_path / "map.csv")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("train/1.jpg", "test/1.jpg"), "train/, test/ look like splits, but have no class folders|look like splits"),
        (("images/train/1.jpg", "images/val/1.jpg"), "have no class folders"),
        (("train/a/1.jpg", "training/a/1.jpg", "test/a/1.jpg"), "several mean the same"),
        (("train/1.jpg", "test/a/1.jpg"), "the one for training has no class folders"),
        (("pets_train/a/1.jpg", "zoo_test/a/1.jpg"), "not clear which"),
    ],
)
def test_unclear_splits_are_refused(tmp_path: Path, names: tuple[str, ...], said: str) -> None:
    fill(tmp_path, *names)
    with pytest.raises(BadInput, match=said) as caught:
        open_dataset(tmp_path)
    assert "\n" not in str(caught.value)
    assert len(read_unlabelled(tmp_path)[0]) == len(names)


def test_classes_named_like_splits_are_warned_about(tmp_path: Path) -> None:
    found = open_dataset(fill(tmp_path / "a", "car/1.jpg", "train/1.jpg", "test/1.jpg"))
    assert found.classes == ("car", "test", "train") and "look like names of splits" in check(found).warnings[0]
    found = open_dataset(fill(tmp_path / "b", "train/a/1.jpg", "pred/a/1.jpg"))
    assert "looks like the name of a split" in found.warnings[0]
    assert not open_dataset(fill(tmp_path / "c", "car/1.jpg", "train/1.jpg", "bus/1.jpg")).warnings


def test_system_folders_are_no_classes(tmp_path: Path) -> None:
    junk = ("$RECYCLE.BIN/1.jpg", "@eaDir/cats/1.jpg", "cats/@eaDir/1.jpg", "__MACOSX/cats/1.jpg", "#recycle/1.jpg")
    found = open_dataset(fill(tmp_path, "cats/1.jpg", "dogs/1.jpg", *junk, "System Volume Information/1.jpg"))
    assert [item.path for item in found.items] == ["cats/1.jpg", "dogs/1.jpg"]
    assert [path.parent.name for path in find(tmp_path)] == ["cats", "dogs"]


def test_photos_without_labels_are_no_empty_class(tmp_path: Path) -> None:
    found = open_dataset(fill(tmp_path, "cat/1.jpg", "dog/1.jpg", "_unlabelled/1.jpg"))
    assert len(found.unlabeled) == 1 and not any("without images" in one for one in found.notes)


def test_roboflow_export(tmp_path: Path) -> None:
    for part in ("train", "valid", "test"):
        fill(tmp_path, f"{part}/1.jpg", f"{part}/2.jpg")
        (tmp_path / part / "_classes.csv").write_text("filename, cats, dogs\n1.jpg, 1, 0\n2.jpg, 0, 1\n")
    found = open_dataset(tmp_path)
    assert found.classes == ("cats", "dogs") and not found.multilabel and found.splits == ("train", "val", "test")
    assert ("valid/2.jpg", ("dogs",), "val") in listed(found)
    (tmp_path / "train/_classes.csv").write_text("filename, cats, dogs\n1.jpg, 1, 1\n2.jpg, 0, 0\n")
    found = open_dataset(tmp_path)
    assert found.multilabel and ("train/1.jpg", ("cats", "dogs"), "train") in listed(found)
    assert ("train/2.jpg", (), "train") in listed(found)
    assert open_dataset(tmp_path / "test/_classes.csv").classes == ("cats", "dogs")


@pytest.mark.parametrize(
    "text",
    [
        "filename,class\n1.jpg,cat\n2.jpg,dog\n",
        "Image Name;Label\n1.jpg;cat\n2.jpg;dog\n",
        "file_path\tcategory\tsplit\n1.jpg\tcat\tTraining\n2.jpg\tdog\ttest\n",
        "class,path\ncat,1.jpg\ndog,2.jpg\n",
    ],
)
def test_csv_with_other_column_names(tmp_path: Path, text: str) -> None:
    fill(tmp_path, "1.jpg", "2.jpg")
    for encoding in ("utf-8", "utf-16"):
        (tmp_path / "list.csv").write_text(text, encoding=encoding)
        for source in (tmp_path / "list.csv", tmp_path):
            found = open_dataset(source)
            assert [item.labels for item in found.items] == [("cat",), ("dog",)]


def test_other_csv_beside_class_folders_is_not_used(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.jpg", "b/1.jpg")
    (tmp_path / "birds.csv").write_text("filepaths,labels\nelsewhere/1.jpg,x\n")
    assert open_dataset(tmp_path).classes == ("a", "b")


@pytest.mark.parametrize("label", ["cat;dog", "dog; cat", '"cat,dog"'])
def test_several_labels_in_one_are_refused(tmp_path: Path, label: str) -> None:
    fill(tmp_path, "1.jpg", "2.jpg", "3.jpg")
    (tmp_path / "l.csv").write_text(f"path,label\n1.jpg,cat\n2.jpg,dog\n3.jpg,{label}\n")
    with pytest.raises(BadInput, match=r"l.csv, line 4: the label .* write several labels as (cat\|dog|dog\|cat)"):
        open_dataset(tmp_path / "l.csv")


def test_label_with_a_semicolon_is_warned_about(tmp_path: Path) -> None:
    fill(tmp_path, "1.jpg", "2.jpg")
    (tmp_path / "l.csv").write_text("path,label\n1.jpg,a;b\n2.jpg,c\n")
    assert "'a;b' is one class" in open_dataset(tmp_path / "l.csv").warnings[0]


def test_two_label_columns_are_refused(tmp_path: Path) -> None:
    fill(tmp_path, "1.jpg")
    (tmp_path / "l.csv").write_text("filename,class,category\n1.jpg,cat,pet\n")
    with pytest.raises(BadInput, match="'class' and 'category' can both be the label"):
        open_dataset(tmp_path / "l.csv")


def test_csv_of_boxes_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, "1.jpg")
    (tmp_path / "l.csv").write_text("filename,width,height,class,xmin,ymin,xmax,ymax\n1.jpg,8,8,cat,1,1,2,2\n")
    with pytest.raises(BadInput, match="columns of boxes"):
        open_dataset(tmp_path / "l.csv")


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("training_set", ("train", "")),
        ("seg_test", ("test", "seg")),
        ("TestImages", ("test", "")),
        ("training", ("train", "")),
        ("contest", None),
        ("strain", None),
        ("train_test", None),
        ("test tube", ("test", "tube")),
    ],
)
def test_split_of_names(name: str, meaning: tuple[str, str] | None) -> None:
    assert split_of(name) == meaning
