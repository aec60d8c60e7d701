"""Train/val/test splits: stratified, seeded, duplicates in one part, assigned parts kept, recorded and read back."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgevision.datasets.check import check
from edgevision.datasets.check_report import DataReport, Picture
from edgevision.datasets.dataset import Dataset, Item, open_dataset
from edgevision.datasets.split import Split, split
from edgevision.errors import BadInput
from edgevision.preprocessing.decode import encode_jpeg, encode_png
from edgevision.types import Frame


def picture(seed: int, side: int = 48) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.kron(rng.integers(0, 256, (6, 6, 3)), np.ones((side // 6, side // 6, 1))).astype(np.uint8)


def put(path: Path, seed: int, side: int = 48, jpeg: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = Frame(picture(seed, side), "RGB")
    path.write_bytes(encode_jpeg(frame) if jpeg else encode_png(frame))


class NoSource:
    """An empty source: a split uses only the names and the report."""

    path = Path("nowhere")
    files: tuple[str, ...] = ()
    folders: frozenset[str] = frozenset()

    def has(self, name: str) -> bool:
        return False

    def read(self, name: str) -> bytes:
        raise AssertionError("a split with a report reads no image")


def report_of(labels: dict[str, tuple[str, ...]], groups: dict[str, str], given: dict[str, str]) -> DataReport:
    items = tuple(Item(path, labels[path], given.get(path), NoSource()) for path in sorted(labels))
    names = tuple(sorted({name for item in items for name in item.labels}))
    dataset = Dataset(Path("set"), "made up", items, names, any(len(i.labels) > 1 for i in items))
    pictures = tuple(Picture(item, 9, 9, 9, item.path, "png", (), False) for item in items)
    return DataReport(dataset, pictures, (), (), groups, (), ())


def made(
    counts: dict[str, int], groups: dict[str, str] | None = None, given: dict[str, str] | None = None
) -> DataReport:
    labels = {f"{name}/{n:04}.png": (name,) for name, count in counts.items() for n in range(count)}
    return report_of(labels, groups or {}, given or {})


def parts(done: Split) -> dict[str, str | None]:
    return {row.path: row.split for row in done.rows}


def by_class(done: Split) -> dict[tuple[str, str | None], int]:
    return Counter((row.labels[0], row.split) for row in done.rows)


def test_every_class_is_split_80_10_10() -> None:
    report = made({"a": 200, "b": 50, "c": 10})
    assert by_class(split(report.dataset, report=report)) == {
        ("a", "train"): 160, ("a", "val"): 20, ("a", "test"): 20,
        ("b", "train"): 40, ("b", "val"): 5, ("b", "test"): 5,
        ("c", "train"): 8, ("c", "val"): 1, ("c", "test"): 1,
    }  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(3, 300), min_size=1), st.integers(0, 9))
def test_fractions_are_exact_to_one_image(counts: dict[str, int], seed: int) -> None:
    report = made(counts)
    found = by_class(split(report.dataset, seed, report=report))
    for name, count in counts.items():
        for part, share in (("val", 0.1), ("test", 0.1), ("train", 0.8)):
            assert found[name, part] >= 1
            assert abs(found[name, part] - max(1, share * count)) <= (1 if part != "train" else 2.5)


def test_split_depends_on_the_seed_only() -> None:
    report = made({"a": 100, "b": 100})
    first = parts(split(report.dataset, 1, report=report))
    assert first == parts(split(report.dataset, 1, report=report))
    assert first != parts(split(report.dataset, 2, report=report))


def test_few_images_go_to_train_and_test_first() -> None:
    report = made({"a": 40, "b": 2})
    done = split(report.dataset, report=report)
    assert (by_class(done)["b", "train"], by_class(done)["b", "test"]) == (1, 1)
    assert done.notes == ("no val images of b: too few distinct images",)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=12, max_size=60), st.integers(0, 5), st.booleans())
def test_duplicates_stay_together(sizes: list[int], seed: int, mixed: bool) -> None:
    groups = {}
    labels = {}
    for number, size in enumerate(sizes):
        for n in range(size):
            path = f"{number}/{n}.png"
            labels[path] = ("ab"[(number + (n if mixed else 0)) % 2],)
            if size > 1:
                groups[path] = f"g{number}"
    report = report_of(labels, groups, {})
    done = split(report.dataset, seed, report=report)
    for name in set(groups.values()):
        assert len({row.split for row in done.rows if row.group == name}) == 1
    assert all(row.split for row in done.rows)
    counts = done.counts()
    assert counts["train"] > counts["val"] > 0 and counts["test"] > 0
    assert counts["train"] >= 0.5 * sum(sizes)


def test_multilabel_fractions_are_kept() -> None:
    rng = np.random.default_rng(0)
    chances = {"a": 0.6, "b": 0.3, "c": 0.1, "d": 0.02}
    labels = {f"{n:04}.png": tuple(name for name, p in chances.items() if rng.random() < p) for n in range(1500)}
    report = report_of(labels, {}, {})
    done = split(report.dataset, report=report)
    total = Counter(name for row in done.rows for name in row.labels or ("none",))
    for part, share in (("train", 0.8), ("val", 0.1), ("test", 0.1)):
        inside = Counter(name for row in done.rows if row.split == part for name in row.labels or ("none",))
        for name, count in total.items():
            assert abs(inside[name] - share * count) <= max(2, 0.03 * count), (part, name)


def test_assigned_test_is_kept_and_val_is_taken_from_train() -> None:
    given_parts = {f"{name}/{n:04}.png": "test" if n < 30 else "train" for name in "ab" for n in range(130)}
    report = made({"a": 130, "b": 130}, given=given_parts)
    done = split(report.dataset, report=report)
    assert {p for p, s in parts(done).items() if s == "test"} == {p for p, s in given_parts.items() if s == "test"}
    assert done.counts() == {"train": 180, "val": 20, "test": 60}


def test_assigned_val_without_test_is_the_test() -> None:
    """A user with train/ and val/ holds val out, so the score is measured on it and on nothing carved from train."""
    given_parts = {f"{name}/{n:04}.png": "val" if n < 30 else "train" for name in "ab" for n in range(130)}
    report = made({"a": 130, "b": 130}, {"a/0000.png": "g1", "a/0100.png": "g1"}, given_parts)
    done = split(report.dataset, report=report)
    assert {p for p, s in parts(done).items() if s == "test"} == {p for p, s in given_parts.items() if s == "val"}
    assert done.counts()["val"] == 20 and parts(done)["a/0100.png"] is None
    assert done.notes[0].startswith("your val images are the test")


def test_three_assigned_splits_are_kept() -> None:
    given_parts = {f"a/{n:04}.png": ("train", "val", "test")[n % 3] for n in range(30)}
    report = made({"a": 30}, given=given_parts)
    assert parts(split(report.dataset, report=report)) == given_parts


def test_duplicates_of_an_assigned_test_part_are_left_out() -> None:
    given_parts = {f"a/{n:04}.png": "train" if n < 80 else "val" if n < 90 else "test" for n in range(100)}
    groups = {
        "a/0000.png": "g1",
        "a/0099.png": "g1",
        "a/0085.png": "g2",
        "a/0098.png": "g2",
        "a/0001.png": "g3",
        "a/0002.png": "g3",
    }
    report = made({"a": 100}, groups, given_parts)
    done = split(report.dataset, report=report)
    changed = {path: name for path, name in parts(done).items() if name != given_parts[path]}
    assert changed == {"a/0000.png": None, "a/0085.png": None}
    assert done.notes[0].startswith("left out 2 images that have a duplicate in val or test, such as a/0000.png")


def test_other_fractions_are_used_or_refused() -> None:
    report = made({"a": 100, "b": 100})
    assert split(report.dataset, fractions=(0.5, 0.25, 0.25), report=report).counts() == {
        "train": 100,
        "val": 50,
        "test": 50,
    }
    assert split(report.dataset, fractions=(0.9, 0.1, 0.0), report=report).counts() == {
        "train": 180,
        "val": 20,
        "test": 0,
    }
    for wrong in ((0.8, 0.1, 0.2), (0.0, 0.5, 0.5), (1.2, -0.1, -0.1)):
        with pytest.raises(BadInput, match="must add up to 1"):
            split(report.dataset, fractions=wrong, report=report)


def test_duplicate_files_stay_together_and_the_split_is_recorded(tmp_path: Path) -> None:
    for number, name in enumerate("ab"):
        for n in range(30):
            put(tmp_path / name / f"{n:02}.png", 100 * number + n)
            put(tmp_path / name / f"copy{n:02}.jpg", 100 * number + n, 96, jpeg=True)
    put(tmp_path / "a" / "cut.png", 1)
    (tmp_path / "a" / "cut.png").write_bytes((tmp_path / "a" / "cut.png").read_bytes()[:60])
    dataset = open_dataset(tmp_path)
    done = split(dataset, seed=3)
    found = parts(done)
    assert "a/cut.png" not in found and len(found) == 120
    assert all(found[f"{c}/{n:02}.png"] == found[f"{c}/copy{n:02}.jpg"] for c in "ab" for n in range(30))
    assert found == parts(split(dataset, 3, report=check(dataset)))

    done.write_csv(tmp_path / "out" / "split.csv")
    text = (tmp_path / "out" / "split.csv").read_text()
    assert text.splitlines()[0] == "path,label,split,group"
    again = Split.read_csv(tmp_path / "out" / "split.csv")
    assert [(r.path, r.labels, r.split, r.group) for r in again.rows] == [
        (r.path, r.labels, r.split, r.group) for r in done.rows
    ]
    items, missing = again.select(dataset, "test")
    assert {item.path for item in items} == {p for p, s in found.items() if s == "test"} and missing == ()
    assert len(again.select(dataset, "all")[0]) == 120


def test_recorded_split_with_other_images(tmp_path: Path) -> None:
    for n in range(4):
        put(tmp_path / "p" / "a" / f"{n}.png", n)
    dataset = open_dataset(tmp_path / "p")
    csv = tmp_path / "split.csv"
    csv.write_text("path,label,split,group\na/0.png,a,test,\na/9.png,a,test,\na/1.png,a,train,\na/2.png,a,,g1\n")
    items, missing = Split.read_csv(csv).select(dataset, "test")
    assert [item.path for item in items] == ["a/0.png"] and missing == ("a/9.png",)
    with pytest.raises(BadInput, match="no val images; it has 1 train, 0 val, 2 test"):
        Split.read_csv(csv).select(dataset, "val")
    csv.write_text("path,label,split,group\nz/0.png,a,test,\n")
    with pytest.raises(BadInput, match="has none of the 1 test images"):
        Split.read_csv(csv).select(dataset, "test")
    csv.write_text("path,label,split,group\nz/0.png,a,hidden,\n")
    with pytest.raises(BadInput, match="line 2: the split must be train, val or test, got 'hidden'"):
        Split.read_csv(csv)
