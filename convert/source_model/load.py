"""Loads a model that has passed the scan, and checks that it is a classifier of one picture."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from edgevision.errors import BadModel

from .. import backend
from ..keras_files.scan import Scan
from . import keras2, keras3, layer_graph

MAX_SIDE = 2048
"""Pixels of an input; more is no model for a small board, and its activations would not fit either."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A model and what its file says."""

    keras: Any
    """The model, of Keras 3 or 2 or the function of a SavedModel: float pictures in, (batch, outputs) out."""
    scan: Scan
    """With the architecture, also where only loading could tell it."""
    height: int
    width: int
    channels: int
    outputs: int
    parameters: int


def load(found: Scan) -> LoadedModel:
    """The model of a file that was scanned. Raises BadModel, and ModuleNotFoundError without TensorFlow."""
    if found.format == "savedmodel":
        return _saved_model(found)
    path = found.path
    if found.format == "weights":
        from . import applications

        model = applications.load(found)
        found = replace(found, config=json.loads(model.to_json()))
    else:
        model = _load(found)
    height, width, channels = _picture_input(model, found)
    outputs = _score_output(model, path)
    found = replace(found, config=_with_statistics(found.config, model))
    parameters = int(model.count_params())
    if not found.keras_2:
        _as_float32(model)
        model = _with_float_input(model)
    return LoadedModel(model, found, height, width, channels, outputs, parameters)


def _load(found: Scan) -> Any:
    with backend.quiet():
        try:
            if found.keras_2:
                return keras2.load(found)
            return keras3.load(found)
        except ModuleNotFoundError:
            raise
        # Keras answers damage and mismatch with nearly any exception; the scan has ruled out that code was run.
        except Exception as error:
            raise BadModel(f"Keras cannot load {found.path}: {_telling_line(error)}") from error


def _saved_model(found: Scan) -> LoadedModel:
    from . import saved_function

    function = saved_function.load(found.path)
    height, width, channels = picture_size(function.input_shape, found)
    outputs = _score_count(function.output_shape, found.path)
    found = replace(found, config=function.config(height, width))
    return LoadedModel(function, found, height, width, channels, outputs, function.parameters)


def _picture_input(model: Any, found: Scan) -> tuple[int, int, int]:
    path = found.path
    try:
        inputs = list(model.inputs or [])
    except (AttributeError, ValueError):
        inputs = []
    if not inputs:
        raise BadModel(f"{path} has no input shape: it was never built; add keras.Input(...) first and save again")
    if len(inputs) != 1:
        shapes = ", ".join(str(tuple(t.shape)) for t in inputs)
        raise BadModel(f"{path} has {len(inputs)} inputs ({shapes}); only models that take one picture are converted")
    return picture_size(tuple(inputs[0].shape), found)


def picture_size(shape: tuple[int | None, ...], found: Scan) -> tuple[int, int, int]:
    """height, width, channels of an input (batch, height, width, channels). Raises BadModel for what is no picture."""
    path, side = found.path, found.options.image_size
    if len(shape) != 4 or shape[0] not in (None, 1):
        raise BadModel(f"{path} takes {shape}, not one picture (None, height, width, channels)")
    _, height, width, channels = shape
    if channels not in (1, 3):
        first = " (channels first is not converted: use channels last)" if height in (1, 3) else ""
        raise BadModel(f"{path} takes {shape}: pictures have 1 or 3 channels, last{first}")
    if side is None and (height is None or width is None):
        raise BadModel(
            f"{path} takes pictures of any size, {shape}; a small board needs one: "
            "give it, for instance --image-size 224, best the size it was trained with"
        )
    if side is not None and any(n not in (None, side) for n in (height, width)):
        raise BadModel(f"{path} takes pictures of {width}x{height}, not {side}x{side}; leave --image-size out")
    height, width = height or side, width or side
    assert height is not None and width is not None and channels is not None
    if max(height, width) > MAX_SIDE:
        raise BadModel(f"{path} takes pictures of {width}x{height}; at most {MAX_SIDE}x{MAX_SIDE} are converted")
    return height, width, channels


def _score_output(model: Any, path: Path) -> int:
    outputs = list(model.outputs)
    if len(outputs) != 1:
        raise BadModel(f"{path} has {len(outputs)} outputs; only classifiers with one list of scores are converted yet")
    return _score_count(tuple(outputs[0].shape), path)


def _score_count(shape: tuple[int | None, ...], path: Path) -> int:
    if len(shape) != 2 or shape[1] is None:
        raise BadModel(
            f"{path} gives {shape}, not one list of scores (None, classes); only classifiers are converted yet"
        )
    return int(shape[1])


def _with_statistics(config: dict[str, Any], model: Any) -> dict[str, Any]:
    """Writes what a Normalization layer was adapted to, which lies among the weights, into a copy of the architecture."""
    config = deepcopy(config)
    for node in layer_graph.head(config):
        if node.kind == "Normalization" and node.config.get("mean") is None:
            layer = model
            for name in node.path:
                layer = layer.get_layer(name)
            found = {name: np.ravel(getattr(layer, name)).tolist() for name in ("mean", "variance")}
            cast(dict[str, Any], node.config).update(found)
    return config


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
