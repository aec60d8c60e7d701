"""Names of converted models."""

from __future__ import annotations

from pathlib import Path

import pytest
from edgevision.convert.source_model.model_name import model_name


@pytest.mark.parametrize(
    ("path", "labels", "name"),
    [
        ("pets.keras", ("cat", "dog"), "pets"),
        ("runs/train-1/model.keras", ("cat", "dog"), "cat-dog"),
        ("runs/train-1/model.keras", (), "train-1"),
        ("runs/train-1/model.keras", tuple(f"class {n}" for n in range(100)), "train-1"),
        ("pets v2/keras_model.h5", (), "pets_v2"),
        ("x/model.savedmodel", ("red apple", "../pear"), "red_apple-pear"),
        ("/model.keras", (), "model"),
    ],
)
def test_name_comes_from_the_file_the_classes_or_the_folder(path: str, labels: tuple[str, ...], name: str) -> None:
    assert model_name(Path(path), labels) == name
