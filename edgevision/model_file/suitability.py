"""Whether a model can be used at all: a model card adds what a file does not say, but changes nothing in the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import BadModel
from ..output_layouts.registry import LAYOUTS
from ..preprocessing.image_input import image_input
from ..tflite.detection_op import DETECTION_OPERATOR
from ..tflite.schema import COMPILED_OPERATOR
from .cell_grid import is_cell_shape
from .detector import detector_layouts, readable_layouts
from .mask_shape import is_mask_shape

if TYPE_CHECKING:
    from ..tflite.graph import Graph
    from ..types import Task, TensorSpec
    from .model_file import ModelFile

CUSTOM_OPERATORS = (DETECTION_OPERATOR, COMPILED_OPERATOR)
"""Custom operators that the engines have."""
POSENET_OPERATOR = "PosenetDecoderOp"
FLEX = "Flex"
"""Start of the names of TensorFlow's own operators in a .tflite."""
IMAGE_TYPES = ("uint8", "int8", "int16", "float32", "float16")
SOUND_OPERATORS = frozenset(("AudioSpectrogram", "Mfcc", "RFFT2D"))
MIN_SOUND = 4000
"""Fewest numbers in a row that are taken for sound: a quarter of a second."""
OTHER_MODEL = "use a model that takes one gray or RGB image"
SHOWN = 6
"""Largest number of tensors in a message."""


def unusable(file: ModelFile, graph: Graph) -> str | None:
    """Return why no model card can make a model usable; None if one can."""
    return _operators(graph) or _weights(graph) or _input(file.inputs, graph, file) or _outputs(file, graph)


def refuse_unusable(file: ModelFile, graph: Graph) -> None:
    """Raise BadModel for a model that no card can make usable."""
    reason = unusable(file, graph)
    if reason is not None:
        raise BadModel(f"{file.path}: this model cannot be used: {reason}")


def fitting_tasks(file: ModelFile, graph: Graph) -> tuple[Task, ...]:
    """Return the tasks that the shapes of a model's outputs allow."""
    if any(op.name == COMPILED_OPERATOR for op in graph.operators) and len(file.outputs) > 1:
        return ("detection",)  # the operator that makes the boxes may be inside the compiled one
    if detector_layouts(file):
        return ("detection",)
    if len(file.outputs) != 1 and (file.card is None or file.card.embedding is None):
        return ()
    output = file.outputs[0]
    sizes = output.shape[1:]
    if sizes and min(sizes) > 0 and sum(size > 1 for size in sizes) <= 1:
        return ("classification", "multilabel", "embedding")
    if not is_mask_shape(output, file.inputs[0]):
        return ()
    if len(output.shape) != 4:
        return ("segmentation",)
    return (
        ("segmentation", "points", "embedding")
        if is_cell_shape(output, file.inputs[0])
        else ("segmentation", "embedding")
    )


def shapes(specs: Sequence[TensorSpec]) -> str:
    """Return names and shapes of tensors for a message."""
    said = ", ".join(f"{spec.name[:60]} {list(spec.shape)}" for spec in specs[:SHOWN])
    return said + (f" and {len(specs) - SHOWN} more" if len(specs) > SHOWN else "")


def _operators(graph: Graph) -> str | None:
    custom = sorted({op.name for op in graph.operators if op.custom and op.name not in CUSTOM_OPERATORS})
    if not custom:
        return None
    names = ", ".join(name[:60] for name in custom[:SHOWN])
    if any(name.startswith(FLEX) for name in custom):
        return (
            f"it needs TensorFlow's own operators ({names}), which the TFLite runtimes do not have; convert it with "
            "builtin operators only (without SELECT_TF_OPS)"
        )
    what = "it is for sound; it " if SOUND_OPERATORS & set(custom) else "it "
    said = f"{what}needs custom operators that the TFLite runtimes do not have: {names}"
    if custom == [POSENET_OPERATOR]:
        return f"{said}; use the same network without it, such as posenet_mobilenet_v1_075_353_481_quant.tflite"
    return f"{said}; export the same network without them"


def _weights(graph: Graph) -> str | None:
    """Return why the results of a model would be arbitrary: a fault of some exports of YOLO11 and YOLO26.

    The runtimes expect a scale for each channel where depthwise convolutions of real values have 8-bit weights, but check
    only the first dimension of the weights, which is 1. With one scale they read what is behind it in memory.
    """
    for op in graph.operators:
        if op.name == "DEPTHWISE_CONV_2D" and len(op.inputs) > 1:
            values, weights = (graph.tensors[number] for number in op.inputs[:2])
            channels = weights.spec.shape[-1] if weights.spec.shape else 1
            one_scale = weights.spec.dtype == "int8" and not weights.per_channel and channels > 1
            if values.spec.dtype == "float32" and one_scale:
                return (
                    f"its weights {weights.spec.name[:60]} have one scale for {channels} channels, and the runtimes read "
                    "beyond it, so that its results are arbitrary (a fault of the exporter in int8 files with real inputs); "
                    "export it again, as float16 or as full int8"
                )
    return None


def _input(inputs: Sequence[TensorSpec], graph: Graph, file: ModelFile) -> str | None:
    if len(inputs) != 1:
        return (
            f"it needs {len(inputs)} inputs at once ({shapes(inputs)}), but a model gets one image; export the part that takes "
            "the image, with the other inputs as constants"
        )
    spec = inputs[0]
    said = shapes(inputs)
    if spec.dtype == "string":
        return f"its input is text ({said}), not an image; {OTHER_MODEL}"
    if _is_sound(spec, graph, file):
        return f"its input is sound ({said}), not an image; {OTHER_MODEL}"
    if len(spec.shape) != 4 and image_input(spec) is None:
        return f"its input is not an image [1, height, width, channels] but {said} of {spec.dtype}; {OTHER_MODEL}"
    if spec.shape[0] not in (1, -1):
        return f"it takes {spec.shape[0]} images at once ({said}); convert it with a batch size of 1"
    if min(spec.shape[1:]) < 1:
        return f"its input has no fixed size ({said}); convert it with a fixed size"
    if image_input(spec) is None:
        return (
            f"its input has {spec.shape[3]} channels ({said}), but an image has 1 or 3, as the last or the first dimension; "
            f"{OTHER_MODEL}"
        )
    if spec.dtype not in IMAGE_TYPES:
        return f"its input is {spec.dtype} ({said}); an image is given as uint8, int8 or float32; convert it with such an input"
    return None


def _is_sound(spec: TensorSpec, graph: Graph, file: ModelFile) -> bool:
    """Return whether an input is sound: by the metadata, by its operators, or because it is one long row of numbers."""
    described = file.metadata.inputs if file.metadata else ()
    if any(tensor.content == "audio" for tensor in described):
        return True
    row = [size for size in spec.shape if size != 1]
    long = len(spec.shape) < 4 and len(row) == 1 and row[0] >= MIN_SOUND
    return long or any(op.name in SOUND_OPERATORS for op in graph.operators)


def _outputs(file: ModelFile, graph: Graph) -> str | None:
    if fitting_tasks(file, graph) or readable_layouts(file):
        return None
    said = shapes(file.outputs)
    return (
        f"its outputs fit no task ({said}); known are one list of class scores, one mask, one embedding, and the outputs "
        f"of detectors: {', '.join(LAYOUTS)}; export it so that it ends in one of them"
    )
