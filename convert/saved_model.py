"""Looks into a SavedModel folder before TensorFlow loads it: a SavedModel is a program, and only known operators pass."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from edgevision import files
from edgevision.errors import BadModel

from . import backend

FILE = "saved_model.pb"
SIGNATURES = ("serving_default", "serve")
"""The function that answers a picture, by the names that TensorFlow and Keras give it."""
MAX_GRAPH = 512 << 20
"""Bytes of the graph without its variables; the largest keras.applications model has about 10 MB."""
MAX_FILES = 1_000
MAX_TOTAL = 4 << 30
"""Bytes of all files."""
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
COMPUTING = frozenset(_COMPUTING.split())
"""Operators that an answer may be made of, those of augmentation layers too: Keras leaves them in, unused."""
SAVING = frozenset("SaveV2 RestoreV2 MergeV2Checkpoints ShardedFilename StaticRegexFullMatch StringJoin".split())
"""Operators of the functions that write and read checkpoints, which every SavedModel has and nothing calls here."""
_HARMFUL = re.compile(
    "PyFunc|File|Save|Restore|Checkpoint|Dataset|Iterator|Reader|Record|Lookup|HashTable|Table|Print|Summary|Abort|Debug|Rpc|"
    "Remote|Send$|Recv$|Host|Process|Custom|Compile|TPU|TRTEngine|Launch|ImmutableConst|LoadAndRemap|Barrier|Collective"
)
"""Operators that no function of a model may hold, not even one that is never called: files, Python, networks, tables."""


def check_folder(path: Path) -> int:
    """Bytes of a SavedModel folder that may be loaded. Raises BadModel, and ModuleNotFoundError without TensorFlow."""
    size = _check_files(path)
    graph = _read(path)
    if not graph.HasField("object_graph_def"):
        raise BadModel(
            f"{path} is a SavedModel of TensorFlow 1; load it in TensorFlow 2 and save it again as a Keras model"
        )
    if not any(name in graph.signature_def for name in SIGNATURES):
        names = ", ".join(sorted(graph.signature_def)) or "none"
        raise BadModel(f"{path} has no signature serving_default (it has: {names}); write it with model.export()")
    _check_operators(graph, path)
    return size


def sha256(path: Path) -> str:
    """Over the names and digests of a folder's files, in order."""
    found = sorted(file for file in path.rglob("*") if file.is_file())
    lines = [f"{file.relative_to(path).as_posix()} {files.sha256(file)}" for file in found]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _check_files(path: Path) -> int:
    """The size of all files together; none of them may lie elsewhere."""
    total = 0
    for number, file in enumerate(path.rglob("*")):
        if number >= MAX_FILES:
            raise BadModel(f"{path} holds more than {MAX_FILES} files: not a SavedModel")
        if file.is_symlink():
            raise BadModel(f"{path}: {file.relative_to(path)} is a link; a SavedModel holds its own files")
        total += file.stat().st_size if file.is_file() else 0
    if total > MAX_TOTAL:
        raise BadModel(f"{path} holds more than {MAX_TOTAL >> 30} GiB: not a model for a small board")
    if (path / FILE).stat().st_size > MAX_GRAPH:
        raise BadModel(f"{path}: {FILE} is larger than {MAX_GRAPH >> 20} MiB: not a model for a small board")
    if not (path / "variables" / "variables.index").is_file():
        raise BadModel(f"{path} has no variables/variables.index: copy the whole folder, its weights are missing")
    return total


def _read(path: Path) -> Any:
    """The one graph of the folder, as TensorFlow's MetaGraphDef."""
    backend.tensorflow()
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    found = SavedModel()
    try:
        found.ParseFromString((path / FILE).read_bytes())
    except DecodeError:
        raise BadModel(f"{path}: {FILE} is damaged; copy or download the folder again") from None
    graphs = [one for one in found.meta_graphs if "serve" in one.meta_info_def.tags]
    if len(graphs) != 1:
        raise BadModel(
            f"{path}: {FILE} holds {len(graphs)} graphs for serving instead of one: damaged, or no SavedModel"
        )
    return graphs[0]


def _check_operators(graph: Any, path: Path) -> None:
    functions = {one.signature.name: one for one in graph.graph_def.library.function}
    calls = {name: _called(one.node_def) & functions.keys() for name, one in functions.items()}
    saver = {name.split(":")[0] for name in (graph.saver_def.save_tensor_name, graph.saver_def.restore_op_name)}
    main = [node for node in graph.graph_def.node if node.name not in saver]
    answering = _reach(_called(main) & functions.keys(), calls)
    saving = _reach(_called(node for node in graph.graph_def.node if node.name in saver) & functions.keys(), calls)
    saving -= answering | _reach(graph.object_graph_def.concrete_functions.keys() & functions.keys(), calls)
    _refuse(main, COMPUTING, path, "the graph")
    for name, function in functions.items():
        if name in saving:
            _refuse(function.node_def, COMPUTING | SAVING, path, f"function {name!r}")
        elif name in answering:
            _refuse(function.node_def, COMPUTING, path, f"function {name!r}")
        else:
            _refuse(function.node_def, None, path, f"function {name!r}")
    _refuse_resources(graph, path)


def _refuse(nodes: Iterable[Any], allowed: frozenset[str] | None, path: Path, where: str) -> None:
    """``allowed`` None: whatever does no harm; training branches hold operators that are never reached."""
    for node in nodes:
        if _HARMFUL.search(node.op) and node.op not in (allowed or ()):
            raise BadModel(f"{path}: {where} holds the operator {node.op}, which reaches outside the model: not loaded")
        if allowed is not None and node.op not in allowed:
            raise BadModel(
                f"{path}: {where} holds the operator {node.op}, which is not on the list of those known to be safe and "
                "convertible; give the Keras model instead"
            )


def _refuse_resources(graph: Any, path: Path) -> None:
    """Tables and the like run functions of their own when they are loaded."""
    kinds = {one.WhichOneof("kind") for one in graph.object_graph_def.nodes}
    if "resource" in kinds:
        raise BadModel(f"{path} holds a lookup table or another resource, which no picture model needs: not loaded")
    if "asset" in kinds or graph.asset_file_def:
        raise BadModel(f"{path} reads files of its own (assets), which no picture model needs: not loaded")


def _called(nodes: Iterable[Any]) -> set[str]:
    """The functions that some nodes call, by any of their attributes."""
    return {name for node in nodes for value in node.attr.values() for name in _functions_of(value)} | {
        node.op for node in nodes if hasattr(node, "op")
    }


def _functions_of(value: Any) -> Iterator[str]:
    if value.HasField("func"):
        yield value.func.name
    if value.HasField("list"):
        yield from (one.name for one in value.list.func)


def _reach(start: Iterable[str], calls: dict[str, set[str]]) -> set[str]:
    """All functions that are called from these, directly or not."""
    found: set[str] = set()
    left = list(start)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += calls.get(name, ())
    return found
