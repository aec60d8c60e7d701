"""Builds a keras.applications network by name and loads a weights-only file into it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from edgevision.errors import BadInput, BadModel, UnknownName, nearest

from .. import backend
from ..keras_files import weight_arrays
from ..keras_files.scan import Scan
from ..keras_files.windows_names import with_slashes
from .known_architectures import current_name

BUILDERS = {
    "mobilenet": "MobileNet", "mobilenet_v2": "MobileNetV2",
    "mobilenet_v3_small": "MobileNetV3Small", "mobilenet_v3_large": "MobileNetV3Large",
    **{f"efficientnet_b{n}": f"EfficientNetB{n}" for n in range(8)},
    **{f"efficientnet_v2_b{n}": f"EfficientNetV2B{n}" for n in range(4)},
    "resnet50": "ResNet50", "resnet101": "ResNet101", "resnet50_v2": "ResNet50V2", "resnet101_v2": "ResNet101V2",
    "densenet121": "DenseNet121", "densenet169": "DenseNet169", "nasnet_mobile": "NASNetMobile",
    "inception_v3": "InceptionV3", "xception": "Xception", "vgg16": "VGG16", "vgg19": "VGG19",
}  # fmt: skip
"""Names for ``--architecture`` -> functions of keras.applications."""
WITH_ALPHA = ("mobilenet", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large")
SIZE = 224
"""Default side of the input in pixels."""
Arrays = weight_arrays.Arrays
Head = Literal["pooling", "nested", "published"]
HEADS: tuple[Head, ...] = ("pooling", "nested", "published")


def load(found: Scan) -> Any:
    """Return the Keras model named by ``found.options`` with the weights of the file. Raises BadModel, BadInput.

    Arrays are matched by layer name and shape. Besides the published network with its own top, the usual transfer model
    is tried: global average pooling and one dense layer.
    """
    options = found.options
    assert options.architecture is not None
    if options.architecture not in BUILDERS:
        known = list(BUILDERS)
        hint = nearest(options.architecture, known)
        raise UnknownName(f"unknown architecture {options.architecture!r}{hint}; available: {', '.join(known)}")
    if options.alpha is not None and options.architecture not in WITH_ALPHA:
        raise BadInput(f"--alpha applies only to {', '.join(WITH_ALPHA)}; omit it for {options.architecture}")
    arrays = _current_names(weight_arrays.read_named(found.path) or _by_structure(found))
    classes = options.classes or _classes(arrays)
    faults = []
    for head in (HEADS[0], HEADS[2]):
        model = _build(backend.keras(), found, classes, head)
        fault = _assign(model, arrays)
        if fault is None:
            return model
        faults.append(fault)
    best = min(faults, key=len)
    raise BadModel(f"{found.path} does not match {_describe(found)} with {classes} classes: {_fault(best)}")


def _by_structure(found: Scan) -> Arrays:
    """Return the arrays of a file without layer names, as Keras assigns them to the usual forms of the network."""
    if found.options.classes is None:
        raise BadInput(f"{found.path} has no layer names; give the number of outputs with --classes")
    for keras in (backend.tf_keras(), backend.keras()):
        for head in HEADS:
            model = _build(keras, found, found.options.classes, head)
            try:
                with backend.quiet(), with_slashes(found.path) as weights:
                    model.load_weights(str(weights))
            # Keras raises ValueError, KeyError, IndexError and others on a mismatch.
            except Exception:
                continue
            return {layer.name: layer.get_weights() for layer in _leaves(model) if layer.weights}
    raise BadModel(
        f"{found.path} does not match {_describe(found)} with {found.options.classes} classes; give the original "
        "--architecture, --alpha, --image-size and --classes, or save the whole model"
    )


def _build(keras: Any, found: Scan, classes: int, head: Head) -> Any:
    """Build the network with random weights and the given head: published top, or pooling and a dense layer.

    With ``nested``, the backbone is one layer of the model.
    """
    options = found.options
    side = options.image_size or SIZE
    arguments: dict[str, Any] = {"weights": None, "input_shape": (side, side, 3), "include_top": head == "published"}
    if options.alpha is not None:
        arguments["alpha"] = options.alpha
    end = "sigmoid" if classes == 1 else "softmax"
    if head == "published":
        arguments["classes"] = classes
        if options.architecture != "nasnet_mobile":  # it lacks this parameter
            arguments["classifier_activation"] = end
    try:
        base = getattr(keras.applications, BUILDERS[str(options.architecture)])(**arguments)
    except ValueError as error:
        raise BadInput(f"cannot build {_describe(found)}: {str(error).splitlines()[0]}") from None
    if head == "published":
        return base
    layers = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(classes, activation=end)]
    if head == "nested":
        return keras.Sequential([base, *layers])
    return keras.Model(base.input, layers[1](layers[0](base.output)))


def _leaves(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        yield from _leaves(layer) if hasattr(layer, "layers") else (layer,)


def _assign(model: Any, arrays: Arrays) -> list[str] | None:
    """Load the arrays into a model. On a mismatch, load nothing and return one line per layer that does not match."""
    wanted = {layer.name: layer for layer in model.layers if layer.weights}
    left = {name: values for name, values in arrays.items() if name not in wanted}
    pairs: list[tuple[Any, Any]] = []
    faults: list[str] = []
    for name, layer in wanted.items():
        shapes = [tuple(w.shape) for w in layer.weights]
        # Layers of the head may have any name, so match them by shape.
        found = arrays.get(name) or next((left.pop(key) for key in list(left) if _shapes(left[key]) == shapes), None)
        if found is None or _shapes(found) != shapes:
            faults.append(f"layer {name!r} expects {_list(shapes)}, the file has {_list(_shapes(found or []))}")
        else:
            pairs.append((layer, found))
    faults += [f"the file has an extra layer {name!r} ({_list(_shapes(values))})" for name, values in left.items()]
    if faults:
        return faults
    for layer, values in pairs:
        layer.set_weights(values)
    return None


def _current_names(arrays: Arrays) -> Arrays:
    """Return the arrays by their Keras 3 layer names."""
    if not any("/" in name for name in arrays):
        return arrays
    return {current_name(name): values for name, values in arrays.items()}


def _classes(arrays: Arrays) -> int:
    """Return the number of outputs of the last layer in the file."""
    last: Iterator[Any] = (values[-1] for values in reversed(arrays.values()) if values[-1].ndim == 1)
    bias = next(last, None)
    if bias is None:
        raise BadInput("cannot determine the number of classes from the file; give --classes")
    return int(bias.shape[0])


def _describe(found: Scan) -> str:
    alpha = f" {found.options.alpha:g}" if found.options.alpha is not None else ""
    side = found.options.image_size or SIZE
    return f"{found.options.architecture}{alpha}, {side}x{side}"


def _fault(faults: list[str]) -> str:
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{faults[0]}{more}; give the original --architecture, --alpha and --classes, or save the whole model"


def _shapes(arrays: Any) -> list[tuple[int, ...]]:
    return [tuple(array.shape) for array in arrays]


def _list(shapes: list[tuple[int, ...]]) -> str:
    return ", ".join("x".join(map(str, shape)) or "1" for shape in shapes) or "none"
