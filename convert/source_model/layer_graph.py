"""Layer graph of a serialized Keras model: its first layers, its last layers, its operators.

Reads the configuration as stored in the file, for functional, sequential and nested models, without loading the model.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SEQUENCES = ("Sequential", "Pipeline")
"""Classes whose layers run one after the other."""
MODELS = ("Functional", "Model", *SEQUENCES)
AUGMENTATION = ("Random", "RandAugment", "AugMix", "CutMix", "MixUp", "Solarization", "Equalization")
"""Prefixes of the class names of layers that are inactive at inference."""
NOT_PASSIVE = ("RandomCrop",)
"""Layers with such a prefix that change images at inference, too."""
PASSIVE = (
    "InputLayer",
    "Identity",
    "Cast",
    "Dropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "GaussianNoise",
    "GaussianDropout",
    "AlphaDropout",
    "ActivityRegularization",
    "MaxNumBoundingBoxes",
    "StopGradient",
)
"""Layers that return their input unchanged at inference."""
WEIGHTED = ("Conv", "Depthwise", "Separable", "Dense", "Einsum", "BatchNorm", "LayerNorm", "GroupNorm", "RMSNorm",
            "UnitNorm", "SpectralNorm", "Embedding", "PReLU", "Attention", "AdditiveAttention", "MultiHead", "GroupQuery",
            "nn.conv", "Matmul", "linalg.matmul", "SavedModel")  # fmt: skip
"""Prefixes of the class names of layers with weights, whose output is no longer an image."""
OPERATORS = {
    "math.truediv": "TrueDivide", "math.divide": "TrueDivide", "__operators__.truediv": "TrueDivide", "RealDiv": "TrueDivide",
    "math.subtract": "Subtract", "__operators__.sub": "Subtract", "Sub": "Subtract",
    "math.add": "Add", "__operators__.add": "Add", "nn.bias_add": "Add", "AddV2": "Add", "BiasAdd": "Add",
    "math.multiply": "Multiply", "__operators__.mul": "Multiply", "Mul": "Multiply",
    "__operators__.getitem": "GetItem", "cast": "Cast", "nn.softmax": "Softmax", "math.sigmoid": "Sigmoid", "nn.sigmoid": "Sigmoid",
}  # fmt: skip
"""TensorFlow functions and operators -> equivalent Keras 3 operators."""


@dataclass(frozen=True, slots=True)
class Node:
    """A layer or operator of a model."""

    path: tuple[str, ...]
    """Names from the outermost nested model to the layer."""
    kind: str
    """Class name."""
    config: Mapping[str, Any]
    inputs: tuple[str, ...]
    """Names of its input layers, within the same model."""
    calls: int
    """Number of uses; more than one if the layer is shared."""
    arguments: tuple[Any, ...] = ()
    """Numeric arguments besides the tensors, lists flattened: for Subtract, the numbers to subtract."""
    constant_first: bool = False
    """Whether the numbers come before the tensor, as in 255 - x."""

    @property
    def name(self) -> str:
        """Name of the layer."""
        return self.path[-1]

    @property
    def passive(self) -> bool:
        """Whether it returns its input unchanged at inference."""
        linear = self.kind == "Activation" and _function(self.config.get("activation")) == "linear"
        augments = self.kind.startswith(AUGMENTATION) and self.kind not in NOT_PASSIVE
        return self.kind in PASSIVE or augments or linear


@dataclass(frozen=True, slots=True)
class Graph:
    """A model: its layers in file order."""

    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def node(self, name: str) -> Node | None:
        """Return the layer with this name, or None."""
        return next((n for n in self.nodes if n.name == name), None)

    def consumers(self, name: str) -> list[Node]:
        """Return the layers that read this layer."""
        return [n for n in self.nodes if name in n.inputs]


def graph(model: Mapping[str, Any], path: tuple[str, ...] = ()) -> Graph:
    """Return the graph of a serialized model (an object with ``class_name`` and ``config``)."""
    config = model.get("config")
    if isinstance(config, list):  # a Sequential of the earliest Keras versions
        config = {"layers": config}
    if not isinstance(config, Mapping):
        return Graph((), (), ())
    entries = [entry for entry in config.get("layers", ()) if isinstance(entry, Mapping)]
    if model.get("class_name") in SEQUENCES:
        return _sequential(entries, path)
    nodes = tuple(_node(entry, path) for entry in entries)
    return Graph(nodes, _names(config.get("input_layers")), _names(config.get("output_layers")))


def head(model: Mapping[str, Any]) -> Iterator[Node]:
    """Yield the layers from the input to the first branch, including those of nested models."""
    yield from _walk_head(graph(model))


def tail(model: Mapping[str, Any]) -> Iterator[Node]:
    """Yield the layers from the output back to the first one with several inputs, including those of nested models."""
    yield from _walk_tail(graph(model))


def names(model: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of all layers, including nested ones."""
    found: set[str] = set()
    graphs = [graph(model)]
    while graphs:
        for node in graphs.pop().nodes:
            found.add(node.name)
            if node.kind in MODELS:
                graphs.append(_inner(node))
    return frozenset(found)


def final_activation(model: Mapping[str, Any]) -> str:
    """Return the activation of the last layer: softmax, sigmoid, linear, or another function's name."""
    for node in tail(model):
        if node.kind in ("Softmax", "Sigmoid"):
            return node.kind.lower()
        activation = _function(node.config.get("activation"))
        if activation not in (None, "linear"):
            return str(activation)
        if not (node.passive or node.kind in ("Reshape", "Flatten", "Squeeze")):
            return "linear"
    return "linear"


def _walk_head(found: Graph) -> Generator[Node, None, bool]:
    """Yield the layers from the input on; return whether the model's output was reached without a branch."""
    if not found.nodes:
        return True
    if len(found.inputs) != 1:
        return False
    node = found.node(found.inputs[0])
    seen: set[str] = set()
    while node is not None and node.name not in seen:
        seen.add(node.name)
        if node.kind in MODELS and node.calls <= 1:
            if not (yield from _walk_head(_inner(node))):
                return False
        else:
            yield node
        readers = found.consumers(node.name)
        if not readers:
            return found.outputs == (node.name,)
        readers = _rejoined(found, readers) or readers
        alone = len(readers) == 1 and node.calls <= 1 and node.name not in found.outputs
        repeats = not alone or readers[0].inputs.count(node.name) > 1
        node = readers[0] if alone and (not repeats or _is_repetition(readers[0])) else None
    return False


def _is_repetition(node: Node) -> bool:
    """Return whether a layer only repeats one tensor, as from gray to three equal channels."""
    return node.kind == "Concatenate" and len(set(node.inputs)) == 1


def _rejoined(found: Graph, readers: list[Node]) -> list[Node]:
    """Return the one layer that stacks separated channels again in another order; empty for other branches."""
    if len(readers) < 2 or any(node.kind != "GetItem" for node in readers):
        return []
    after = {node.name: node for reader in readers for node in found.consumers(reader.name)}
    return [node for node in after.values() if node.kind == "Stack"] if len(after) == 1 else []


def _walk_tail(found: Graph) -> Generator[Node, None, bool]:
    """Yield the layers from the output back; return whether the model's input was reached without a branch."""
    if not found.nodes:
        return True
    if len(found.outputs) != 1:
        return False
    node = found.node(found.outputs[0])
    seen: set[str] = set()
    while node is not None and node.name not in seen:
        seen.add(node.name)
        if node.kind in MODELS:
            if not (yield from _walk_tail(_inner(node))):
                return False
        else:
            yield node
        if not node.inputs:
            return True
        node = found.node(node.inputs[0]) if len(node.inputs) == 1 else None
    return False


def before_weights(model: Mapping[str, Any]) -> Iterator[Node]:
    """Yield the layers that pixels reach before any layer with weights, on all branches."""
    yield from _before_weights(graph(model))


def _before_weights(found: Graph) -> Generator[Node, None, bool]:
    """Yield the layers before any weights; return whether the model has no layer with weights."""
    left, seen, clear = list(found.inputs), set(found.inputs), True
    while left:
        node = found.node(left.pop(0))
        if node is None:
            continue
        if node.kind.startswith(WEIGHTED):
            clear = False
            continue
        if node.kind in MODELS:
            if not (yield from _before_weights(_inner(node))):
                clear = False
                continue
        else:
            yield node
        for reader in found.consumers(node.name):
            if reader.name not in seen:
                seen.add(reader.name)
                left.append(reader.name)
    return clear


def layer_at(model: Any, path: tuple[str, ...]) -> Any:
    """Return the layer of a loaded Keras model that a node describes, from the names down to it."""
    for name in path:
        model = next(layer for layer in model.layers if layer.name == name)
    return model


def _inner(node: Node) -> Graph:
    return graph({"class_name": node.kind, "config": node.config}, node.path)


def _sequential(entries: list[Mapping[str, Any]], path: tuple[str, ...]) -> Graph:
    nodes: list[Node] = []
    for entry in entries:
        before = (nodes[-1].name,) if nodes else ()
        config = _config(entry)
        nodes.append(Node((*path, _name(entry)), str(entry.get("class_name")), config, before, 1))
    ends = ((nodes[0].name,), (nodes[-1].name,)) if nodes else ((), ())
    return Graph(tuple(nodes), *ends)


def _node(entry: Mapping[str, Any], path: tuple[str, ...]) -> Node:
    calls = entry.get("inbound_nodes") or []
    inputs: list[str] = []
    plain: list[Any] = []
    for call in calls:
        _collect(call, inputs, plain)
    kind, config = str(entry.get("class_name")), _config(entry)
    if kind in ("TFOpLambda", "SlicingOpLambda"):
        kind = OPERATORS.get(str(config.get("function")), str(config.get("function")))
    elif kind == "TensorFlowOpLayer" and isinstance(config.get("node_def"), Mapping):
        op = str(config["node_def"].get("op"))
        kind = OPERATORS.get(op, op)
        _collect(list((config.get("constants") or {}).values()), [], plain)
    return Node((*path, _name(entry)), kind, config, tuple(inputs), len(calls), tuple(plain), _constant_first(calls))


def _constant_first(calls: object) -> bool:
    """Return whether the first argument of a Keras 3 call is not a tensor of the model."""
    call = calls[0] if isinstance(calls, list) and calls else None
    arguments = call.get("args") if isinstance(call, Mapping) else None
    if not isinstance(arguments, list) or len(arguments) != 2:
        return False
    first, second = arguments
    return not _is_tensor(first) and _is_tensor(second)


def _is_tensor(value: object) -> bool:
    return isinstance(value, Mapping) and value.get("class_name") == "__keras_tensor__"


def _collect(value: object, inputs: list[str], plain: list[Any]) -> None:
    """Split the arguments of a call into tensors (as names of their layers) and plain numbers."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            inputs.append(str(value["config"]["keras_history"][0]))
        elif value.get("class_name") in ("__tensor__", "__numpy__"):
            _collect((value.get("config") or {}).get("value"), inputs, plain)
        else:
            for inner in (value.get("args"), *(value.get("kwargs") or {}).values()):
                _collect(inner, inputs, plain)
    elif isinstance(value, list):
        if _is_legacy_tensor(value):
            inputs.append(value[0])
            _collect(
                list(value[3].values()) if len(value) == 4 and isinstance(value[3], Mapping) else [], inputs, plain
            )
        else:
            for inner in value:
                _collect(inner, inputs, plain)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        plain.append(value)


def _is_legacy_tensor(value: list[Any]) -> bool:
    """Return whether a list is a Keras 2 tensor reference ``[layer, node, tensor, arguments]``."""
    return len(value) in (3, 4) and isinstance(value[0], str) and all(type(v) is int for v in value[1:3])


def _names(value: object) -> tuple[str, ...]:
    """Return the layer names in ``["a", 0, 0]``, ``[["a", 0, 0], ...]`` or ``{"key": ["a", 0, 0]}``."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if not isinstance(value, list) or not value:
        return ()
    if isinstance(value[0], str):
        return (value[0],)
    return tuple(str(item[0]) for item in value if isinstance(item, list) and item)


def _config(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    config = entry.get("config")
    return config if isinstance(config, Mapping) else {}


def _name(entry: Mapping[str, Any]) -> str:
    return str(entry.get("name") or _config(entry).get("name") or "")


def _function(value: object) -> str | None:
    """Return the name of a plain or serialized activation."""
    if isinstance(value, Mapping):
        inner = value.get("config")
        return inner if isinstance(inner, str) else str(value.get("class_name", "")).lower()
    return value if isinstance(value, str) else None
