"""Labeled images from folders, splits, CSVs and zips, and a clear one-line error for anything else."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_folders import PNG, fill

from edgevision.datasets import readers
from edgevision.datasets.csv_labels import Row, format_rows, parse_rows
from edgevision.datasets.dataset import BACKGROUND, Dataset, open_dataset, read_unlabelled
from edgevision.errors import BadImage, BadInput, EdgeVisionError, MissingFile


def pack(path: Path, *names: str, csv: tuple[str, str] | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, PNG)
        if csv:
            file.writestr(*csv)
    return path


def listed(dataset: Dataset) -> list[tuple[str, tuple[str, ...], str | None]]:
    return [(item.path, item.labels, item.split) for item in dataset.items]


CLASSES = ("dog/1.jpg", "cat/2.png", "cat/deep/3.webp")


def test_class_folders_give_the_labels(tmp_path: Path) -> None:
    found = open_dataset(fill(tmp_path, *CLASSES, "cat/notes.txt", ".hidden/x.jpg", "cat/._y.jpg"))
    assert listed(found) == [
        ("cat/2.png", ("cat",), None),
        ("cat/deep/3.webp", ("cat",), None),
        ("dog/1.jpg", ("dog",), None),
    ]
    assert found.classes == ("cat", "dog") and not found.multilabel and found.layout == "class folders"
    assert found.counts() == {"cat": 2, "dog": 1}
    assert found.items[0].read().pixels.shape == (8, 8, 3)
    assert any("1 files that are not images" in line and ".txt" in line for line in found.notes)


def test_background_is_the_first_class(tmp_path: Path) -> None:
    assert open_dataset(fill(tmp_path, "Zebra/1.jpg", f"{BACKGROUND}/1.jpg", "ant/1.jpg")).classes == (
        BACKGROUND,
        "Zebra",
        "ant",
    )


@pytest.mark.parametrize("base", ["", "train/"])
def test_unlabeled_images_are_not_a_class(tmp_path: Path, base: str) -> None:
    held_out = ("test/a/1.jpg", "test/b/1.jpg", "test/_unlabelled/1.jpg") if base else ()
    names = (f"{base}a/1.jpg", f"{base}b/1.jpg", f"{base}_unlabelled/x/1.jpg", "_unlabeled/2.jpg", *held_out)
    found = open_dataset(fill(tmp_path, *names))
    assert found.classes == ("a", "b")
    assert sorted(item.path for item in found.unlabeled) == ["_unlabeled/2.jpg", f"{base}_unlabelled/x/1.jpg"]
    assert [one.path for one in found.skipped] == ["test/_unlabelled/1.jpg"][: len(held_out)]
    assert len(read_unlabelled(tmp_path)[0]) == 4 + len(held_out) - bool(base)


@pytest.mark.parametrize("names", [("train", "val", "test"), ("Training", "validation", "testing"), ("train", "test")])
def test_split_folders_give_the_splits(tmp_path: Path, names: tuple[str, ...]) -> None:
    found = open_dataset(fill(tmp_path, *(f"{name}/{label}/1.jpg" for name in names for label in ("a", "b"))))
    assert found.classes == ("a", "b")
    assert found.splits == (("train", "val", "test") if len(names) == 3 else ("train", "test"))
    assert [item.labels for item in found.in_split("test")] == [("a",), ("b",)]


def test_train_can_be_a_class(tmp_path: Path) -> None:
    found = open_dataset(fill(tmp_path, "car/1.jpg", "train/1.jpg", "test/1.jpg"))
    assert found.classes == ("car", "test", "train") and found.splits == ()


def test_images_outside_the_split_folders_are_skipped(tmp_path: Path) -> None:
    found = open_dataset(fill(tmp_path, "train/a/1.jpg", "test/a/1.jpg", "spare/a/1.jpg"))
    assert [(one.path, one.reason) for one in found.skipped] == [("spare/a/1.jpg", "outside test/, train/")]


def test_image_directly_in_a_split_folder_is_skipped(tmp_path: Path) -> None:
    found = open_dataset(fill(tmp_path, "train/a/1.jpg", "train/loose.jpg", "test/a/1.jpg"))
    assert found.classes == ("a",) and [one.path for one in found.skipped] == ["train/loose.jpg"]


def test_names_may_be_in_any_language(tmp_path: Path) -> None:
    found = open_dataset(fill(tmp_path, "猫\u3000科/写真 1.jpg", "Vögel/ä\u00a0b.jpg", "bad\nname/1.jpg"))
    assert found.classes == ("Vögel", "猫\u3000科")
    assert [one.path for one in found.skipped] == ["bad\\nname/1.jpg"]


def test_empty_class_folder_is_reported(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.jpg", "b/1.jpg")
    (tmp_path / "birds").mkdir()
    assert any("'birds'" in line for line in open_dataset(tmp_path).notes)


def test_csv_paths_are_relative_to_the_csv(tmp_path: Path) -> None:
    fill(tmp_path, "pictures/1.jpg", "pictures/2.jpg")
    (tmp_path / "labels.csv").write_text(
        "\ufeffpath,label\r\n./pictures/1.jpg,cat\r\n\r\npictures\\2.jpg,dog\r\n", encoding="utf-8"
    )
    found = open_dataset(tmp_path / "labels.csv")
    assert listed(found) == [("pictures/1.jpg", ("cat",), None), ("pictures/2.jpg", ("dog",), None)]
    assert found.items[0].read().width == 8


def test_csv_without_a_header_and_with_split_columns(tmp_path: Path) -> None:
    fill(tmp_path, "1.jpg", "2.jpg")
    (tmp_path / "plain.csv").write_text("1.jpg,cat\n2.jpg,dog\n")
    assert open_dataset(tmp_path / "plain.csv").classes == ("cat", "dog")
    (tmp_path / "split.csv").write_text("group,label,path,split\n,cat,1.jpg,train\ng1,dog,2.jpg,test\n")
    assert open_dataset(tmp_path / "split.csv").splits == ("train", "test")


def test_csv_with_several_labels_per_image(tmp_path: Path) -> None:
    fill(tmp_path, "1.jpg", "2.jpg", "3.jpg", "4.jpg")
    (tmp_path / "m.csv").write_text(f"path,label\n1.jpg,cat|dog\n2.jpg,dog | dog\n3.jpg,\n4.jpg,{BACKGROUND}\n")
    found = open_dataset(tmp_path / "m.csv")
    assert found.multilabel and found.classes == ("cat", "dog")
    assert [item.labels for item in found.items] == [("cat", "dog"), ("dog",), (), ()]


def test_missing_files_of_a_csv_are_listed(tmp_path: Path) -> None:
    fill(tmp_path, "1.jpg")
    (tmp_path / "m.csv").write_text("path,label\n1.jpg,cat\ngone.jpg,dog\nlost.jpg,dog\n")
    found = open_dataset(tmp_path / "m.csv")
    assert [one.to_json() for one in found.skipped] == [
        {"path": "gone.jpg", "reason": "file not found (line 3 of m.csv)"},
        {"path": "lost.jpg", "reason": "file not found (line 4 of m.csv)"},
    ]
    assert any(
        "skipped 2 of 3 files in m.csv because they were not found: gone.jpg, lost.jpg" in line for line in found.notes
    )


@pytest.mark.parametrize("base", ["", "photos/"])
def test_zip_of_each_layout(tmp_path: Path, base: str) -> None:
    plain = open_dataset(pack(tmp_path / "c.zip", *(base + name for name in CLASSES), "__MACOSX/cat/._2.png"))
    assert plain.classes == ("cat", "dog") and len(plain.items) == 3
    assert plain.items[0].read().height == 8
    splits = open_dataset(
        pack(tmp_path / "s.zip", f"{base}train/a/1.jpg", f"{base}train/b/1.jpg", f"{base}test/a/1.jpg")
    )
    assert splits.splits == ("train", "test") and splits.classes == ("a", "b")
    rows = "path,label\nx/1.jpg,cat|dog\nx/2.jpg,cat\n../x/2.jpg,cat\n"
    table = open_dataset(pack(tmp_path / "t.zip", f"{base}x/1.jpg", f"{base}x/2.jpg", csv=(f"{base}labels.csv", rows)))
    assert table.multilabel and [item.path for item in table.items] == [f"{base}x/1.jpg", f"{base}x/2.jpg"]
    assert [one.path for one in table.skipped] == ["../x/2.jpg"]


def test_fingerprint_depends_on_contents_and_labels(tmp_path: Path) -> None:
    folder = open_dataset(fill(tmp_path / "f", "a/1.jpg", "b/2.jpg"))
    zipped = open_dataset(pack(tmp_path / "z.zip", "photos/a/8.jpg", "photos/b/9.jpg"))
    assert folder.fingerprint == zipped.fingerprint
    assert open_dataset(fill(tmp_path / "g", "a/1.jpg", "c/2.jpg")).fingerprint != folder.fingerprint
    (tmp_path / "f/a/1.jpg").write_bytes(PNG + b"\0")
    assert open_dataset(tmp_path / "f").fingerprint != zipped.fingerprint


def test_zip_entries_cannot_lead_outside(tmp_path: Path) -> None:
    names = ("../a/1.jpg", "/b/1.jpg", "c\\..\\1.jpg", "d/1.jpg", "e/1.jpg", "f/../1.jpg")
    found = open_dataset(pack(tmp_path / "z.zip", *names))
    assert [item.path for item in found.items] == ["d/1.jpg", "e/1.jpg"]
    assert found.notes[-1].startswith("4 entries were left out: ../a/1.jpg (a path that leads")


def test_links_in_a_zip_are_left_out(tmp_path: Path) -> None:
    path = pack(tmp_path / "z.zip", "a/1.jpg", "b/1.jpg")
    link = zipfile.ZipInfo("b/2.jpg")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(link, "/etc/passwd")
    found = open_dataset(path)
    assert [item.path for item in found.items] == ["a/1.jpg", "b/1.jpg"]
    assert found.notes[-1] == "1 entry was left out: b/2.jpg (a link)"


def test_zip_entry_that_unpacks_to_hundreds_of_times_its_size_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/1.png", PNG + bytes(40_000_000))
        file.writestr("b/1.png", PNG)
    bomb, good = open_dataset(tmp_path / "z.zip").items
    with pytest.raises(BadImage, match=r"a/1.png: unpacks to 38 MiB, over 200 times its size in the zip"):
        bomb.data()
    assert good.data() == PNG


def test_unpacked_size_of_a_zip_entry_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/1.jpg", bytes(100_000))
        file.writestr("b/1.jpg", PNG)
    monkeypatch.setattr(readers, "MAX_BYTES", 50_000)
    large, small = open_dataset(tmp_path / "z.zip").items
    with pytest.raises(BadImage, match="larger than"):
        large.data()
    assert small.data() == PNG


def test_encrypted_zip_entry_is_refused(tmp_path: Path) -> None:
    data = bytearray(pack(tmp_path / "z.zip", "a/1.jpg", "b/1.jpg").read_bytes())
    at = data.find(b"PK\x01\x02")
    data[at + 8] |= 1  # the flag in the central directory
    (tmp_path / "z.zip").write_bytes(data)
    with pytest.raises(BadImage, match="without a password"):
        open_dataset(tmp_path / "z.zip").items[0].data()


def test_label_map_renames_classes_and_labels_files(tmp_path: Path) -> None:
    names = tmp_path / "map.csv"
    names.write_text("n01,tench\nn02/2.jpg,shark|fish\n")
    found = open_dataset(fill(tmp_path / "d", "n01/1.jpg", "n02/2.jpg"), names)
    assert [item.labels for item in found.items] == [("tench",), ("shark", "fish")]
    names.write_text("1.jpg,tench\n2.jpg,shark\n")
    flat = open_dataset(fill(tmp_path / "flat", "1.jpg", "2.jpg", "3.jpg"), names)
    assert flat.classes == ("shark", "tench") and [one.path for one in flat.skipped] == ["3.jpg"]


def test_unlabeled_images_are_found(tmp_path: Path) -> None:
    assert [item.path for item in read_unlabelled(fill(tmp_path, "1.jpg", "x/2.jpg"))[0]] == ["1.jpg", "x/2.jpg"]


def test_links_are_followed_once(tmp_path: Path) -> None:
    fill(tmp_path / "real", "1.jpg")
    root = fill(tmp_path / "d", "b/1.jpg")
    (root / "a").symlink_to(tmp_path / "real")
    (root / "a" / "loop").symlink_to(root)
    assert [item.path for item in open_dataset(root).items] == ["a/1.jpg", "b/1.jpg"]


def empty(root: Path) -> Path:
    return root


def text(root: Path) -> Path:
    (root / "a").mkdir()
    for n in range(3):
        (root / "a" / f"{n}.txt").write_text("hello")
    return root


def flat(root: Path) -> Path:
    return fill(root, "1.jpg", "2.jpg")


def csv(content: str) -> object:
    def make(root: Path) -> Path:
        fill(root, "1.jpg")
        (root / "l.csv").write_text(content)
        return root / "l.csv"

    return make


def test_what_is_left_out_of_unlabeled_images_is_counted(tmp_path: Path) -> None:
    fill(tmp_path, "1.jpg", "x/2.jpg")
    (tmp_path / "x" / "3.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    (tmp_path / "x" / "4.jpg").symlink_to("absent.jpg")
    items, notes = read_unlabelled(tmp_path)
    assert [item.path for item in items] == ["1.jpg", "x/2.jpg"]
    assert notes[0] == "1 file of type .heic was left out: convert it to JPEG or PNG"
    assert notes[1].startswith("1 entry was left out: x/4.jpg (a link: ")


def damaged_zip(root: Path) -> Path:
    (root / "z.zip").write_bytes(b"PK\x03\x04 no zip")
    return root / "z.zip"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (empty, "is empty; make one subfolder per class"),
        (text, "contains no images .* only other files: 3 .txt"),
        (flat, "has 2 images but no labels"),
        (csv(""), "l.csv is empty"),
        (csv("name;class\n1.jpg;cat\n"), "the first line must be path,label"),
        (csv("path,label\n,cat\n"), "line 2: the path is missing"),
        (csv("path,label\na.jpg,cat\nb.jpg,cat\n"), "none of the 2 files in l.csv was found: a.jpg, b.jpg"),
        (csv("path,label\n1.jpg,cat\n1.jpg,dog\n"), "line 3: 1.jpg has different labels in line 2"),
        (csv("path,label,split\n1.jpg,cat,holdout\n"), "line 2: the split must be train, val or test, got 'holdout'"),
        (csv("path,label\n1.jpg,\n"), "has 1 images but no labels"),
        (csv('path,label\n"1\n.jpg",cat\n'), "line breaks and control characters are not allowed"),
        (damaged_zip, "is not a folder, zip or CSV"),
        (lambda root: root / "absent", "images not found: .*absent; give a folder, a zip or a CSV"),
        (lambda root: root / "absent.csv", "CSV not found"),
    ],
)
def test_faults_give_a_one_line_error(tmp_path: Path, make: object, said: str) -> None:
    with pytest.raises((BadInput, MissingFile), match=said) as caught:
        open_dataset(make(tmp_path))  # type: ignore[operator]
    assert "\n" not in str(caught.value)


def test_datasets_that_cannot_be_trained_on_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"only one class, 'cat'.*_background"):
        open_dataset(fill(tmp_path / "one", "cat/1.jpg", "cat/2.jpg")).require_trainable()
    single = fill(tmp_path / "single", "cat/1.jpg", "cat/2.jpg", "dog/1.jpg")
    with pytest.raises(BadInput, match=r"too few images to train on in 'dog' \(1\); add images"):
        open_dataset(single).require_trainable()
    splits = fill(
        tmp_path / "splits", "train/a/1.jpg", "train/a/2.jpg", "train/b/1.jpg", "test/b/1.jpg", "test/a/1.jpg"
    )
    with pytest.raises(BadInput, match=r"'b' \(1\)"):
        open_dataset(splits).require_trainable()
    open_dataset(fill(single, "dog/2.jpg")).require_trainable()


@given(st.text(max_size=300))
def test_any_text_gives_rows_or_a_one_line_error(content: str) -> None:
    for start in ("", "path,label\n"):
        try:
            rows = parse_rows(start + content, "x.csv")
        except BadInput as error:
            assert str(error).startswith("x.csv")
        else:
            assert all(row.path for row in rows)


words = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Z"), blacklist_characters="|\\\ufeff"), min_size=1, max_size=9
)
cells = words.filter(lambda text: text == text.strip() and not text.startswith("./"))


@given(
    st.lists(
        st.builds(
            Row, cells, st.lists(cells, max_size=3, unique=True).map(tuple), st.sampled_from([None, "train"]), cells
        )
    )
)
def test_rows_survive_writing_and_reading(rows: list[Row]) -> None:
    found = parse_rows(format_rows(rows), "x.csv")
    assert [(r.path, r.labels, r.split, r.group) for r in found] == [(r.path, r.labels, r.split, r.group) for r in rows]


ZIPPED = io.BytesIO()
with zipfile.ZipFile(ZIPPED, "w", zipfile.ZIP_DEFLATED) as _file:
    for _name in ("a/1.png", "b/2.png"):
        _file.writestr(_name, PNG)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8), st.floats(0, 1))
def test_damaged_zips_give_a_one_line_error(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[float, int]], keep: float
) -> None:
    data = bytearray(ZIPPED.getvalue())
    for place, value in changes:
        data[int(place * (len(data) - 1))] = value
    path = tmp_path_factory.mktemp("zip") / "x.zip"
    path.write_bytes(data[: int(len(data) * (0.5 + keep / 2))])
    try:
        for item in open_dataset(path).items:
            item.read()
    except EdgeVisionError as error:
        assert "\n" not in str(error)
