r"""Files written on Windows by versions of Keras that join names by ``\`` are read like others."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tf_keras", reason="needs the convert extra: pip install 'edgevision[convert]'")
h5py = pytest.importorskip("h5py")

from edgevision.convert import backend
from edgevision.convert.keras_files import weight_arrays
from edgevision.convert.keras_files.scan import scan
from edgevision.convert.source_model.load import load

from edgevision.errors import BadModel

SIDE = 8
PIXELS = np.random.default_rng(1).uniform(0, 255, (2, SIDE, SIDE, 3)).astype(np.float32)


def classifier(keras: Any) -> Any:
    image = keras.Input((SIDE, SIDE, 3))
    inner = keras.Sequential([keras.Input((SIDE, SIDE, 3)), keras.layers.Conv2D(2, 3, name="conv")], name="inner")
    x = keras.layers.GlobalAveragePooling2D()(inner(image))
    return keras.Model(image, keras.layers.Dense(3, activation="softmax", name="dense")(x))


def as_on_windows(path: Path) -> None:
    r"""Join the names of all groups down to the arrays by ``\``."""
    with h5py.File(path, "r+") as file:
        arrays: list[str] = []
        file.visititems(lambda name, item: arrays.append(name) if isinstance(item, h5py.Dataset) else None)
        groups = {name.rpartition("/")[0] for name in arrays} - {""}
        for name in sorted(groups, key=len, reverse=True):
            joined = name.replace("/", "\\")
            if joined != name:
                file.move(name, joined)


@pytest.mark.parametrize("generation", [3, 2])
@pytest.mark.parametrize("entry", ["model.weights.h5", ".\\model.weights.h5"])
def test_archive_with_backslashes_is_read(tmp_path: Path, generation: int, entry: str) -> None:
    source = classifier(backend.tf_keras() if generation == 2 else backend.keras())
    source.save(tmp_path / "m.keras")
    wanted = weight_arrays.read_named(tmp_path / "m.keras")
    inner, path = tmp_path / "inner.h5", tmp_path / "windows.keras"
    with zipfile.ZipFile(tmp_path / "m.keras") as old, zipfile.ZipFile(path, "w") as new:
        inner.write_bytes(old.read("model.weights.h5"))
        as_on_windows(inner)
        for name in ("metadata.json", "config.json"):
            new.writestr(name, old.read(name))
        new.writestr(entry, inner.read_bytes())
    with h5py.File(inner) as file:
        assert any("\\" in name for name in file)
    model = load(scan(path)).keras
    assert np.array_equal(np.asarray(model(PIXELS)), np.asarray(source(PIXELS)))
    found = weight_arrays.read_named(path)
    assert found.keys() == wanted.keys()
    assert all(np.array_equal(a, b) for key in wanted for a, b in zip(found[key], wanted[key], strict=True))


@pytest.mark.parametrize("generation", [3, 2])
def test_h5_with_backslashes_is_read(tmp_path: Path, generation: int) -> None:
    source = classifier(backend.tf_keras() if generation == 2 else backend.keras())
    path = tmp_path / "windows.h5"
    source.save(path)
    with h5py.File(path, "r+") as file:
        for group in list(file["model_weights"].values()):
            names = [name.decode() if isinstance(name, bytes) else name for name in group.attrs.get("weight_names", [])]
            for name in names:
                group.move(name, "joined\\" + name.replace("/", "\\"))
            if names:
                group.attrs["weight_names"] = [("joined\\" + name.replace("/", "\\")).encode() for name in names]
    model = load(scan(path)).keras
    assert np.array_equal(np.asarray(model(PIXELS)), np.asarray(source(PIXELS)))
    before = path.read_bytes()
    assert weight_arrays.read(path)
    assert path.read_bytes() == before


def test_two_spellings_of_an_entry_are_rejected(tmp_path: Path) -> None:
    classifier(backend.keras()).save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras", "a") as archive:
        archive.writestr(".\\config.json", "{}")
    with pytest.raises(BadModel, match="two entries with the same name"):
        scan(tmp_path / "m.keras")
