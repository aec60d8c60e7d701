"""Selection of calibration images: spread evenly, distinct, not blank, reproducible, never generated."""

from __future__ import annotations

import hashlib
import random
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from edgevision.convert.images import calibration as calibrate
from edgevision.convert.images.calibration import choose, find_folder, fingerprint
from edgevision.convert.images.heldout import labelled, remaining
from edgevision.convert.images.image_files import file_sha256
from locations import ROOT

from edgevision.datasets.training_images import DIGEST_BYTES, TrainingImages
from edgevision.errors import BadInput, MissingFile
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing import decode
from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import Frame

CARD = ModelCard(name="m", task="classification", preprocessing=Preprocessing(8, 8), labels=("red fox", "dog", "cat"))


def photo(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (12, 17, 3), dtype=np.uint8)
    path.write_bytes(decode.encode_png(Frame(noise)))
    return path


def photos(folder: Path, count: int, start: int = 0) -> list[Path]:
    return [photo(folder / f"{number:03d}.png", start + number) for number in range(count)]


def test_images_are_spread_over_subfolders(tmp_path: Path) -> None:
    for number, (name, count) in enumerate((("a", 40), ("b/c", 5), ("d", 40))):
        photos(tmp_path / name, count, 100 * number)
    chosen = choose(tmp_path, 30).chosen
    folders = [one.path.relative_to(tmp_path).parent.as_posix() for one in chosen]
    assert {name: folders.count(name) for name in set(folders)} == {"a": 13, "b/c": 5, "d": 12}


def test_selection_depends_on_seed_and_content_not_on_names(tmp_path: Path) -> None:
    photos(tmp_path / "one", 40)
    first, again, other = (choose(tmp_path / "one", 12, seed) for seed in (3, 3, 4))
    assert first.chosen == again.chosen
    assert first.fingerprint != other.fingerprint
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    for number, path in enumerate(sorted((tmp_path / "two").iterdir())):
        path.rename(path.with_name(f"x{number}.png"))
    assert choose(tmp_path / "two", 40).fingerprint == choose(tmp_path / "one", 40).fingerprint


def test_fingerprint_is_sha256_of_the_sorted_hashes() -> None:
    expected = hashlib.sha256(b"a\nb\nc").hexdigest()
    assert fingerprint(["c", "a", "b"]) == expected


def test_corrupt_blank_and_duplicate_images_are_skipped_with_a_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = photos(tmp_path, 12)
    (tmp_path / "cut.png").write_bytes(good[0].read_bytes()[:60])
    (tmp_path / "text.jpg").write_text("not an image")
    shutil.copy(good[1], tmp_path / "copy.png")
    gray = np.random.default_rng(0).integers(99, 102, (20, 20, 3), dtype=np.uint8)
    (tmp_path / "blank.png").write_bytes(decode.encode_png(Frame(gray)))
    with caplog.at_level("DEBUG", "edgevision"):
        found = choose(tmp_path, 100)
    assert len(found.chosen) == 12
    assert f"{tmp_path}: 12 calibration images of 16, 4 skipped" in caplog.text
    assert f"skipped {tmp_path / 'cut.png'}: " in caplog.text
    reasons = {one.path.name: one.reason for one in found.skipped}
    second = "copy.png" if "copy.png" in reasons else "001.png"  # the later one in the random order
    assert reasons.pop(second) == "duplicate of another image"
    assert set(reasons) == {"cut.png", "text.jpg", "blank.png"}
    assert "truncated" in reasons["cut.png"]
    assert "almost a single color" in reasons["blank.png"]


def test_missing_empty_or_small_folders_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="nowhere"):
        choose(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(BadInput, match="needs a folder, CSV or zip of images"):
        choose(tmp_path / "notes.txt")
    with pytest.raises(BadInput, match="no images in"):
        choose(tmp_path)
    for number in range(30):  # thirty files with the same image
        shutil.copy(photo(tmp_path / "one.png", 1), tmp_path / f"{number}.png")
    with pytest.raises(BadInput, match=r"1 usable, distinct images among 31.*at least 10"):
        choose(tmp_path)


def test_held_out_images_are_never_calibration_images(tmp_path: Path) -> None:
    photos(tmp_path, 60)
    calibration = choose(tmp_path, 20)
    shutil.copy(calibration.chosen[0].path, tmp_path / "zz_copy.png")
    calibration = choose(tmp_path, 20)
    held = remaining(calibration, (), count=400)
    assert not {one.sha256 for one in held.pictures} & {one.sha256 for one in calibration.chosen}
    assert len(held.pictures) == 40
    assert len(remaining(calibration, (), count=7).pictures) == 7
    assert held.labelled == 0


def test_folder_names_label_held_out_images(tmp_path: Path) -> None:
    for number, name in enumerate(("Red_Fox/train", "dog", "elsewhere")):
        photos(tmp_path / name, 20, 100 * number)
    held = remaining(choose(tmp_path, 12), CARD.labels)
    labels = {one.path.relative_to(tmp_path).parts[0]: one.labels for one in held.pictures}
    assert labels == {"Red_Fox": frozenset({0}), "dog": frozenset({1}), "elsewhere": frozenset()}
    assert held.labelled == sum(bool(one.labels) for one in held.pictures) == 32


def test_csv_labels_by_name_or_number(tmp_path: Path) -> None:
    used, judged = tmp_path / "used", tmp_path / "judged"
    photos(used, 12)
    photos(judged, 3, 500)
    shutil.copy(used / "000.png", judged / "leak.png")
    calibration = choose(used)
    table = judged / "labels.csv"
    table.write_text("path,label\n000.png,cat\n001.png,1\n002.png,red fox\nleak.png,dog\n")
    held = labelled(table, CARD, 3, calibration)
    assert {one.path.name: one.labels for one in held.pictures} == {
        "000.png": {2}, "001.png": {1}, "002.png": {0}
    }  # fmt: skip
    assert [one.path.name for one in held.skipped] == ["leak.png"]
    table.write_text("path,label\n000.png,horse\n")
    with pytest.raises(BadInput, match="unknown class 'horse'"):
        labelled(table, CARD, 3, calibration)


def known(*paths: Path) -> TrainingImages:
    return TrainingImages({bytes.fromhex(file_sha256(path))[:DIGEST_BYTES]: "train" for path in paths})


def test_calibration_prefers_images_of_the_training(tmp_path: Path) -> None:
    every = photos(tmp_path, 40)
    training = known(*every[:28])
    calibration = choose(tmp_path, 20, training=training)
    assert calibration.from_training and {one.path for one in calibration.chosen} <= set(every[:28])
    held = remaining(calibration, (), training=training)
    assert {one.path for one in held.measured} == set(every[28:]) and held.training_known
    assert [one.part for one in held.pictures] == [None] * 12 + ["train"] * 8 and not held.only_trained_on


def test_small_set_calibrates_on_the_training_part_alone(tmp_path: Path) -> None:
    every = photos(tmp_path, 20)
    calibration = choose(tmp_path, 100, training=known(*every[:15]))
    assert {one.path for one in calibration.chosen} == set(every[:15])
    held = remaining(calibration, (), training=known(*every[:15]))
    assert {one.path for one in held.pictures} == set(every[15:])


def test_folder_that_the_model_was_not_trained_on_is_used_as_it_is(tmp_path: Path) -> None:
    photos(tmp_path / "new", 30)
    training = known(*photos(tmp_path / "old", 12, 900))
    assert choose(tmp_path / "new", 20, 3, training) == choose(tmp_path / "new", 20, 3)


def test_folder_of_training_images_alone_has_no_accuracy(tmp_path: Path) -> None:
    every = photos(tmp_path, 30)
    held = remaining(choose(tmp_path, 20, training=known(*every)), (), training=known(*every))
    assert held.only_trained_on and len(held.measured) == 10


def test_eval_data_with_training_images_counts_them_apart(tmp_path: Path) -> None:
    every = photos(tmp_path / "used" / "dog", 30)
    fresh = photos(tmp_path / "given" / "dog", 4, 500)
    calibration = choose(tmp_path / "used", 20, training=known(*every))
    shutil.copy(calibration.others[0].path, tmp_path / "given" / "dog" / "leak.png")
    held = labelled(tmp_path / "given", CARD, 3, calibration, known(*every))
    assert {one.path.name for one in held.measured} == {path.name for path in fresh}
    assert held.pictures[-1].part == "train"


@pytest.mark.parametrize("kind", ["csv", "zip"])
def test_csv_and_zip_are_calibrated_on(tmp_path: Path, kind: str) -> None:
    """Everything that ``train`` reads can be used, with its labels."""
    folder = tmp_path / "photos"
    paths = [*photos(folder / "x", 20), *photos(folder / "y", 20, 100)]
    names = {"x": "dog", "y": "cat"}
    if kind == "csv":
        source = folder / "labels.csv"
        rows = [f"{path.relative_to(folder)},{names[path.parent.name]}\n" for path in paths]
        source.write_text("path,label\n" + "".join(rows))
    else:
        source = tmp_path / "photos.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for path in paths:
                archive.write(path, f"{names[path.parent.name]}/{path.name}")
    calibration = choose(source, 12)
    assert len({one.path for one in calibration.chosen}) == 12 and calibration.chosen[0].read().width == 17
    held = remaining(calibration, CARD.labels)
    assert len(held.pictures) == 28 and {one.labels for one in held.pictures} == {frozenset({1}), frozenset({2})}
    assert held.pictures[0].read().width == 17


def test_zip_without_labels_is_calibrated_on(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "loose.zip", "w") as archive:
        for path in photos(tmp_path / "photos", 15):
            archive.write(path, path.name)
    assert len(choose(tmp_path / "loose.zip", 12).chosen) == 12


def test_csv_in_the_folder_labels_held_out_images(tmp_path: Path) -> None:
    """A folder of loose images with a list, which ``train`` reads, too."""
    rows = [f"{path.name},{'dog' if number % 2 else 'cat'}\n" for number, path in enumerate(photos(tmp_path, 20))]
    (tmp_path / "labels.csv").write_text("filename,class\n" + "".join(rows))
    assert remaining(choose(tmp_path, 12), CARD.labels).labelled == 8


def test_shared_name_stands_for_both_classes(tmp_path: Path) -> None:
    photos(tmp_path / "crane", 20)
    held = remaining(choose(tmp_path, 10), ("crane", "ball", "crane"))
    assert {one.labels for one in held.pictures} == {frozenset({0, 2})}


def test_find_folder_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = tmp_path / "runs" / "model.keras"
    with pytest.raises(BadInput, match="--calibration FOLDER"):
        find_folder(None, model, None)
    photos(tmp_path / "calibration_images", 3)
    assert find_folder(None, model, None) == Path("calibration_images")
    assert find_folder(Path("given"), model, None) == Path("given")
    named = CARD.with_(training={"calibration": "../photos"})
    assert find_folder(None, model, named) == Path("calibration_images")  # the named folder does not exist
    (tmp_path / "photos").mkdir()
    (tmp_path / "runs").mkdir()
    assert find_folder(None, model, named).resolve() == tmp_path / "photos"
    absolute = CARD.with_(training={"calibration": str(tmp_path)})
    assert find_folder(None, model, absolute) == Path("calibration_images")


def test_bundled_synthetic_set_is_recognized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone it is marked as synthetic and never used by default; next to photos it is left out."""
    own = ROOT / "calibration_images"
    assert choose(own).rendered
    shutil.copytree(own, tmp_path / "calibration_images")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="no calibration images"):
        find_folder(None, tmp_path / "m.h5", None)
    photos(tmp_path / "calibration_images", 12)
    mixed = choose(find_folder(None, tmp_path / "m.h5", None))
    assert not mixed.rendered
    assert len(mixed.chosen) == 12


def test_changed_synthetic_set_is_not_recognized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = [calibrate.file_sha256(path) for path in photos(tmp_path, 12)]
    monkeypatch.setattr(calibrate, "RENDERED_SETS", {fingerprint(digests): 12})
    assert choose(tmp_path).rendered
    photo(tmp_path / "000.png", 999)
    assert not choose(tmp_path).rendered


@pytest.mark.parametrize("level", [0, 128, 255])
def test_is_blank(level: int) -> None:
    blank = np.full((300, 200, 3), level, np.uint8)
    assert calibrate.is_blank(blank)
    picture = blank.copy()
    picture[: random.Random(level).randint(60, 200)] = 255 - level if level != 128 else 0
    assert not calibrate.is_blank(picture)
