"""Files of other kinds are named as what they are, with the way out; folders with one model stand for it."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from edgevision.convert.keras_files.find_model import find_model
from edgevision.convert.keras_files.scan import scan

from edgevision.errors import BadModel


def archive(*names: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name in names:
            file.writestr(name, b"x")
    return made.getvalue()


def arrays() -> bytes:
    made = io.BytesIO()
    np.savez(made, a=np.ones(3))
    return made.getvalue()


def safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4)


OTHERS = {
    "new.pt": (archive("archive/data.pkl", "archive/version"), "a PyTorch file"),
    "renamed.keras": (archive("best/data.pkl"), "a PyTorch file"),
    "old.pth": (b"\x80\x02}." + bytes(50), "a PyTorch file"),
    "pickled.h5": (b"\x80\x04}." + bytes(50), "a Python pickle"),
    "m.onnx": (b"\x08\x07\x12\x07pytorch" + bytes(50), "an ONNX file"),
    "frozen.pb": (b"\n\x1a\n\x05input" + bytes(50), "a frozen TensorFlow graph"),
    "graph.pbtxt": (b'node {\n name: "x"\n}', "a TensorFlow graph as text"),
    "m.mlmodel": (b"\x08\x05\x12" + bytes(50), "a Core ML model"),
    "package.zip": (archive("m.mlpackage/Manifest.json"), "a Core ML model"),
    "m.safetensors": (safetensors(), "a safetensors file, which holds weights without an architecture"),
    "m.bin": (safetensors(), "a safetensors file"),
    "m.tflite": (b"\x1c\0\0\0TFL3" + bytes(50), "already a .tflite"),
    "converted.zip": (archive("model_unquant.tflite", "labels.txt"), "holds a .tflite, which is converted already"),
    "teachable.zip": (archive("keras_model.h5", "labels.txt"), "unpack it and give keras_model.h5"),
    "saved.zip": (archive("a/saved_model.pb"), "a zip archive of a SavedModel; unpack it"),
    "photos.zip": (archive("cats/1.jpg"), "a zip archive, but not a Keras model"),
    "w.npz": (arrays(), "an archive of NumPy arrays"),
    "w.npy": (b"\x93NUMPY" + bytes(50), "a NumPy array"),
    "model.json": (b'{"format": "layers-model", "modelTopology": {}}', "a TensorFlow.js model"),
    "architecture.json": (b'{"class_name": "Functional"}', "JSON, which holds no weights"),
    "pointer.keras": (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
    "page.h5": (b"<!DOCTYPE html>\n<html>", "a web page"),
    "m.ckpt.data-00000-of-00001": (bytes(50), "a TensorFlow checkpoint"),
    "m.tar.gz": (b"\x1f\x8b\x08" + bytes(50), "a gzip archive; unpack it"),
    "a.jpg": (b"\xff\xd8\xff\xe0" + bytes(50), "a JPEG image"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_kinds_of_files_are_named(tmp_path: Path, name: str) -> None:
    data, said = OTHERS[name]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(BadModel) as caught:
        scan(path)
    assert str(caught.value).startswith(f"{path} ") and said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_folder_with_one_model_stands_for_it(tmp_path: Path) -> None:
    trained, downloaded, saved = tmp_path / "train-1", tmp_path / "converted_keras", tmp_path / "converted_savedmodel"
    for folder in (trained, downloaded, saved / "model.savedmodel"):
        folder.mkdir(parents=True)
    for path in (trained / "model.keras", trained / "model.h5", trained / ".m.part.h5", downloaded / "keras_model.h5"):
        path.touch()
    (saved / "model.savedmodel" / "saved_model.pb").touch()
    (saved / "labels.txt").touch()
    assert find_model(trained) == trained / "model.keras"
    assert find_model(downloaded) == downloaded / "keras_model.h5"
    assert find_model(saved) == saved / "model.savedmodel"
    assert find_model(saved / "model.savedmodel") == saved / "model.savedmodel"
    assert find_model(saved / "model.savedmodel" / "saved_model.pb") == saved / "model.savedmodel"
    assert find_model(tmp_path / "absent.keras") == tmp_path / "absent.keras"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a.keras", "b.h5"], r"has 2 models \(a\.keras, b\.h5\); give the one to use"),
        (["saved_model.pbtxt"], "is a SavedModel as text"),
        (["keras_metadata.pb"], r"is an incomplete SavedModel \(saved_model\.pb is missing\)"),
        (["model.json", "group1-shard1of1.bin"], "is a TensorFlow.js model"),
        (["photo.jpg"], "has no model; give a .keras or .h5 file"),
    ],
)
def test_folder_without_one_model_is_refused(tmp_path: Path, names: list[str], message: str) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(BadModel, match=message):
        find_model(tmp_path)
