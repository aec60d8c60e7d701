"""Opens a float .tflite as the source of a conversion, with its task, preprocessing and labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edgevision.errors import BadModel, UsageError
from edgevision.input_file import open_file
from edgevision.inspection.add_card import Given, new_card
from edgevision.inspection.card_options import CardOptions
from edgevision.log import Log
from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard
from edgevision.model_file.derived_card import derive
from edgevision.model_file.detector import detector_classes
from edgevision.model_file.model_file import ModelFile
from edgevision.preprocessing.spec import Preprocessing
from edgevision.tflite.graph import Graph, read_graph
from edgevision.tflite.schema import IDENTIFIER

from ..keras_files.load_options import ONLY_WHAT_THE_FILE_SAYS, LoadOptions
from ..keras_files.scan import Scan
from ..source_model.infer_preprocessing import InferredPreprocessing
from ..source_model.preprocessing_options import PreprocessingOptions
from ..source_model.source_model import Network, portable
from .prepare import Prepared
from .refusals import refuse_quantized
from .trial import prepare_safely

log = Log("edgevision.convert")
TASKS = ("classification", "multilabel", "detection")
"""Tasks of the models that can be converted."""


def is_tflite(path: Path) -> bool:
    """Return whether a file is a TFLite model, by its first bytes. Raises MissingFile."""
    if path.is_dir():
        return False
    with open_file(path, "model") as stream:
        return stream.read(8)[4:] == IDENTIFIER


def scan_tflite(path: Path, options: LoadOptions = ONLY_WHAT_THE_FILE_SAYS) -> Scan:
    """Read and check a float .tflite without running anything. Raises BadModel, UsageError."""
    if options != ONLY_WHAT_THE_FILE_SAYS:
        raise UsageError(
            f"{path} is a .tflite, which says itself what it contains; omit --allow-code, --image-size, --architecture, "
            "--alpha and --classes"
        )
    file = model_file.read(path, strict=False)
    refuse_quantized(file, file.graph())
    return Scan(path, "tflite", None, file.file_bytes, {}, None, file.card if file.card_problem is None else None)


def open_tflite(
    found: Scan,
    name: str,
    preprocessing: PreprocessingOptions,
    labels_path: Path | None,
    prepare: Callable[[ModelFile, Preprocessing], Prepared] = prepare_safely,
) -> Network:
    """Prepare a scanned .tflite; ``preprocessing`` and ``labels_path`` take precedence over what it says.

    Raises BadModel, BadInput, UsageError.
    """
    file = model_file.read(found.path, strict=False)
    given = _given(found.path, preprocessing, labels_path)
    card = given.card
    if card.task not in TASKS:
        raise BadModel(
            f"{found.path} is a model for {card.task}; only float classifiers and detectors can be converted from a .tflite so far"
        )
    model, cut = prepare(file, card.preprocessing)
    inferred = InferredPreprocessing(card.preprocessing, _origin(file, preprocessing))
    labels_from = labels_path.name if labels_path else "the model file" if card.labels else "none; classes are numbered"
    log.info("task: %s, output activation %s", card.task, card.activation)
    log.info("preprocessing: %s (%s)", card.preprocessing.describe(), inferred.source)
    made = ModelCard(
        name=name,
        task=card.task,
        preprocessing=model.preprocessing,
        labels=card.labels,
        activation=card.activation,
        threshold=card.threshold,
        training=portable(card.training),
        detector=card.detector,
        maker=card.maker,
    )
    graph = read_graph(model.flatbuffer)
    remarks = _guessed(given) if len(given.guessed) > 1 else ()
    finish = (cut.put_back if cut else _as_it_is) if card.task == "detection" else None
    return Network(
        found,
        _outputs(file, graph, made),
        _parameters(graph),
        inferred,
        model,
        made,
        labels_from,
        finish=finish,
        remarks=remarks,
    )


def _as_it_is(flatbuffer: bytes) -> bytes:
    """Return a detector whose network is all of it."""
    return flatbuffer


def _given(path: Path, given: PreprocessingOptions, labels: Path | None) -> Given:
    """Return the card of the file, or what its metadata, maker and graph show, with the user's options."""
    wish = CardOptions(
        labels=labels,
        resize=given.resize,
        crop_fraction=given.crop_fraction,
        mean=given.mean,
        std=given.std,
        order=given.order,
    )
    try:
        return new_card(path, wish)
    except UsageError as error:
        if not any(option in str(error) for option in ("--task", "--layout")):
            raise
        raise UsageError(f"{error}, with edgevision card {path} ... -o OUT.tflite, and convert OUT.tflite") from None


def _guessed(given: Given) -> tuple[str, ...]:
    task, *others = given.guessed
    return (
        f"the task, {task}, was guessed from the outputs; if the model is for {' or '.join(others)}, state it with "
        "edgevision card --task",
    )


def _origin(file: ModelFile, given: PreprocessingOptions) -> str:
    """Return where the preprocessing is from, as readable text."""
    stated = given != PreprocessingOptions()
    try:
        found = derive(file)
    except BadModel:
        return "the options"
    known = {"card": "the model card", "metadata": "its standard metadata"}.get(found.source)
    known = known or found.said.partition(":")[0]
    return f"the options, else {known}" if stated else known


def _outputs(file: ModelFile, graph: Graph, card: ModelCard) -> int:
    if card.task != "detection":
        return graph.output_specs[0].shape[-1]
    return len(card.labels) or detector_classes(file, card.detector.layout if card.detector else None) or 0


def _parameters(graph: Graph) -> int:
    return sum(tensor.elements for tensor in graph.tensors if tensor.parameter_bytes and tensor.spec.dtype == "float32")
