"""The record of a model's training images: made for a card, read from cards that may come from anywhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from edgevision.datasets import training_images as module
from edgevision.datasets.training_images import TrainingImages, card_entry, training_images
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.spec import Preprocessing

DIGESTS = [hashlib.sha256(bytes([number])).hexdigest() for number in range(5)]


def card(training: object) -> ModelCard:
    return ModelCard("m", "classification", Preprocessing(8, 8), training=training)  # type: ignore[arg-type]


def test_card_names_the_part_of_each_image_by_its_content() -> None:
    known = training_images(card({"data": {"images": card_entry(DIGESTS[:2], DIGESTS[2:3])}}))
    assert [known.part("any", digest) for digest in DIGESTS] == ["train", "train", "val", None, None]


def test_image_in_both_parts_counts_as_trained_on() -> None:
    assert (
        training_images(card({"data": {"images": card_entry(DIGESTS[:1], DIGESTS[:1])}})).part("", DIGESTS[0])
        == "train"
    )


def test_too_many_images_are_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_IMAGES", 4)
    assert card_entry(DIGESTS[:2], DIGESTS[2:4]) is not None
    assert card_entry(DIGESTS[:2], DIGESTS[2:]) is None


@pytest.mark.parametrize(
    "training",
    [
        None,
        {"data": None},
        {"data": {"images": []}},
        {"data": {"images": {"digest_bytes": 4, "train": "", "val": ""}}},
        {"data": {"images": {"digest_bytes": 5, "train": "no base64!", "val": ""}}},
        {"data": {"images": {"digest_bytes": 5, "train": 7, "val": ["x"]}}},
        {"data": {"images": {"digest_bytes": 5}}},
    ],
)
def test_record_of_another_form_is_ignored(training: object) -> None:
    assert not training_images(card(training))


def test_split_file_counts_if_the_card_lists_no_images(tmp_path: Path) -> None:
    table = tmp_path / "split.csv"
    table.write_text("path,label,split,group\na/1.png,a,train,\na/2.png,a,test,\na/3.png,a,val,\na/4.png,a,,g1\n")
    known = training_images(card(None), table)
    parts = [known.part(f"a/{number}.png", DIGESTS[0]) for number in range(1, 5)]
    assert parts == ["train", None, "val", None]
    listed = card({"data": {"images": card_entry(DIGESTS[:1], [])}})
    assert training_images(listed, table).part("a/1.png", DIGESTS[1]) is None
    table.write_text("not,a,split\n1,2,3\n")
    assert not training_images(card(None), table) and not training_images(None, tmp_path / "absent.csv")


def test_whole_training_set_is_recognized_by_its_fingerprint() -> None:
    known = TrainingImages(fingerprint="f" * 64)
    images = [("a.png", DIGESTS[0]), ("b.png", DIGESTS[1])]
    assert known.parts(images, "f" * 64) == ["train", "train"] and known.parts(images, "e" * 64) == [None, None]
