"""Split of the images of a model that is trained further, in a folder of their own or together with new ones."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgevision.datasets.check import check
from edgevision.datasets.check_report import DataReport, Picture
from edgevision.datasets.continued_split import KnownImages, continued_split
from edgevision.datasets.dataset import Dataset, Item, open_dataset
from edgevision.datasets.merged import merge, original_path
from edgevision.datasets.split import Split, split
from edgevision.datasets.training_images import TrainingImages, card_entry, training_images
from edgevision.errors import BadInput
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.spec import Preprocessing


def _put(path: Path, seed: int, block: int = 8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 6, 3)).astype(np.uint8)
    cv2.imwrite(str(path), np.kron(blocks, np.ones((block, block, 1), np.uint8)))
    return path


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, KnownImages]:
    """Return photos of two classes, and what their model knows of them."""
    folder = tmp_path_factory.mktemp("earlier")
    for at in range(40):
        _put(folder / "ab"[at % 2] / f"{at:02d}.png", at)
    rows = split(open_dataset(folder)).rows
    digests = {
        part: [_digest(folder / row.path) for row in rows if row.split == part] for part in ("train", "val", "test")
    }
    entry = card_entry(digests["train"], digests["val"], digests["test"])
    card = ModelCard(
        "m", "classification", Preprocessing(8, 8), ("a", "b"), "sigmoid", training={"data": {"images": entry}}
    )
    return folder, KnownImages(training_images(card), {row.path: row.split for row in rows})


def _parts(made: Split) -> dict[str, str | None]:
    return {row.path: row.split for row in made.rows}


def _split(known: KnownImages, *folders: Path) -> Split:
    return continued_split(check(merge([open_dataset(one) for one in folders], ("a", "b"))), known)


def test_images_keep_their_parts_and_new_ones_are_drawn(earlier: tuple[Path, KnownImages], tmp_path: Path) -> None:
    folder, known = earlier
    for at in range(100, 140):
        _put(tmp_path / "abc"[at % 3] / f"{at}.png", at)
    made = _parts(_split(known, folder, tmp_path))
    assert {path: made[path] for path in known.rows} == known.rows
    new = Counter(part for path, part in made.items() if path.startswith("photos-2/"))
    assert new["train"] > new["test"] > 0 and new["val"] > 0


def test_copies_and_what_looks_like_a_test_image_are_left_out(
    earlier: tuple[Path, KnownImages], tmp_path: Path
) -> None:
    folder, known = earlier
    at = {part: next(path for path, name in known.rows.items() if name == part) for part in ("train", "test")}
    _put(tmp_path / "a" / "new.png", 500)
    for part, path in at.items():
        (tmp_path / "b").mkdir(exist_ok=True)
        shutil.copy(folder / path, tmp_path / "b" / f"copy-{part}.png")
        _put(tmp_path / "a" / f"near-{part}.png", int(Path(path).stem), block=7)
    made = _split(known, folder, tmp_path)
    parts = _parts(made)
    assert parts["photos-2/b/copy-train.png"] is parts["photos-2/b/copy-test.png"] is None
    assert parts["photos-2/a/near-test.png"] is None
    assert parts["photos-2/a/near-train.png"] == "train"
    assert any("copies of earlier ones with another label" in note for note in made.notes)


def test_renamed_and_relabeled_images_keep_their_part(earlier: tuple[Path, KnownImages], tmp_path: Path) -> None:
    """By the digests of the card: nothing that trained the model gets into the test, whatever it is called."""
    folder, known = earlier
    moved = shutil.copytree(folder, tmp_path / "photos")
    path = next(path for path, name in known.rows.items() if name == "test" and path.startswith("a/"))
    (moved / path).rename(moved / "b" / "relabeled.png")
    for name in [one for one, part in known.rows.items() if part == "train"][:3]:
        (moved / name).rename((moved / name).with_name(f"moved-{Path(name).name}"))
    made = continued_split(check(open_dataset(moved)), known)
    parts = _parts(made)
    assert parts["b/relabeled.png"] == "test"
    assert {part for one, part in parts.items() if "moved-" in one} == {"train"}
    # Without split.csv, as from a .tflite alone, all parts are the same.
    alone = continued_split(check(open_dataset(moved)), KnownImages(known.images))
    assert _parts(alone) == parts


def test_image_that_replaced_one_of_the_model_is_new(earlier: tuple[Path, KnownImages], tmp_path: Path) -> None:
    folder, known = earlier
    assert known.part("a/00.png", "ab" * 32) is None
    assert known.part("a/00.png", _digest(folder / "a/00.png")) == known.rows["a/00.png"]
    rows_only = KnownImages(TrainingImages(), known.rows)
    assert rows_only.part("a/00.png", "ab" * 32) == known.rows["a/00.png"]


class _Nowhere:
    path = Path("nowhere")
    files: tuple[str, ...] = ()
    folders: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        return False

    def head(self, name: str, count: int = 0) -> bytes:
        return b""

    def read(self, name: str) -> bytes:
        raise AssertionError


PARTS = st.sampled_from(["train", "val", "test", None])


@given(st.lists(st.tuples(st.sampled_from("ab"), PARTS, st.integers(0, 6), st.booleans()), min_size=1, max_size=40))
def test_what_made_the_model_never_tests_the_next(given_: list[tuple[str, str | None, int, bool]]) -> None:
    """For any mixture of known, left out and new images, with any groups of duplicates."""
    pictures, rows, groups = [], {}, {}
    for at, (label, part, group, known) in enumerate(given_):
        item = Item(f"{label}/{at:03d}", (label,), None, _Nowhere())
        pictures.append(Picture(item, 1, 1, 1, hashlib.sha256(b"%d" % at).hexdigest(), "png", (), False))
        if group:
            groups[item.path] = f"g{group}"
        if known:
            rows[item.path] = part
    dataset = Dataset(Path("x"), "x", tuple(one.item for one in pictures), ("a", "b"), False)
    report = DataReport(dataset, tuple(pictures), (), (), groups, (), ())
    made = _parts(continued_split(report, KnownImages(rows=rows)))
    assert {path: made[path] for path in rows} == rows
    for path, part in made.items():
        alike = {rows[other] for other in rows if other != path and groups.get(other, "-") == groups.get(path)}
        if path not in rows and part == "test":
            assert not alike & {"train", "val", "test"}
        if path not in rows and "test" in alike:
            assert part is None


def test_merged_sets_name_where_each_image_is(tmp_path: Path) -> None:
    _put(tmp_path / "one" / "a" / "x.png", 1)
    _put(tmp_path / "two" / "a" / "x.png", 2)
    _put(tmp_path / "two" / "c" / "y.png", 3)
    both = merge([open_dataset(tmp_path / "one"), open_dataset(tmp_path / "two")], ("b", "a"))
    assert [item.path for item in both.items] == ["a/x.png", "photos-2/a/x.png", "photos-2/c/y.png"]
    assert both.classes == ("b", "a", "c")
    assert Path(original_path(both.items[1])) == tmp_path / "two" / "a" / "x.png"
    assert both.items[1].data() == (tmp_path / "two" / "a" / "x.png").read_bytes()
    _put(tmp_path / "one" / "photos-2" / "a" / "x.png", 4)
    with pytest.raises(BadInput, match="photos-N of its own"):
        merge([open_dataset(tmp_path / "one"), open_dataset(tmp_path / "two")], ())
