"""Scan of a Keras model file before anything is loaded: which version wrote it, what it contains, whether it is safe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edgevision.errors import BadInput, BadModel
from edgevision.files import strict_json
from edgevision.files.atomic import sha256
from edgevision.input_file import open_file
from edgevision.log import Log
from edgevision.model_file.card import ModelCard

from . import config_walk, hdf5, keras_archive, other_formats, saved_model, size_limits, tensor_sizes
from .allowlist import refusal
from .load_options import ONLY_WHAT_THE_FILE_SAYS, LoadOptions

log = Log("edgevision.convert")
Format = Literal["keras", "h5", "weights", "savedmodel", "tflite"]
KERAS_2 = ("1.", "2.", "tfjs-layers ")
"""Beginnings of the versions before Keras 3; TensorFlow.js, as in Teachable Machine, writes its own."""
MAX_DEPTH = 256
"""Deepest nesting of an architecture; each model inside a model adds about ten levels."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Contents of a model file that passed the allow-list, or of a .tflite that passed the strict reader."""

    path: Path
    format: Format
    keras_version: str | None
    """Keras version that wrote the file; None if not recorded."""
    bytes: int
    """Size of the file or folder in bytes."""
    config: dict[str, Any]
    """Serialized model: ``class_name``, ``config`` ...; empty if it is known only after loading (weights, SavedModel)."""
    training: dict[str, Any] | None
    """Compile configuration as written by Keras; never loaded."""
    card: ModelCard | None
    """Model card of the file, if any."""
    options: LoadOptions = ONLY_WHAT_THE_FILE_SAYS

    @property
    def keras_2(self) -> bool:
        """Whether the file predates Keras 3, by its recorded version, else by the form of its configuration."""
        if self.keras_version is not None:
            return self.keras_version.startswith(KERAS_2)
        return bool(self.config) and not _written_by_keras_3(self.config)

    def sha256(self) -> str:
        """Return the sha256 of the file, or of the files of a folder."""
        return saved_model.sha256(self.path) if self.format == "savedmodel" else sha256(self.path)


def scan(path: Path, options: LoadOptions = ONLY_WHAT_THE_FILE_SAYS) -> Scan:
    """Read and check a ``.h5``, ``.keras`` or SavedModel folder without loading it. Raises MissingFile, BadModel."""
    if path.is_dir() and (path / saved_model.FILE).exists():
        found = saved_model.check_folder(path)
        return Scan(path, "savedmodel", None, found, {}, None, None, options)
    with open_file(path, "model") as stream:
        start = stream.read(2048)
    if _is_hdf5(start):
        result = _scan_h5(path, options)
    elif start.startswith(keras_archive.MAGIC):
        result = _scan_zip(path, options)
    else:
        raise BadModel(other_formats.describe(path, start))
    if options.architecture is not None and result.format != "weights":
        raise BadModel(f"{path} contains a whole model; omit --architecture, which is only for weights-only files")
    _check_version(path, result.keras_version)
    weight_bytes = keras_archive.weight_bytes(path) if result.format == "keras" else result.bytes
    check_config(result.config, path, result.keras_2, options.allow_code, weight_bytes)
    tensor_sizes.check(result.config, path, options.image_size)
    config_walk.check_training(result.training, path, options.allow_code)
    log.info("%s: %s, Keras %s, %.2f MB", path, result.format, result.keras_version or "unknown", result.bytes / 1e6)
    return result


def check_config(
    config: object, path: Path, keras_2: bool = False, allow_code: bool = False, weight_bytes: int | None = None
) -> None:
    """Check the whole config, including nested models. Raises BadModel that names the first rejected layer.

    ``weight_bytes`` is the size of the weights in the file, to compare with the sizes in the config; None to skip that.
    """
    asked = 0.0
    for entry, names in config_walk.objects(config, path, allow_code):
        reason = refusal(entry, keras_2, allow_code) or size_limits.refusal(entry)
        if reason:
            raise BadModel(f"{path}: {config_walk.where(names)} {reason}{_advice(entry)}")
        asked += size_limits.weights(entry)
    absurd = None if weight_bytes is None else size_limits.too_many(asked, weight_bytes)
    if absurd:
        raise BadModel(f"{path}: the architecture {absurd}: corrupt or malicious file")


def _scan_h5(path: Path, options: LoadOptions) -> Scan:
    if path.suffix.lower() not in (".h5", ".hdf5", ".keras"):
        raise BadModel(f"{path} is an HDF5 file with the wrong suffix; rename it to {path.stem}.h5")
    found = hdf5.read(path)
    if found.config is None:
        if not found.is_weights:
            raise BadModel(f"{path} is an HDF5 file, but not a Keras model (model_config is missing)")
        if options.architecture is None:
            raise BadModel(
                f"{path} contains only weights, no architecture; save the whole model with {other_formats.SAVE}, "
                "or name the network: --architecture mobilenet_v2 --alpha 0.35 --classes 2 --image-size 96"
            )
        return Scan(path, "weights", found.keras_version, path.stat().st_size, {}, None, None, options)
    return _scan(path, "h5", found.keras_version, found.config, found.training, found.card, options)


def _scan_zip(path: Path, options: LoadOptions) -> Scan:
    if path.suffix.lower() != ".keras":
        other = other_formats.archive(path, keras_archive.names(path))
        if other is not None:
            raise BadModel(other)
        raise BadModel(
            f"{path} is a zip archive with the wrong suffix; if it is a model, rename it to {path.stem}.keras"
        )
    found = keras_archive.read(path)
    return _scan(path, "keras", found.keras_version, found.config, None, found.card, options)


def _scan(
    path: Path,
    kind: Format,
    version: str | None,
    config: str,
    training: str | None,
    card: str | None,
    options: LoadOptions,
) -> Scan:
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
        options,
    )


def _card(path: Path, text: str) -> ModelCard:
    try:
        return ModelCard.loads(text)
    except ValueError as error:
        raise BadModel(f"{path}: {error}") from None


def _json(path: Path, text: str) -> dict[str, Any]:
    try:
        value = strict_json.loads(text, "the architecture", max_depth=MAX_DEPTH)
    except BadInput as error:
        raise BadModel(f"{path} is corrupt: {error}") from None
    if not isinstance(value, dict):
        raise BadModel(f"{path} is corrupt: the architecture is not a JSON object")
    return value


def _check_version(path: Path, version: str | None) -> None:
    if version is not None and not version.startswith((*KERAS_2, "3.")):
        raise BadModel(f"{path} was written by Keras {version}; only files of Keras 2 and 3 are supported")


def _written_by_keras_3(config: object) -> bool:
    """Return whether Keras 3 wrote a config: it has ``batch_shape`` instead of ``batch_input_shape``, or dtype objects."""
    stack = [config]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            if "batch_shape" in value or value.get("class_name") == "DTypePolicy":
                return True
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
    return False


def _is_hdf5(start: bytes) -> bool:
    # An HDF5 file may start with a user block of 512 bytes or a larger power of two.
    return any(start[at : at + 8] == hdf5.MAGIC for at in (0, 512, 1024))


ADVICE = {
    "Quantize": "; it is from quantization-aware training: save the trained model as a SavedModel folder, "
    "model.save('folder', save_format='tf'), and convert that",
    "PruneLowMagnitude": "; it is from pruning: save tfmot.sparsity.keras.strip_pruning(model) and convert that",
    "KerasLayer": "; it is a TensorFlow Hub layer: save the model as a SavedModel folder, "
    "model.save('folder', save_format='tf'), and convert that",
}
"""What to do about layers of other libraries, by the beginning of the class name."""


def _advice(value: dict[str, Any]) -> str:
    name = str(value.get("class_name")).rpartition(">")[2]
    for start, advice in ADVICE.items():
        if name.startswith(start):
            return advice
    if value.get("class_name") == "Lambda":
        return (
            "; replace it with a standard layer such as Rescaling and save again, "
            "or add --allow-code if you trust the author of the file"
        )
    return ""
