"""Opens a Keras model and determines its task, preprocessing and labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgevision.errors import BadInput, BadModel
from edgevision.input_file import read_file
from edgevision.log import Log
from edgevision.model_file.card import ModelCard
from edgevision.model_file.label_file import parse_labels

from ..keras_files.detector_cells import CellGrid, grid_from_json
from ..keras_files.scan import Scan
from .flatbuffer_model import SourceNetwork
from .float_model import make_float_model
from .infer_preprocessing import InferredPreprocessing, infer_preprocessing
from .infer_task import OutputTask, infer_task
from .load import LoadedModel, not_scores
from .preprocessing_options import PreprocessingOptions
from .trial_load import load_safely
from .two_class_softmax import as_two_class_softmax

log = Log("edgevision.convert")


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A source model with its task, preprocessing and labels."""

    scan: Scan
    """What its file contains."""
    outputs: int
    """Number of scores; of a detector, of classes."""
    parameters: int
    inferred: InferredPreprocessing
    model: SourceNetwork
    card: ModelCard
    """Model card with the fields known before quantization."""
    labels_from: str
    grid: CellGrid | None = None
    """The cells of a detector of boxes that edgevision trained; None for others."""
    finish: Callable[[bytes], bytes] | None = None
    """Makes a whole detector of the network, float or quantized, if it was made elsewhere; None for others."""
    remarks: tuple[str, ...] = ()
    """What the user must know about how the file was read, one line each."""


def open_network(found: Scan, name: str, preprocessing: PreprocessingOptions, labels_path: Path | None) -> Network:
    """Load a scanned model; ``preprocessing`` and ``labels_path`` take precedence over what it says. Raises BadModel, BadInput."""
    loaded = load_safely(found)
    found = loaded.scan  # a SavedModel or weights-only file has its architecture only after loading
    shape = (loaded.height, loaded.width, loaded.channels)
    try:
        grid = detector_grid(loaded)
        if grid is not None:
            answer = OutputTask("detection", "sigmoid", loaded.outputs)
        elif point_grid(loaded) is not None:
            answer = OutputTask("points", "softmax", loaded.outputs)
        else:
            answer = infer_task(found.config, loaded.outputs, found.training)
            loaded, answer = as_two_class_softmax(loaded, answer)
        inferred = infer_preprocessing(found.config, shape, loaded.outputs, found.card, preprocessing)
    except BadModel as error:
        raise BadModel(f"{found.path}: {error}") from None
    labels, labels_from = labels_for(labels_path, found.card, answer.classes)
    log.info("task: %s with %d classes, output activation %s", answer.task, answer.classes, answer.activation)
    log.info("preprocessing: %s (%s)", inferred.preprocessing.describe(), inferred.source)
    log.info("labels: %s", labels_from)
    model = make_float_model(loaded, inferred)
    card = ModelCard(
        name=name,
        task=answer.task,
        preprocessing=model.preprocessing,
        labels=labels,
        activation=answer.activation,
        threshold=found.card.threshold if found.card else None,
        training=portable(found.card.training) if found.card else None,
    )
    return Network(loaded.scan, loaded.outputs, loaded.parameters, inferred, model, card, labels_from, grid)


def detector_grid(loaded: LoadedModel) -> CellGrid | None:
    """Return the cells of a detector by the model card in its file; None for a classifier. Raises BadModel."""
    if not loaded.cells:
        return None
    card = loaded.scan.card
    if card is None or card.task != "detection":
        raise BadModel(
            "a detector without the model card that edgevision train writes; convert the model.keras of its run"
        )
    grid = grid_from_json((card.training or {}).get("cells"), loaded.width)
    if grid.count != loaded.cells or loaded.width != loaded.height:
        raise BadModel(
            f"the model card describes {grid.count} cells, but the detector has {loaded.cells}; train it again"
        )
    return grid


def point_grid(loaded: LoadedModel) -> tuple[int, int] | None:
    """Return rows and columns of the cells of a detector of points, which its model card names; else None. Raises BadModel."""
    if loaded.grid is None:
        return None
    card = loaded.scan.card
    if card is None or card.task != "points":
        raise BadModel(f"this model {not_scores((None, *loaded.grid, loaded.outputs + 1))}")
    return loaded.grid


def portable(training: dict[str, object] | None) -> dict[str, object] | None:
    """Return the training record without the image folder, a path on this machine."""
    return None if training is None else {key: value for key, value in training.items() if key != "calibration"}


MAX_LABELS = 2**24
"""Largest label file in bytes."""


def read_labels(path: Path, classes: int) -> tuple[str, ...]:
    """Read a label file in any form of ``parse_labels``. Raises MissingFile, and BadInput unless it has ``classes`` labels."""
    labels = parse_labels(read_file(path, "label file", MAX_LABELS), str(path), classes)
    if len(labels) != classes:
        raise BadInput(_wrong_count(path, len(labels), classes))
    return labels


def labels_for(path: Path | None, card: ModelCard | None, classes: int) -> tuple[tuple[str, ...], str]:
    """Return the labels and their origin: the file, else the card of the Keras file, else none. Raises BadInput."""
    if path is not None:
        return read_labels(path, classes), path.name
    if card is not None and card.labels:
        if len(card.labels) != classes:
            raise BadInput(f"the model card has {len(card.labels)} labels, but the model has {classes} classes")
        return card.labels, "the model card"
    return (), "none; classes are numbered"


def _wrong_count(path: Path, found: int, classes: int) -> str:
    hint = ""
    if (found, classes) == (1000, 1001):
        hint = "; the model has a background class at index 0: add a first line 'background'"
    elif (found, classes) == (1001, 1000):
        hint = "; the model has no background class: remove the first line"
    return f"{path} has {found} labels, but the model has {classes} classes; use one line per class{hint}"
