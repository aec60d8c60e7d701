"""Loads a Keras model that has passed the scan, and checks that it is a classifier of one picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision.errors import BadModel

from . import backend
from .scan import Scan

MAX_SIDE = 2048
"""Pixels of an input; more is no model for a small board, and its activations would not fit either."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A Keras model and what its file says."""

    keras: Any
    """The model: float pictures in, (batch, outputs) out."""
    scan: Scan
    height: int
    width: int
    channels: int
    outputs: int
    parameters: int


def load(found: Scan) -> LoadedModel:
    """The model of a file that was scanned. Raises BadModel, and ModuleNotFoundError without TensorFlow."""
    path = found.path
    model = _load(found)
    height, width, channels = _picture_input(model, path)
    outputs = _score_output(model, path)
    _as_float32(model)
    return LoadedModel(_with_float_input(model), found, height, width, channels, outputs, int(model.count_params()))


def _load(found: Scan) -> Any:
    keras = backend.keras()
    with backend.quiet():
        try:
            return keras.models.load_model(str(found.path), compile=False, safe_mode=True)
        # Keras answers damage and mismatch with nearly any exception; the scan has ruled out that code was run.
        except Exception as error:
            raise BadModel(f"Keras cannot load {found.path}: {_telling_line(error)}") from error


def _picture_input(model: Any, path: Path) -> tuple[int, int, int]:
    try:
        inputs = list(model.inputs or [])
    except (AttributeError, ValueError):
        inputs = []
    if not inputs:
        raise BadModel(f"{path} has no input shape: it was never built; add keras.Input(...) first and save again")
    if len(inputs) != 1:
        shapes = ", ".join(str(tuple(t.shape)) for t in inputs)
        raise BadModel(f"{path} has {len(inputs)} inputs ({shapes}); only models that take one picture are converted")
    shape = tuple(inputs[0].shape)
    if len(shape) != 4 or shape[0] not in (None, 1):
        raise BadModel(f"{path} takes {shape}, not one picture (None, height, width, channels)")
    if None in shape[1:]:
        raise BadModel(
            f"{path} takes pictures of any size, {shape}; a small board needs one: "
            "build it with keras.Input((height, width, 3)), load the weights and save again"
        )
    if shape[3] not in (1, 3):
        first = " (channels first is not converted: use channels last)" if shape[1] in (1, 3) else ""
        raise BadModel(f"{path} takes {shape}: pictures have 1 or 3 channels, last{first}")
    if max(shape[1:3]) > MAX_SIDE:
        raise BadModel(f"{path} takes pictures of {shape[2]}x{shape[1]}; at most {MAX_SIDE}x{MAX_SIDE} are converted")
    return shape[1], shape[2], shape[3]


def _score_output(model: Any, path: Path) -> int:
    outputs = list(model.outputs)
    if len(outputs) != 1:
        raise BadModel(f"{path} has {len(outputs)} outputs; only classifiers with one list of scores are converted yet")
    shape = tuple(outputs[0].shape)
    if len(shape) != 2 or shape[1] is None:
        raise BadModel(
            f"{path} gives {shape}, not one list of scores (None, classes); only classifiers are converted yet"
        )
    return int(shape[1])


def _as_float32(model: Any) -> None:
    """Computes in 32 bits what was trained in mixed precision: the weights are 32 bits already."""
    for layer in [model, *model._flatten_layers(include_self=False)]:
        if getattr(layer, "compute_dtype", "float32") in ("float16", "bfloat16"):
            layer.dtype_policy = "float32"


def _with_float_input(model: Any) -> Any:
    """A model that was declared to take whole numbers takes floats instead: a CAST cannot be quantized."""
    declared = model.inputs[0]
    if str(declared.dtype) == "float32":
        return model
    keras = backend.keras()
    floats = keras.Input(batch_shape=tuple(declared.shape), dtype="float32")
    copy = keras.models.clone_model(model, input_tensors=floats)
    copy.set_weights(model.get_weights())
    return copy


def _telling_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
