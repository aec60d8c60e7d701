"""The task of a file without a card: metadata first, then the outputs; what fits no task is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from changed_model import changed

from edgevision.model_file.card_from_metadata import guess_task, task_from_metadata
from edgevision.tflite.graph import Graph, GraphOperator, GraphTensor, read_graph
from edgevision.tflite.metadata import Metadata, TensorMetadata
from edgevision.types import TensorSpec


def graph(shape: tuple[int, ...], dtype: str = "float32", operator: str = "CONV_2D", outputs: int = 1) -> Graph:
    image = GraphTensor(TensorSpec("image", (1, 96, 96, 3), "uint8"), False, 0)
    made = GraphTensor(TensorSpec("made", shape, dtype), False, 0)
    numbers = tuple(range(1, 1 + outputs))
    return Graph((image, *[made] * outputs), (GraphOperator(operator, 1, False, (0,), numbers),), (0,), numbers)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ImageEmbedder", "embedding"),
        ("Image Classifier", "classification"),
        ("image_segmenter", "segmentation"),
        ("MobileNetV1 image classifier", None),
        ("", None),
    ],
)
def test_metadata_name_the_task(name: str, expected: str | None) -> None:
    assert task_from_metadata(Metadata(name=name), graph((1, 1280))) == expected


def test_output_named_embedding_is_one() -> None:
    metadata = Metadata(outputs=(TensorMetadata("embedding"),))
    assert task_from_metadata(metadata, graph((1, 1280))) == "embedding"


def test_several_outputs_are_not_taken_for_one() -> None:
    two = graph((1, 10), outputs=2)
    assert task_from_metadata(Metadata(name="ImageClassifier"), two) is None
    assert guess_task(two) is None


@pytest.mark.parametrize(
    ("shape", "operator", "labels", "expected"),
    [
        ((1, 96, 96, 21), "CONV_2D", 0, "segmentation"),
        ((1, 12, 12, 21), "CONV_2D", 21, "segmentation"),
        ((1, 12, 12, 21), "SOFTMAX", 0, "segmentation"),
        ((1, 9, 9, 17), "CONV_2D", 0, None),
        ((1, 13, 13, 255), "CONV_2D", 80, None),
        ((1, 1000), "SOFTMAX", 0, "classification"),
    ],
)
def test_heat_maps_and_grids_are_not_masks(
    shape: tuple[int, ...], operator: str, labels: int, expected: str | None
) -> None:
    assert guess_task(graph(shape, operator=operator), labels) == expected


def test_list_of_classes_per_pixel_is_a_mask() -> None:
    assert guess_task(graph((1, 33, 33), "int64", "ARG_MAX")) == "segmentation"


def test_graph_of_a_file_shows_its_task() -> None:
    def unchanged(model: Any) -> None:
        assert isinstance(model.subgraphs[0].inputs, np.ndarray)

    assert guess_task(read_graph(changed(unchanged))) == "classification"
