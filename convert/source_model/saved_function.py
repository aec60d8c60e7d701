"""The inference function of a SavedModel, frozen; preprocessing and task are read from its graph instead of its layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgevision.errors import BadModel

from .. import backend
from ..keras_files import saved_model

LINES = {"Mul": "Multiply", "RealDiv": "TrueDivide", "AddV2": "Add", "Add": "Add", "BiasAdd": "Add", "Sub": "Subtract"}
"""TensorFlow operators -> Keras 3 operator names, as used to infer the preprocessing."""
PASSING = ("Identity", "IdentityN", "Cast", "NoOp", "Reshape", "Squeeze", "EnsureShape", "StopGradient")
MOVING = (
    "StridedSlice",
    "Pack",
    "ConcatV2",
    "ReverseV2",
    "Pad",
    "ResizeBilinear",
    "ResizeNearestNeighbor",
    "Transpose",
)
"""Operators that rearrange pixels or channels without changing their values."""
ENDS = {"Softmax": "softmax", "Sigmoid": "sigmoid", "Tanh": "tanh", "Relu": "relu", "LogSoftmax": "log_softmax"}


class SavedFunction:
    """Inference function from float images to scores; called like a Keras model."""

    def __init__(self, path: Path) -> None:
        """Load a folder that passed the checks. Raises BadModel, and whatever TensorFlow raises if it is corrupt."""
        self._path = path
        tf = backend.tensorflow()
        self._loaded = tf.saved_model.load(str(path))
        signatures = self._loaded.signatures
        self._function = signatures[next(name for name in saved_model.SIGNATURES if name in signatures)]
        inputs = self._function.structured_input_signature[1]
        outputs = self._function.structured_outputs
        for kind, specs in (("inputs", inputs), ("outputs", outputs)):
            if len(specs) != 1:
                names = ", ".join(f"{name} {_shape(spec)}" for name, spec in specs.items())
                raise BadModel(
                    f"{path} has {len(specs)} {kind} ({names}), expected 1; only image classifiers can be converted"
                )
        self._argument, given = next(iter(inputs.items()))
        self._result, answer = next(iter(outputs.items()))
        self.input_shape, self.output_shape = _shape(given), _shape(answer)
        self._dtype = given.dtype
        self._pure = self._without_side_effects() if self._needs_rewriting() else None
        self.parameters = sum(int(np.prod(v.shape)) for v in self._function.graph.variables)

    def __call__(self, pictures: Any, training: bool = False) -> Any:
        """Return the scores of float images (batch, height, width, channels); inference only."""
        assert not training
        if self._pure is not None:
            return self._pure(pictures)
        tf = backend.tensorflow()
        return self._function(**{self._argument: tf.cast(pictures, self._dtype)})[self._result]

    @property
    def has_loop(self) -> bool:
        """Whether the function calls a loop, which may never end."""
        graph = self._function.graph.as_graph_def()
        nodes = [*graph.node, *(node for one in graph.library.function for node in one.node_def)]
        return any(node.op in saved_model.LOOPS for node in nodes)

    def _needs_rewriting(self) -> bool:
        """Return whether the function takes integers or changes variables, as the random layers that Keras exports do."""
        functions = self._function.graph.as_graph_def().library.function
        assigns = any(node.op.startswith("Assign") for one in functions for node in one.node_def)
        rounds = any(node.op in saved_model.FAKE_QUANT for one in functions for node in one.node_def)
        return assigns or rounds or not self._dtype.is_floating

    def _without_side_effects(self) -> Any:
        """Return the function of float images, inlined, without assignments, casts of the input, and rounding."""
        tf = backend.tensorflow()
        from tensorflow.python.framework.convert_to_constants import _run_inline_graph_optimization

        graph = _run_inline_graph_optimization(self._function, False, False)
        for node in graph.node:
            del node.input[len(_references(node)) :]  # control dependencies, which come last
            node.attr.pop("_class", None)  # placement next to other nodes
            if node.op in saved_model.FAKE_QUANT:
                _pass_through(node)
        given, answer = self._function.inputs[0], self._function.outputs[0]
        graph = tf.compat.v1.graph_util.extract_sub_graph(graph, [answer.op.name])
        nodes = {node.name: node for node in graph.node}
        handles = {within.name: outside for outside, within in self._function.graph.captures if within.op.name in nodes}
        copies, casts, by_bytes = _input_readers(nodes, given.op.name)
        replaced = {given.op.name, *casts, *(name.partition(":")[0] for name in handles)}
        if not by_bytes:
            replaced |= copies
        kept = [node for node in graph.node if node.name not in replaced]
        del graph.node[:]
        graph.node.extend(kept)

        def pure(pictures: Any) -> Any:
            image = {f"{name}:0": pictures for name in casts}
            if by_bytes:
                image[given.name] = tf.cast(pictures, self._dtype)
            inside = tf.compat.v1.get_default_graph()
            for variable in self._function.graph.variables:
                inside.watch_variable(variable)  # else freezing does not find them
            captured = {name: inside.capture(handle) for name, handle in handles.items()}
            return tf.graph_util.import_graph_def(
                graph, input_map={**captured, **image}, return_elements=[answer.name], name=""
            )[0]

        spec = tf.TensorSpec(given.shape, tf.float32)
        return tf.function(pure, autograph=False, input_signature=[spec])

    def config(self, *sides: int) -> dict[str, Any]:
        """Return a serialized Keras model with the parts of the graph that determine preprocessing and task.

        ``sides``: height and width of the image, where the function takes images; nothing for other shapes.
        """
        nodes, output = self._frozen(*sides)
        layers = [_layer("InputLayer", "image")]
        for name, kind, numbers in _entry(nodes, reshapes=not sides):
            layers.append(_layer(kind, name, layers[-1]["name"], numbers))
        layers.append(_layer("SavedModel", "network", layers[-1]["name"]))
        layers.append(_layer("Activation", "scores", layers[-1]["name"], activation=_end(nodes, output)))
        ends = {"input_layers": ["image", 0, 0], "output_layers": ["scores", 0, 0]}
        return {"class_name": "Functional", "config": {"name": "saved_model", "layers": layers, **ends}}

    def _frozen(self, *sides: int) -> tuple[dict[str, Any], str]:
        """Return the nodes of the function for one image, inlined and with constant variables, and the output's name."""
        tf = backend.tensorflow()
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

        shape = (*sides, self.input_shape[3]) if sides else self.input_shape[1:]
        spec = tf.TensorSpec((1, *shape), tf.float32)
        traced = tf.function(self.__call__, autograph=False, input_signature=[spec]).get_concrete_function()
        frozen = convert_variables_to_constants_v2(traced, lower_control_flow=False)
        found, output = frozen.graph.as_graph_def(), frozen.outputs[0].op.name
        nodes = {node.name: node for node in found.node}
        self._require_deterministic(nodes, output, found.library.function)
        return nodes, output

    def _require_deterministic(self, nodes: dict[str, Any], output: str, functions: Any) -> None:
        """Refuse random numbers and loops on the way to the scores. Raises BadModel."""
        library = {one.signature.name: one.node_def for one in functions}
        left, seen = [nodes[output]], {output}
        while left:
            node = left.pop()
            if "Random" in node.op:
                raise BadModel(
                    f"{self._path}: the function draws random numbers ({node.name}): it augments or drops out at "
                    "inference, too; convert the model saved by model.save('model.keras'), called without training=True"
                )
            if node.op in saved_model.LOOPS:
                raise BadModel(
                    f"{self._path}: the function has a loop ({node.name}), which cannot be converted to int8"
                )
            inner = [one for value in node.attr.values() for one in library.get(value.func.name, ())]
            behind = [nodes[name] for name in _sources(node) if name in nodes and name not in seen]
            seen.update(one.name for one in behind)
            left += behind + [one for one in inner if "Random" in one.op or one.op in saved_model.LOOPS]


def _references(node: Any) -> list[str]:
    return [reference for reference in node.input if not reference.startswith("^")]


def _pass_through(node: Any) -> None:
    """Make an operator return its first input."""
    from tensorflow import float32

    node.op = "Identity"
    del node.input[1:]
    node.attr.clear()
    node.attr["T"].type = float32.as_datatype_enum


def _input_readers(nodes: dict[str, Any], given: str) -> tuple[set[str], list[str], bool]:
    """Return the copies of the input, their casts to float32, for which a float image can stand in, and whether others read it."""
    from tensorflow import float32

    copies, left, readers = {given}, [given], []
    while left:
        for node in _readers(nodes, left.pop()):
            if node.op == "Identity" and node.name not in copies:
                copies.add(node.name)
                left.append(node.name)
            elif node.op != "Identity":
                readers.append(node)
    casts = [node.name for node in readers if node.op == "Cast" and node.attr["DstT"].type == float32.as_datatype_enum]
    return copies, casts, len(casts) < len(readers)


def load(path: Path) -> SavedFunction:
    """Load the function of a checked folder. Raises BadModel."""
    with backend.quiet():
        return _open(path)


def _open(path: Path) -> SavedFunction:
    try:
        return SavedFunction(path)
    except (BadModel, ModuleNotFoundError):
        raise
    # TensorFlow raises almost any exception for a corrupt file.
    except Exception as error:
        lines = str(error).strip().splitlines()
        raise BadModel(
            f"{path}: TensorFlow cannot load the SavedModel: {lines[0][:300] if lines else type(error).__name__}"
        ) from None


def _entry(nodes: dict[str, Any], reshapes: bool) -> list[tuple[str, str, list[float]]]:
    """Return name, kind and numbers of the arithmetic operators with a constant at the input.

    With ``reshapes``, the operators that reshape are among them.
    """
    found: list[tuple[str, str, list[float]]] = []
    current = next((name for name, node in nodes.items() if node.op == "Placeholder"), "")
    while True:
        readers = [node for node in _readers(nodes, current) if node.op != "Shape"]  # it reads no pixels
        if len(readers) > 1 and all(node.op == "StridedSlice" for node in readers):  # reordered channels
            joined = {one.name: one for node in readers for one in _readers(nodes, node.name)}
            readers = [node for node in joined.values() if node.op in ("Pack", "ConcatV2")] if len(joined) == 1 else []
        if len(readers) != 1:
            return found
        node, current = readers[0], readers[0].name
        if node.op in MOVING:
            found.append((f"move_{len(found)}", "GetItem", []))
        if reshapes and node.op in ("Reshape", "ExpandDims"):
            found.append((f"reshape_{len(found)}", node.op, []))
        if node.op in PASSING or node.op in MOVING or node.op == "ExpandDims":
            continue
        sources = _sources(node)
        numbers = _constant(nodes, sources[1]) if len(sources) == 2 else None
        if node.op not in LINES or numbers is None:
            return found
        found.append((node.name.rpartition("/")[2] + f"_{len(found)}", LINES[node.op], numbers))


def _readers(nodes: dict[str, Any], name: str) -> list[Any]:
    return [node for node in nodes.values() if name in _sources(node)]


def _end(nodes: dict[str, Any], output: str) -> str:
    """Return the activation of the last operator; linear for plain scores."""
    return ENDS.get(_behind(nodes, output).op, "linear")


def _constant(nodes: dict[str, Any], name: str) -> list[float] | None:
    """Return the one or three numbers of a constant; None for anything else."""
    from tensorflow import make_ndarray

    node = _behind(nodes, name)
    if node.op != "Const":
        return None
    values = make_ndarray(node.attr["value"].tensor)
    return [float(v) for v in values.ravel()] if values.size in (1, 3) else None


def _behind(nodes: dict[str, Any], name: str) -> Any:
    """Return the node whose values this node passes through unchanged."""
    node = nodes[name]
    while node.op in PASSING and _sources(node):
        node = nodes[_sources(node)[0]]
    return node


def _layer(kind: str, name: str, before: str | None = None, numbers: Any = (), **config: Any) -> dict[str, Any]:
    tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": [before, 0, 0]}}
    calls = [] if before is None else [{"args": [tensor, *numbers], "kwargs": {}}]
    return {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": calls}


def _sources(node: Any) -> list[str]:
    """Return the input nodes; a reference that starts with ^ is only a control dependency."""
    return [reference.partition(":")[0] for reference in node.input if not reference.startswith("^")]


def _shape(spec: Any) -> tuple[int | None, ...]:
    return () if spec.shape.rank is None else tuple(spec.shape.as_list())
