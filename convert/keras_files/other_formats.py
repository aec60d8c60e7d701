"""Names the files that are not Keras models, from their first bytes, their suffix and the names in an archive."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

SAVE = "model.save('model.keras')"
PYTORCH = (
    "a PyTorch file, which is not read; build the network in Keras, or make a .tflite with LiteRT Torch "
    "(pip install litert-torch) and convert that"
)
ONNX = "an ONNX file, which is not read; make a float .tflite with onnx2tf and convert that, or give its Keras model"
PICKLE = f"a Python pickle (as of PyTorch), which could run code and is not read; save a Keras model with {SAVE}"
CORE_ML = "a Core ML model, which is not read; give the Keras model it was made from"
TFLITE_RUNTIME_ONLY = "holds a .tflite, which is converted already; unpack it and show it with edgevision inspect"
_STARTS = (
    (b"version https://git-lfs", "a Git LFS pointer, not the model itself; fetch it with: git lfs pull"),
    *((bytes((0x80, version)), PICKLE) for version in (2, 3, 4, 5)),
    (b"GGUF", "a language model (GGUF), not an image classifier"),
    (b"\x93NUMPY", f"a NumPy array, not a model; save the whole model with {SAVE}"),
    (b"\x1f\x8b", "a gzip archive; unpack it and give the model in it"),
    (b"Rar!", "a RAR archive; unpack it and give the model in it"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it and give the model in it"),
    (b"\xff\xd8\xff", "a JPEG image, not a model"),
    (b"\x89PNG", "a PNG image, not a model"),
    (b"%PDF", "a PDF, not a model"),
)
"""First bytes -> what the file is and what to do."""
_SUFFIXES = {
    ".pt": PYTORCH,
    ".pth": PYTORCH,
    ".onnx": ONNX,
    ".mlmodel": CORE_ML,
    ".safetensors": f"a safetensors file, which holds weights without an architecture; save the whole model with {SAVE}",
    ".npz": f"an archive of NumPy arrays, not a model; save the whole model with {SAVE}",
    ".ckpt": f"a TensorFlow checkpoint, which holds no architecture; load it in Python and save the model with {SAVE}",
    ".pb": "a frozen TensorFlow graph, which is not read; save the model as .keras or as a SavedModel folder",
    ".pbtxt": "a TensorFlow graph as text, which is not read; save the model as .keras or as a SavedModel folder",
    ".engine": "a TensorRT engine, which is not read; give the Keras model it was made from",
}
"""Suffix -> what the file is and what to do."""


def describe(path: Path, start: bytes) -> str:
    """Return what a file is that is neither HDF5 nor a zip archive, and what to do; ``start`` are its first bytes."""
    if not start:
        return f"{path} is empty"
    if start[4:8] == b"TFL3":
        return f"{path} is already a .tflite; show its contents with edgevision inspect {path}"
    if path.suffix.lower() in (".pt", ".pth"):
        return f"{path} is {PYTORCH}"
    for first, what in _STARTS:
        if start.startswith(first):
            return f"{path} is {what}"
    text = start.lstrip()
    if text.startswith((b"<!", b"<html", b"<HTML")):
        return f"{path} is a web page, not the model itself; download the file again"
    if path.suffix.lower() == ".pbtxt" or text.startswith((b"saved_model_schema_version", b"node {")):
        return f"{path} is {_SUFFIXES['.pbtxt']}"
    if b'"format": "layers-model"' in start or b'"modelTopology"' in start:
        return f"{path} is a TensorFlow.js model, which is not read; give the Keras model it was made from"
    if text.startswith(b"{"):
        return f"{path} is JSON, which holds no weights; save the whole model with {SAVE}"
    suffix = ".ckpt" if ".ckpt" in path.name.lower() or path.suffix == ".index" else path.suffix.lower()
    if suffix in _SUFFIXES:
        return f"{path} is {_SUFFIXES[suffix]}"
    if b"__metadata__" in start[:64] or b'"data_offsets"' in start:
        return f"{path} is {_SUFFIXES['.safetensors']}"
    printable = sum(byte >= 32 or byte in b"\t\n\r" for byte in start)
    kind = "a text file" if printable == len(start) else "neither HDF5 nor a .keras archive"
    return f"{path} is {kind}, not a Keras model; give a .keras or .h5 written by model.save(), or a SavedModel folder"


def archive(path: Path, names: Collection[str]) -> str | None:
    """Return what a zip archive is and what to do; None if its names are those of a Keras model."""
    last = {name.replace("\\", "/").rpartition("/")[2] for name in names}
    if "config.json" in last or not names:
        return None
    if "data.pkl" in last:
        return f"{path} is {PYTORCH}"
    if any(".mlpackage/" in name for name in names):
        return f"{path} is {CORE_ML}"
    if names and all(name.endswith(".npy") for name in names):
        return f"{path} is {_SUFFIXES['.npz']}"
    if "saved_model.pb" in last:
        return f"{path} is a zip archive of a SavedModel; unpack it and give the folder with saved_model.pb"
    if any(name.endswith(".tflite") for name in last):
        return f"{path} {TFLITE_RUNTIME_ONLY}"
    inner = next(
        (name for name in sorted(last) if name.endswith((".h5", ".keras")) and name != "model.weights.h5"), None
    )
    if inner is not None:
        return f"{path} is a zip archive with a model; unpack it and give {inner}"
    return (
        f"{path} is a zip archive, but not a Keras model (config.json is missing); give a file written by model.save()"
    )
