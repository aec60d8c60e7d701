"""Checks of a SavedModel folder before TensorFlow loads it: a SavedModel is a program, so only known operators are allowed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from edgevision.errors import BadModel
from edgevision.files import atomic
from edgevision.input_file import read_file, require_file

from .. import backend

FILE = "saved_model.pb"
SIGNATURES = ("serving_default", "serve")
"""Names that TensorFlow and Keras give to the inference function."""
MAX_GRAPH = 512 << 20
"""Maximum size of the graph in bytes, without variables; the largest keras.applications model has about 10 MB."""
MAX_FILES = 1_000
MAX_TOTAL = 4 << 30
"""Maximum size of all files in bytes."""
_COMPUTING = """
Abs Add AddN AddV2 ArgMax ArgMin AvgPool BatchMatMul BatchMatMulV2 BatchMatMulV3 BatchToSpaceND BiasAdd BroadcastArgs
BroadcastTo Cast Ceil ClipByValue Concat ConcatV2 Const Conv2D Conv2DBackpropInput Cos DepthToSpace
DepthwiseConv2dNative Div DivNoNan Einsum Elu EnsureShape Equal Erf Exp ExpandDims Fill Floor FloorDiv FloorMod
FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 Gather GatherNd GatherV2 Greater GreaterEqual Identity IdentityN
L2Loss LeakyRelu Less LessEqual Log LogSoftmax LogicalAnd LogicalNot LogicalOr MatMul Max MaxPool MaxPoolV2 Maximum
Mean Min Minimum MirrorPad Mul Neg NoOp NotEqual OneHot OnesLike Pack Pad PadV2 PartitionedCall Placeholder
PlaceholderWithDefault Pow PreventGradient Prod RGBToHSV Range Rank ReadVariableOp RealDiv Reciprocal Relu Relu6 Reshape
ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor ResourceGather ReverseV2 Round Rsqrt Select SelectV2 Selu
Shape ShapeN Sigmoid Sign Sin Size Slice Softmax Softplus Softsign SpaceToBatchND SpaceToDepth Split SplitV Sqrt Square
SquaredDifference Squeeze StatefulPartitionedCall StopGradient StridedSlice Sub Sum Tanh Tile TopKV2 Transpose Unpack
VarHandleOp VarIsInitializedOp AssignVariableOp AssignAddVariableOp DisableCopyOnRead ZerosLike
Acos Asin Atan Atan2 Tan If StatelessIf While StatelessWhile ImageProjectiveTransformV3
RandomUniform RandomStandardNormal StatelessRandomGetAlg StatelessRandomGetKeyCounter StatelessRandomNormalV2
StatelessRandomUniformV2 StatelessRandomUniformIntV2 BitwiseAnd BitwiseOr BitwiseXor LeftShift RightShift
"""
LOOPS = ("While", "StatelessWhile")
"""Operators that may never end."""
FAKE_QUANT = frozenset("FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel FakeQuantWithMinMaxArgs".split())
"""Operators of quantization-aware training, which round to int8 within a float model."""
COMPUTING = frozenset(_COMPUTING.split()) | FAKE_QUANT
"""Operators allowed in inference, including those of augmentation layers, which Keras leaves in unused."""
SAVING = frozenset("SaveV2 RestoreV2 MergeV2Checkpoints ShardedFilename StaticRegexFullMatch StringJoin".split())
"""Operators of the functions that write and read checkpoints; every SavedModel has them and nothing here calls them."""
UNCALLED = frozenset("IteratorGetNext IteratorGetNextAsOptional IteratorGetNextSync".split())
"""Operators of training functions, such as ``adapt`` of a Normalization layer, that are left in the file and never called."""
_HARMFUL = re.compile(
    "PyFunc|File|Save|Restore|Checkpoint|Dataset|Iterator|Reader|Record|Lookup|HashTable|Table|Print|Summary|Abort|Debug|Rpc|"
    "Remote|Send$|Recv$|Host|Process|Custom|Compile|TPU|TRTEngine|Launch|ImmutableConst|LoadAndRemap|Barrier|Collective"
)
"""Operators that no function of a model may contain, even if it is never called: files, Python, networks, tables."""


def check_folder(path: Path) -> int:
    """Check that a SavedModel folder is safe to load and return its size in bytes.

    Raises BadModel, and ModuleNotFoundError without TensorFlow.
    """
    size = _check_files(path)
    graph = _read(path)
    if not graph.HasField("object_graph_def"):
        raise BadModel(f"{path} is a TensorFlow 1 SavedModel; load it in TensorFlow 2 and save it as a Keras model")
    if not any(name in graph.signature_def for name in SIGNATURES):
        names = ", ".join(sorted(graph.signature_def)) or "none"
        raise BadModel(f"{path} has no signature serving_default (found: {names}); save it with model.export()")
    _check_operators(graph, path)
    return size


def sha256(path: Path) -> str:
    """Return the sha256 over the sorted names and digests of a folder's files."""
    found = sorted(file for file in path.rglob("*") if file.is_file())
    lines = [f"{file.relative_to(path).as_posix()} {atomic.sha256(file)}" for file in found]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _check_files(path: Path) -> int:
    """Return the total size of all files; links to other places are rejected."""
    total = 0
    for number, file in enumerate(path.rglob("*")):
        if number >= MAX_FILES:
            raise BadModel(f"{path} has more than {MAX_FILES} files: not a SavedModel")
        if file.is_symlink():
            raise BadModel(f"{path}: {file.relative_to(path)} is a symbolic link; replace it with the file itself")
        total += file.stat().st_size if file.is_file() else 0
    if total > MAX_TOTAL:
        raise BadModel(f"{path} is larger than {MAX_TOTAL >> 30} GiB: too large for a small board")
    if require_file(path / FILE, "graph").stat().st_size > MAX_GRAPH:
        raise BadModel(f"{path}: {FILE} is larger than {MAX_GRAPH >> 20} MiB: too large for a small board")
    if not (path / "variables" / "variables.index").is_file():
        raise BadModel(f"{path} has no weights (variables/variables.index is missing); copy the whole folder")
    return total


def _read(path: Path) -> Any:
    """Return the only serving graph of the folder, as TensorFlow's MetaGraphDef."""
    backend.tensorflow()
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    found = SavedModel()
    try:
        found.ParseFromString(read_file(path / FILE, "graph", MAX_GRAPH))
    except DecodeError:
        raise BadModel(f"{path}: {FILE} is corrupt; copy or download the folder again") from None
    graphs = [one for one in found.meta_graphs if "serve" in one.meta_info_def.tags]
    if len(graphs) != 1:
        raise BadModel(f"{path}: {FILE} has {len(graphs)} serving graphs, expected 1; corrupt or not a SavedModel")
    return graphs[0]


def _check_operators(graph: Any, path: Path) -> None:
    functions = {one.signature.name: one for one in graph.graph_def.library.function}
    calls = {name: _called(one.node_def) & functions.keys() for name, one in functions.items()}
    saver = {name.split(":")[0] for name in (graph.saver_def.save_tensor_name, graph.saver_def.restore_op_name)}
    main = [node for node in graph.graph_def.node if node.name not in saver]
    answering = _reach(_called(main) & functions.keys(), calls)
    saving = _reach(_called(node for node in graph.graph_def.node if node.name in saver) & functions.keys(), calls)
    saving -= answering | _reach(graph.object_graph_def.concrete_functions.keys() & functions.keys(), calls)
    loading = _reach(_restoring(graph) & functions.keys(), calls)
    _refuse(main, COMPUTING, path, "the graph")
    for name, function in functions.items():
        if name in saving:
            _refuse(function.node_def, COMPUTING | SAVING, path, f"function {name!r}")
        elif name in answering:
            _refuse(function.node_def, COMPUTING, path, f"function {name!r}")
        else:
            called_by_loader = name in loading
            left_in = [node for node in function.node_def if called_by_loader or node.op not in UNCALLED]
            _refuse(left_in, None, path, f"function {name!r}")
            if called_by_loader:
                _refuse_loops(function.node_def, path)
    _refuse_resources(graph, path)


def _restoring(graph: Any) -> set[str]:
    """Return the names of the functions that TensorFlow calls while it loads objects."""
    nodes = list(graph.object_graph_def.nodes)
    numbers = {
        number
        for node in nodes
        for saver in node.saveable_objects.values()
        for number in (saver.save_function, saver.restore_function)
        if number < len(nodes)
    }
    return {
        name
        for number in numbers
        for name in (
            *nodes[number].function.concrete_functions,
            nodes[number].bare_concrete_function.concrete_function_name,
        )
    }


def _refuse(nodes: Iterable[Any], allowed: frozenset[str] | None, path: Path, where: str) -> None:
    """Reject forbidden operators. With ``allowed`` None, accept all others: training branches are never executed."""
    for node in nodes:
        if _HARMFUL.search(node.op) and node.op not in (allowed or ()):
            raise BadModel(f"{path}: {where} contains the unsafe operator {node.op}; the file was not loaded")
        if allowed is not None and node.op not in allowed:
            raise BadModel(
                f"{path}: {where} contains the operator {node.op}, which is not known to be safe and convertible; "
                "give the Keras model instead"
            )


def _refuse_loops(nodes: Iterable[Any], path: Path) -> None:
    """Reject loops in functions that run while the file is loaded."""
    if any(node.op in LOOPS for node in nodes):
        raise BadModel(f"{path} runs a loop when it is loaded, which no image model needs; not loaded")


def _refuse_resources(graph: Any, path: Path) -> None:
    """Reject tables and similar resources, which run their own functions when loaded."""
    kinds = {one.WhichOneof("kind") for one in graph.object_graph_def.nodes}
    if "resource" in kinds:
        raise BadModel(f"{path} contains a lookup table or other resource, which no image model needs; not loaded")
    if "asset" in kinds or graph.asset_file_def:
        raise BadModel(f"{path} reads its own asset files, which no image model needs; not loaded")


def _called(nodes: Iterable[Any]) -> set[str]:
    """Return the names of the functions that the nodes call through any attribute, and the nodes' own operators."""
    return {name for node in nodes for value in node.attr.values() for name in _functions_of(value)} | {
        node.op for node in nodes if hasattr(node, "op")
    }


def _functions_of(value: Any) -> Iterator[str]:
    if value.HasField("func"):
        yield value.func.name
    if value.HasField("list"):
        yield from (one.name for one in value.list.func)


def _reach(start: Iterable[str], calls: dict[str, set[str]]) -> set[str]:
    """Return all functions called from the given ones, directly or indirectly."""
    found: set[str] = set()
    left = list(start)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += calls.get(name, ())
    return found
