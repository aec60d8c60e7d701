"""Loads a scanned model and checks that it is an image classifier, or a detector or points that were trained here."""

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
from .image_input import ImageInput, image_input

log = Log("edgevision.convert")


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A loaded model and its scan."""

    keras: Any
    """Keras 3 or Keras 2 model, or the function of a SavedModel: float images in, (batch, outputs) out; of a detector
    encoded boxes (batch, cells, 4) and scores (batch, cells, outputs); of points (batch, rows, columns, 1 + outputs)."""
    scan: Scan
    """Scan of the file, with the architecture even if it became known only by loading."""
    height: int
    width: int
    channels: int
    outputs: int
    """Number of scores; of a detector, per cell."""
    parameters: int
    own_shape: tuple[int, ...] | None = None
    """Shape of the network's own input if it is not (height, width, channels)."""
    cells: int = 0
    """Number of cells of a detector of boxes; 0 for others."""
    grid: tuple[int, int] | None = None
    """Rows and columns of an output that may be the cells of a detector of points; None for others."""

    def run(self, images: Any) -> Any:
        """Return the scores of float images (batch, height, width, channels)."""
        return self.keras(as_own_input(images, self.own_shape), training=False)


def as_own_input(images: Any, own_shape: tuple[int, ...] | None) -> Any:
    """Return images in the shape of a network's own input."""
    return images if own_shape is None else backend.tensorflow().reshape(images, (-1, *own_shape))


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
    image = _image_input(model, found)
    grid = _point_grid(model)
    outputs, cells = (int(model.outputs[0].shape[3]) - 1, 0) if grid else _score_output(model, path)
    found = replace(found, config=_with_statistics(found.config, model))
    parameters = int(model.count_params())
    if not found.keras_2:
        _as_float32(model)
        model = _with_float_input(model)
    return replace(_loaded(model, found, image, outputs, parameters), cells=cells, grid=grid)


def _loaded(model: Any, found: Scan, image: ImageInput, outputs: int, parameters: int) -> LoadedModel:
    return LoadedModel(
        model, found, image.height, image.width, image.channels, outputs, parameters, own_shape=image.own_shape
    )


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
    reshaped = len(function.input_shape) in (2, 3)  # the graph has to show first that this is an image
    image = None if reshaped else image_input(function.input_shape, found)
    outputs = _score_count(function.output_shape, found.path)
    try:
        config = function.config() if image is None else function.config(image.height, image.width)
    except BadModel:
        raise
    # TensorFlow raises almost any exception for a graph that it cannot freeze.
    except Exception as error:
        raise BadModel(
            f"{found.path}: TensorFlow cannot turn the SavedModel into a fixed graph ({_telling_line(error)}); "
            "convert the model saved by model.save('model.keras')"
        ) from error
    found = replace(found, config=config)
    image = image or image_input(function.input_shape, found)
    return _loaded(function, found, image, outputs, function.parameters)


def _image_input(model: Any, found: Scan) -> ImageInput:
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
    return image_input(tuple(inputs[0].shape), found)


def _point_grid(model: Any) -> tuple[int, int] | None:
    """Return rows and columns of the only output if it has the shape of the cells of points; else None."""
    shape = tuple(model.outputs[0].shape)
    if len(model.outputs) != 1 or len(shape) != 4 or None in shape[1:] or shape[3] < 2:
        return None
    return int(shape[1]), int(shape[2])


def _score_output(model: Any, path: Path) -> tuple[int, int]:
    """Return the number of scores, and the number of cells of a detector (0 for a classifier)."""
    shapes = [tuple(output.shape) for output in model.outputs]
    cells = _cells(shapes)
    if cells:
        return int(shapes[1][2]), cells
    if len(shapes) != 1:
        raise BadModel(
            f"{path} has {len(shapes)} outputs, expected 1 of a classifier, or the boxes and scores of a detector that "
            "edgevision train made"
        )
    return _score_count(shapes[0], path), 0


def _cells(shapes: list[tuple[int | None, ...]]) -> int:
    """Return the number of cells if the outputs are the boxes and the scores of a detector, else 0."""
    if len(shapes) != 2 or any(len(shape) != 3 or None in shape[1:] for shape in shapes):
        return 0
    boxes, scores = shapes
    return boxes[1] or 0 if boxes[1] == scores[1] and boxes[2] == 4 else 0


def _score_count(shape: tuple[int | None, ...], path: Path) -> int:
    if len(shape) != 2 or shape[1] is None:
        raise BadModel(f"{path} {not_scores(shape)}")
    return int(shape[1])


def not_scores(shape: tuple[int | None, ...]) -> str:
    """Return what is wrong with a model whose only output has this shape, as what follows its name."""
    return (
        f"has the output shape {shape}, expected scores (None, classes): only classifiers, and detectors that "
        "edgevision train made, can be converted so far"
    )


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
