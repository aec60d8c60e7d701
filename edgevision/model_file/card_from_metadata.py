"""Make a model card for a file without one, from its standard metadata and its graph."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import BadModel
from ..log import Log
from ..preprocessing.image_input import image_input
from ..preprocessing.natural import natural_normalization
from ..preprocessing.spec import ModelOrder, Preprocessing
from ..tflite.detection_op import DETECTION_OPERATOR
from ..tflite.graph import Graph
from ..tflite.outputs import mask_kind
from ..tflite.schema import COMPILED_OPERATOR
from ..types import Task, TensorSpec
from .card import ModelCard
from .cell_grid import is_fomo
from .detector import detector_labels, detector_layouts, readable_layouts
from .label_counts import count_fault
from .labels import count_classes, fit_labels, producer
from .makers.registry import plausible
from .model_file import ModelFile
from .suitability import refuse_unusable, shapes

if TYPE_CHECKING:
    from ..tflite.metadata import Metadata

log = Log("edgevision.model")
TASK_NAMES: dict[str, Task] = {
    # start of the model's name in the metadata, as TensorFlow's and MediaPipe's writers name it
    "imageembedder": "embedding",
    "imageclassifier": "classification",
    "imagesegmenter": "segmentation",
}
EMBEDDING_NAMES = (["embedding"], ["feature"], ["feature_vector"])
USUAL_NORMALIZATION = "--mean 127.5 --std 127.5 (-1..1), --mean 0 --std 255 (0..1) or --mean 0 --std 1 (bytes)"
ACTIVATION_OF = {"SOFTMAX": "softmax", "LOGISTIC": "sigmoid"}


def card_from_metadata(file: ModelFile) -> ModelCard:
    """Return a card for a file that has standard metadata but no card. Raises BadInput if something is missing."""
    metadata = file.metadata
    graph = file.graph()
    refuse_unusable(file, graph)
    if metadata is None:
        raise BadModel(f"nothing in the file shows how images are prepared for it; {card_hint(file)}")
    task = find_task(file, graph)
    if task is None:
        raise BadModel(
            f"the task cannot be inferred from the model's outputs ({shapes(file.outputs)}); {card_hint(file)}"
        )
    classes = count_classes(file, graph, task)
    labels = fit_labels(file.labels, classes, task)
    if task == "detection" and not labels:
        labels = detector_labels(file)
    if labels and classes is not None and len(labels) != classes:
        log.warning("%s: %s", file.path, count_fault(labels, classes))
    return ModelCard(
        name=metadata.name or file.path.stem,
        task=task,
        preprocessing=_preprocessing(file, metadata),
        labels=labels,
        activation=guess_activation(graph, task),
        threshold=_threshold(metadata),
    )


def find_task(file: ModelFile, graph: Graph) -> Task | None:
    """Return the task that a file's metadata name, or its outputs show; None if neither does. Raises BadModel."""
    task = task_from_metadata(file.metadata, graph) or guess_task(graph, len(file.labels))
    return task or ("detection" if detector_layouts(file) else None)


def task_from_metadata(metadata: Metadata | None, graph: Graph) -> Task | None:
    """Return the task that the metadata name, as the usual writers do; None if they name none, or for several outputs."""
    if metadata is None or len(graph.outputs) != 1:
        return None
    name = metadata.name.lower().replace(" ", "").replace("_", "")
    for start, task in TASK_NAMES.items():
        if name.startswith(start):
            return task
    outputs = [tensor.name.lower() for tensor in metadata.outputs]
    return "embedding" if outputs in EMBEDDING_NAMES and metadata.label_file() is None else None


def guess_task(graph: Graph, labels: int = 0) -> Task | None:
    """Infer the task from the graph's last operator and output shapes; None if they do not show it.

    ``labels``: number of known labels, 0 if there are none.
    """
    if any(op.name == DETECTION_OPERATOR for op in graph.operators):
        return "detection"
    if len(graph.outputs) != 1:
        return None
    spec = graph.output_specs[0]
    sizes = spec.shape[1:]
    if sizes and all(n == 1 for n in sizes[:-1]):
        return "classification"
    # A two-dimensional output is a mask only if it holds classes; scores of this shape may be a list of boxes.
    if is_fomo(graph, _ends_in_softmax(graph)):
        return "points"
    if len(sizes) in (2, 3) and min(sizes[:2]) > 1 and (len(sizes) == 3 or mask_kind(spec) == "classes"):
        return "segmentation" if _is_mask(graph, spec, labels) else None
    return None


def _ends_in_softmax(graph: Graph) -> bool:
    operator = producer(graph)
    return operator is not None and operator.name == "SOFTMAX"


def _is_mask(graph: Graph, spec: TensorSpec, labels: int) -> bool:
    """Return whether an output like an image is a mask, not a heat map or a grid of boxes."""
    operator = producer(graph)
    if operator is not None and operator.name in ("SOFTMAX", "ARG_MAX", COMPILED_OPERATOR):
        return True
    same_size = bool(graph.inputs) and graph.input_specs[0].shape[1:3] == spec.shape[1:3]
    return (
        same_size
        or (labels > 1 and spec.shape[-1] == labels)
        or (len(spec.shape) == 3 and spec.dtype.startswith("int"))
    )


def guess_activation(graph: Graph, task: Task) -> str:
    """Infer the activation from the last operator, or for a compiled model from the output's range."""
    operator = producer(graph)
    if task == "segmentation" and mask_kind(graph.output_specs[0]) == "plane":
        return "sigmoid" if operator is not None and operator.name == "LOGISTIC" else "sigmoid_logits"
    if task == "points":
        return "none" if _ends_in_softmax(graph) or _is_proportion(graph.output_specs[0]) else "logits"
    if task not in ("classification", "multilabel"):
        return "none"
    if operator is not None and operator.name in ACTIVATION_OF:
        return ACTIVATION_OF[operator.name]
    if operator is not None and operator.name == COMPILED_OPERATOR and _is_proportion(graph.output_specs[0]):
        return "softmax"
    # Softmax makes no sense for a single class, or for classes that do not exclude each other.
    alone = all(n == 1 for n in graph.output_specs[0].shape)
    return "sigmoid_logits" if task == "multilabel" or alone else "logits"


def picture_size(inputs: Sequence[TensorSpec]) -> tuple[int, int, int]:
    """Return width, height and channels of the only input, with its channels last or first. Raises BadModel."""
    if len(inputs) != 1:
        raise BadModel(f"expected exactly one image input, got {len(inputs)}")
    found = image_input(inputs[0])
    if found is not None:
        return found.width, found.height, found.channels
    shape = inputs[0].shape
    if len(shape) != 4 or shape[0] not in (1, -1):
        raise BadModel(f"expected an image input of shape [1, height, width, channels], got {list(shape)}")
    if min(shape[1:]) < 1:
        raise BadModel(f"the input has no fixed shape: {list(shape)}; convert the model with a fixed size")
    raise BadModel(f"expected an image input with 1 or 3 channels, got shape {list(shape)}")


def card_hint(file: ModelFile) -> str:
    """Return the command that adds a card to a file, with the task that its outputs seem to show. Raises BadModel."""
    graph = file.graph()
    task = find_task(file, graph)
    layouts = readable_layouts(file) if task is None else []
    said = "" if task is None else f" (its outputs look like {task})"
    if layouts:
        said, task = f" (its outputs may be those of a detector: --layout {' or '.join(layouts)})", "detection"
    normalization = "" if file.inputs and natural_normalization(file.inputs[0]) else " --mean ... --std ..."
    like = ", ".join(plausible(file, task)) if file.inputs else ""
    options = f"--task {task or '...'} --resize ...{normalization} --labels ..."
    command = f"edgevision card {shlex.quote(str(file.path))}"
    either = f"{command} --like MAKER -o OUT.tflite (MAKER: {like}), or with " if like else f"{command} "
    return f"add a model card{said}: {either}{options}{'' if like else ' -o OUT.tflite'}"


def _preprocessing(file: ModelFile, metadata: Metadata) -> Preprocessing:
    """Return the preprocessing; it stretches the image, as other tools that read this metadata do."""
    width, height, channels = picture_size(file.inputs)
    mean, std = _normalization(file, metadata)
    order: ModelOrder = "GRAY" if channels == 1 else "RGB"
    return Preprocessing(
        width=width, height=height, channels=channels, resize="stretch", order=order, mean=mean, std=std
    )


def _normalization(file: ModelFile, metadata: Metadata) -> tuple[tuple[float, ...], tuple[float, ...]]:
    # Tools that read this metadata pass the image's bytes to a uint8 input, whatever the normalization says.
    spec = file.inputs[0]
    natural = natural_normalization(spec) if spec.dtype == "uint8" else None
    if natural is not None:
        return (natural[0],), (natural[1],)
    unit = metadata.inputs[0].normalization if metadata.inputs else None
    if unit is None:
        raise BadModel(f"the metadata has no normalization (mean and std) of the input; {card_hint(file)}")
    mean, std = _shortest(unit.mean), _shortest(unit.std)
    if spec.dtype == "uint8" and (mean, std) == ((0.0,), (1.0,)):
        raise BadModel(f"{unnatural_input(spec)}, and the metadata's normalization does not fit it; {card_hint(file)}")
    return mean, std


def unnatural_input(spec: TensorSpec) -> str:
    """Return the start of a message about an input whose quantization does not show the preprocessing."""
    return f"the {spec.dtype} input has scale {spec.scale:.7g} and zero point {spec.zero_point}, no usual preprocessing"


def _shortest(values: tuple[float, ...]) -> tuple[float, ...]:
    return values[:1] if len(set(values)) == 1 else values


def _threshold(metadata: Metadata) -> float | None:
    units = [unit for tensor in metadata.outputs for unit in tensor.units if unit.kind == "score_threshold"]
    found = [unit.threshold for unit in units if 0.0 < unit.threshold <= 1.0]
    return found[0] if found else None


def _is_proportion(spec: TensorSpec) -> bool:
    """Return whether a quantized output covers exactly 0..1."""
    low = {"uint8": 0, "int8": -128}.get(spec.dtype)
    return low is not None and spec.zero_point == low and abs(spec.scale - 1 / 256) < 1e-4
