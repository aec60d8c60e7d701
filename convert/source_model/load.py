"""Loads a scanned model and checks that it is an image classifier."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from edgevision.errors import BadModel
from edgevision.log import Log

from .. import backend
from ..keras_files.scan import Scan
from . import keras2, keras3, layer_graph

log = Log("edgevision.convert")
MAX_SIDE = 2048
"""Maximum side of the input in pixels; larger activations do not fit on a small board."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A loaded model and its scan."""

    keras: Any
    """Keras 3 or Keras 2 model, or the function of a SavedModel: float images in, (batch, outputs) out."""
    scan: Scan
    """Scan of the file, with the architecture even if it became known only by loading."""
    height: int
    width: int
    channels: int
    outputs: int
    parameters: int


def load(found: Scan) -> LoadedModel:
    """Load the model of a scanned file. Raises BadModel, and ModuleNotFoundError without TensorFlow."""
    log.info("loading %s with %s", found.path, _loader(found))
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


def _loader(found: Scan) -> str:
    if found.format == "savedmodel":
        return "TensorFlow"
    if found.format == "weights":
        return f"keras.applications, architecture {found.options.architecture}"
    return "tf_keras" if found.keras_2 else "Keras 3"


def _load(found: Scan) -> Any:
    with backend.quiet():
        try:
            if found.keras_2:
                return keras2.load(found)
            return keras3.load(found)
        except ModuleNotFoundError:
            raise
        # Keras raises almost any exception for a corrupt file or a mismatch; after the scan, no code can have run.
        except Exception as error:
            raise BadModel(f"Keras cannot load {found.path}: {_telling_line(error)}") from error


def _saved_model(found: Scan) -> LoadedModel:
    from . import saved_function

    function = saved_function.load(found.path)
    height, width, channels = picture_size(function.input_shape, found)
    outputs = _score_count(function.output_shape, found.path)
    try:
        config = function.config(height, width)
    except BadModel:
        raise
    # TensorFlow raises almost any exception for a graph that it cannot freeze.
    except Exception as error:
        raise BadModel(
            f"{found.path}: TensorFlow cannot turn the SavedModel into a fixed graph ({_telling_line(error)}); "
            "convert the model saved by model.save('model.keras')"
        ) from error
    found = replace(found, config=config)
    return LoadedModel(function, found, height, width, channels, outputs, function.parameters)


def _picture_input(model: Any, found: Scan) -> tuple[int, int, int]:
    path = found.path
    try:
        inputs = list(model.inputs or [])
    except (AttributeError, ValueError):
        inputs = []
    if not inputs:
        raise BadModel(f"{path} has no input shape because it was never built; add keras.Input(...) and save it again")
    if len(inputs) != 1:
        shapes = ", ".join(str(tuple(t.shape)) for t in inputs)
        raise BadModel(f"{path} has {len(inputs)} inputs ({shapes}), expected exactly one image input")
    return picture_size(tuple(inputs[0].shape), found)


def picture_size(shape: tuple[int | None, ...], found: Scan) -> tuple[int, int, int]:
    """Return height, width and channels of an input shape. Raises BadModel if it is not an image."""
    path, side = found.path, found.options.image_size
    if len(shape) != 4 or shape[0] not in (None, 1):
        raise BadModel(f"{path} has the input shape {shape}, expected one image (None, height, width, channels)")
    _, height, width, channels = shape
    if channels not in (1, 3):
        first = "; channels first is not supported, use channels last" if height in (1, 3) else ""
        raise BadModel(f"{path} has the input shape {shape}, expected 1 or 3 channels in the last dimension{first}")
    if side is None and (height is None or width is None):
        raise BadModel(
            f"{path} takes images of any size ({shape}), but a small board needs a fixed size: "
            "give the size it was trained with, for example --image-size 224"
        )
    if side is not None and any(n not in (None, side) for n in (height, width)):
        raise BadModel(f"{path} takes images of {width}x{height}, not {side}x{side}; omit --image-size")
    height, width = height or side, width or side
    assert height is not None and width is not None and channels is not None
    if max(height, width) > MAX_SIDE:
        raise BadModel(f"{path} takes images of {width}x{height}; the maximum is {MAX_SIDE}x{MAX_SIDE}")
    return height, width, channels


def _score_output(model: Any, path: Path) -> int:
    outputs = list(model.outputs)
    if len(outputs) != 1:
        raise BadModel(f"{path} has {len(outputs)} outputs, expected 1: only classifiers can be converted so far")
    return _score_count(tuple(outputs[0].shape), path)


def _score_count(shape: tuple[int | None, ...], path: Path) -> int:
    if len(shape) != 2 or shape[1] is None:
        raise BadModel(
            f"{path} has the output shape {shape}, expected scores (None, classes): "
            "only classifiers can be converted so far"
        )
    return int(shape[1])


def _with_statistics(config: dict[str, Any], model: Any) -> dict[str, Any]:
    """Return a copy of the architecture with the statistics of adapted Normalization layers, which are weights."""
    config = deepcopy(config)
    for node in layer_graph.head(config):
        if node.kind == "Normalization" and node.config.get("mean") is None:
            layer = layer_graph.layer_at(model, node.path)
            found = {name: np.ravel(getattr(layer, name)).tolist() for name in ("mean", "variance")}
            cast(dict[str, Any], node.config).update(found)
    return config


def _as_float32(model: Any) -> None:
    """Make a mixed-precision model compute in float32; its weights are float32 already."""
    for layer in [model, *model._flatten_layers(include_self=False)]:
        if getattr(layer, "compute_dtype", "float32") in ("float16", "bfloat16"):
            layer.dtype_policy = "float32"


def _with_float_input(model: Any) -> Any:
    """Return the model with a float input instead of an integer input, whose CAST cannot be quantized."""
    declared = model.inputs[0]
    if str(declared.dtype) == "float32":
        return model
    log.debug("the input of type %s becomes float32", declared.dtype)
    keras = backend.keras()
    floats = keras.Input(batch_shape=tuple(declared.shape), dtype="float32")
    copy = keras.models.clone_model(model, input_tensors=floats)
    copy.set_weights(model.get_weights())
    return copy


def _telling_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
