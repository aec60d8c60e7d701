"""Looks into a Keras model file before anything is loaded: what wrote it, what it is made of, whether that is safe."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edgevision.card import ModelCard
from edgevision.errors import BadModel
from edgevision.files import require_file

from . import keras_h5, keras_zip
from .allowlist import refusal

Format = Literal["keras", "h5"]
SAVE = "model.save('model.keras')"
RESAVE = f"open it in Keras 3 and save it again with {SAVE}"
MAX_OBJECTS = 1_000_000
"""Values in the config; the largest keras.applications model has about 50,000."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What a Keras file says of itself; it has passed the allow-list."""

    path: Path
    format: Format
    keras_version: str
    bytes: int
    """Size of the file."""
    config: dict[str, Any]
    """The serialized model: ``class_name``, ``config`` ..."""
    training: dict[str, Any] | None
    """How it was compiled, as Keras wrote it; never loaded."""
    card: ModelCard | None
    """Our own card, if the file carries one."""


def scan(path: Path) -> Scan:
    """Reads and checks a ``.h5`` or ``.keras`` without loading it. Raises MissingFile, BadModel."""
    if path.is_dir() and (path / "saved_model.pb").exists():
        raise BadModel(f"{path} is a SavedModel folder, which is not converted yet; save the Keras model with {SAVE}")
    require_file(path, "model")
    with path.open("rb") as stream:
        start = stream.read(2048)
    if _is_hdf5(start):
        result = _scan_h5(path)
    elif start.startswith(keras_zip.MAGIC):
        result = _scan_zip(path)
    else:
        raise BadModel(_no_model(path, start))
    _check_version(path, result.keras_version)
    check_config(result.config, path)
    return result


def check_config(config: object, path: Path) -> None:
    """Walks the whole config, nested models included. Raises BadModel that names the first layer that is refused."""
    stack: list[tuple[object, tuple[str, ...]]] = [(config, ())]
    count = 0
    while stack:
        value, names = stack.pop()
        count += 1
        if count > MAX_OBJECTS:
            raise BadModel(f"{path}: the architecture has more than {MAX_OBJECTS} values: not a model")
        if isinstance(value, dict):
            if "class_name" in value:
                names = _named(value, names)
                reason = refusal(value)
                if reason:
                    raise BadModel(f"{path}: {_where(names)} {reason}{_advice(value)}")
            # The outermost compile_config is not loaded (compile=False); a nested one would be.
            children = [(v, names) for k, v in value.items() if value is not config or k != "compile_config"]
            stack.extend(reversed(children))
        elif isinstance(value, list):
            stack.extend((v, names) for v in reversed(value))


def _scan_h5(path: Path) -> Scan:
    if path.suffix.lower() not in (".h5", ".hdf5"):
        raise BadModel(f"{path} is an HDF5 file under another name; rename it to {path.stem}.h5")
    found = keras_h5.read(path)
    if found.config is None:
        if found.is_weights:
            raise BadModel(f"{path} holds weights only, not the architecture; save the whole model with {SAVE}")
        raise BadModel(f"{path} is an HDF5 file, but no Keras model: it has no model_config")
    return _scan(path, "h5", found.keras_version, found.config, found.training, found.card)


def _scan_zip(path: Path) -> Scan:
    if path.suffix.lower() != ".keras":
        raise BadModel(f"{path} is a zip archive; a Keras model in one is named .keras: rename it to {path.stem}.keras")
    found = keras_zip.read(path)
    return _scan(path, "keras", found.keras_version, found.config, None, found.card)


def _scan(path: Path, kind: Format, version: str | None, config: str, training: str | None, card: str | None) -> Scan:
    if version is None:
        raise BadModel(f"{path} does not say which Keras wrote it; {RESAVE}")
    parsed = _json(path, config)
    compiled = parsed.get("compile_config") if training is None else _json(path, training)
    return Scan(
        path,
        kind,
        version,
        path.stat().st_size,
        parsed,
        compiled if isinstance(compiled, dict) else None,
        None if card is None else _card(path, card),
    )


def _card(path: Path, text: str) -> ModelCard:
    try:
        return ModelCard.loads(text)
    except ValueError as error:
        raise BadModel(f"{path}: {error}") from None


def _json(path: Path, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise BadModel(f"{path}: the architecture is no JSON: the file is damaged") from None
    if not isinstance(value, dict):
        raise BadModel(f"{path}: the architecture is no JSON object: the file is damaged")
    return value


def _check_version(path: Path, version: str) -> None:
    if version.startswith("3."):
        return
    if version.startswith(("1.", "2.")):
        raise BadModel(f"{path} was written by Keras {version}, which is not read yet; {RESAVE}")
    raise BadModel(f"{path} was written by Keras {version}; this version reads Keras 3 files")


def _is_hdf5(start: bytes) -> bool:
    # HDF5 lets a file begin with a block of the user's, of 512 bytes or a power of two more.
    return any(start[at : at + 8] == keras_h5.MAGIC for at in (0, 512, 1024))


def _no_model(path: Path, start: bytes) -> str:
    if not start:
        return f"{path} is empty"
    if start[4:8] == b"TFL3":
        return f"{path} is a .tflite already; edgevision inspect {path} shows what is in it"
    printable = sum(byte >= 32 or byte in b"\t\n\r" for byte in start)
    kind = "a text file" if printable == len(start) else "neither HDF5 nor a .keras archive"
    return f"{path} is {kind}, not a Keras model; give a .keras or .h5 written by model.save()"


def _named(value: dict[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    """The path of layer names down to this object; objects without a name (initializers ...) belong to their layer."""
    inner = value.get("config")
    name = value.get("name") or (inner.get("name") if isinstance(inner, dict) else None)
    is_layer = isinstance(name, str) and value.get("class_name") not in ("DTypePolicy",)
    return (*names, str(name)) if is_layer else names


def _where(names: tuple[str, ...]) -> str:
    inner = "/".join(names[1:])  # the outermost name is the model's own
    return f"layer {inner!r}" if inner else "the model itself"


def _advice(value: dict[str, Any]) -> str:
    if value.get("class_name") == "Lambda":
        return "; replace it by an ordinary layer (Rescaling, for instance) and save again"
    return ""
