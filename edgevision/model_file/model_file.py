"""Model files: a TFLite flatbuffer with standard metadata, then an archive with model card, labels and self-test."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BadInput, BadModel, EdgeVisionError
from ..files.atomic import require_file, write_bytes
from ..input_file import read_file
from ..preprocessing.image_input import image_input
from ..records import record
from ..tflite import associated_files
from ..tflite.flatbuffer import Table
from ..tflite.graph_check import check_graph
from ..tflite.schema import IDENTIFIER, Model
from ..tflite.tables import buffer_data, io_specs, metadata_bytes, open_flatbuffer
from ..types import TensorSpec
from .card import ENTRY, LABELS, ModelCard

if TYPE_CHECKING:
    from ..tflite.graph import Graph
    from ..tflite.metadata import Metadata

# Modules needed only for files without a card, or for writing, are imported where they are used, to keep start-up fast.

MAX_BYTES = 2**31 + associated_files.MAX_BYTES
"""Limit of a whole file: the largest flatbuffer and an archive."""


@record(eq=False)
class ModelFile:
    """A model file, read but not run."""

    path: Path
    """Path of the file."""
    flatbuffer: bytes
    """The model itself, without the archive."""
    card: ModelCard | None
    """The model card; None for a file that edgevision did not write."""
    card_problem: str | None
    """Why the card cannot be trusted; None, unless the file was read with ``strict=False``."""
    metadata_bytes: bytes | None
    """The standard metadata as a separate flatbuffer."""
    files: Mapping[str, bytes]
    """Entries of the archive, including the card."""
    inputs: tuple[TensorSpec, ...]
    """Inputs of the model: name, shape, dtype, scale and zero_point of each."""
    outputs: tuple[TensorSpec, ...]
    """Outputs of the model, likewise."""
    sha256: str
    """SHA-256 of the whole file."""
    file_bytes: int
    """Size of the whole file (bytes)."""

    @property
    def metadata(self) -> Metadata | None:
        """The parsed standard metadata, None if there is none. Raises BadModel."""
        if self.metadata_bytes is None:
            return None
        from ..tflite.metadata import parse

        with model_errors(self.path):
            return parse(self.metadata_bytes)

    def graph(self) -> Graph:
        """Return all tensors and operators. Raises BadModel."""
        from ..tflite.graph import read_graph

        with model_errors(self.path):
            return read_graph(self.flatbuffer)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the card, else of the standard metadata; empty if there are none. Raises BadModel."""
        if self.card is not None:
            return self.card.labels
        standard = self.metadata
        name = standard.label_file() if standard else None
        if name is None:
            return ()
        with model_errors(self.path):
            if name not in self.files:
                raise BadModel(f"the label file {name!r} named in its metadata is missing from its archive")
            from ..output_layouts.ultralytics_metadata import ENTRIES, describe
            from .label_file import parse_labels

            if name in ENTRIES:  # Ultralytics names its description as the label file
                about = describe(self.files)
                return () if about is None else about.names
            return parse_labels(self.files[name], name)


@contextmanager
def model_errors(path: Path) -> Iterator[None]:
    """Raise errors about a model's content as BadModel with the name of the file."""
    try:
        yield
    except BadInput as error:
        text = str(error)
        raise BadModel(text if text.startswith(str(path)) else f"{path}: {text}") from None


def read(path: Path, *, strict: bool = True) -> ModelFile:
    """Read and check a model file; this needs no runtime.

    Args:
        path: the .tflite file.
        strict: refuse a file whose card is damaged or belongs to another model; if False, set ``card_problem`` instead.

    Returns:
        The file's card, metadata, archive entries, inputs and outputs.

    Raises:
        MissingFile: the file does not exist.
        BadModel: the file is damaged or not a TFLite model.
    """
    require_file(path, "model")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise BadModel(f"{path} is too large: {size / 1e9:.1f} GB; a .tflite has at most {MAX_BYTES / 1e9:.1f} GB")
    data = read_file(path, "model", MAX_BYTES)
    _refuse_other_formats(path, data)
    with model_errors(path):
        return _read(path, data, strict)


def build(flatbuffer: bytes, card: ModelCard, files: Mapping[str, bytes] | None = None) -> bytes:
    """Return a complete model file; equal inputs give equal bytes. Raises BadModel if the card does not fit the model.

    A model whose weights are behind its flatbuffer gets the card, but no standard metadata, which would move them.
    ``files``: additional archive entries, such as the images of the self-test. Card and labels are added here.
    """
    from ..tflite import metadata, metadata_buffer, metadata_writer
    from ..tflite.detection_op import result_outputs
    from .metadata_from_card import metadata_for, replaced_files

    model = open_flatbuffer(flatbuffer)
    inputs, outputs = io_specs(model)
    refuse_mismatch(card, inputs, outputs)
    known = metadata_bytes(model)
    base = None if known is None else metadata.parse(known)
    needless = {ENTRY, LABELS} | (replaced_files(base) if card.labels else set())
    extra = {name: content for name, content in sorted((files or {}).items()) if name not in needless}
    standard = metadata_for(card, inputs, outputs, base, frozenset(extra), result_outputs(flatbuffer))
    if metadata_buffer.can_move(model):
        flatbuffer = metadata_buffer.with_metadata(flatbuffer, metadata_writer.build(standard))
    card = card.with_(flatbuffer_sha256=hashlib.sha256(flatbuffer).hexdigest())
    entries = {ENTRY: card.dumps().encode()}
    if card.labels:
        entries[LABELS] = dump_labels(card.labels)
    return flatbuffer + associated_files.pack(entries | extra, len(flatbuffer))


def write(path: Path, flatbuffer: bytes, card: ModelCard, files: Mapping[str, bytes] | None = None) -> None:
    """Build a model file and write it atomically. Raises BadModel, CannotWrite."""
    write_bytes(path, build(flatbuffer, card, files))


def dump_labels(labels: tuple[str, ...]) -> bytes:
    """Return the text that ``label_file.parse_labels`` reads. Raises BadModel for a label that contains a line break."""
    broken = [label for label in labels if "\n" in label or "\r" in label]
    if broken:
        raise BadModel(f"a label must be a single line, got {broken[0]!r}")
    return ("\n".join(labels) + "\n").encode()


def refuse_mismatch(card: ModelCard, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> None:
    """Raise BadModel if a card does not fit the model's inputs and outputs."""
    if len(inputs) != 1:
        raise BadModel(f"expected exactly one image input, got {len(inputs)}")
    preprocessing, found = card.preprocessing, image_input(inputs[0])
    if found is None or found[:3] != (preprocessing.width, preprocessing.height, preprocessing.channels):
        asked = [1, preprocessing.height, preprocessing.width, preprocessing.channels]
        raise BadModel(f"the model's input has shape {list(inputs[0].shape)}, but the preprocessing makes {asked}")
    if card.task in ("classification", "multilabel") and card.labels:
        from ..tflite.outputs import classes

        _refuse_count(card, classes(outputs[0], card.activation))
    elif card.task == "points" and card.labels:
        from ..tflite.outputs import cell_classes

        _refuse_count(card, cell_classes(outputs[0]))
    elif card.task == "segmentation" and card.labels and len(outputs[0].shape) == 4 and outputs[0].shape[3] > 1:
        _refuse_count(card, outputs[0].shape[3])


def _refuse_count(card: ModelCard, count: int) -> None:
    if len(card.labels) != count:
        from .label_counts import count_fault

        raise BadModel(count_fault(card.labels, count))


def _read(path: Path, data: bytes, strict: bool) -> ModelFile:
    start, files = associated_files.split(data)
    flatbuffer = data[:start]
    digest = hashlib.sha256(flatbuffer)
    card, problem = _card(files, digest.hexdigest())
    if problem is not None and strict:
        raise BadModel(problem)
    digest.update(memoryview(data)[start:])
    model = open_flatbuffer(flatbuffer)
    check_graph(model)  # with a card, too: its digest says that the file is unchanged, not that it is good
    standard = metadata_bytes(model)
    if card is None:
        _refuse_cut_off(model, standard, files)
    inputs, outputs = io_specs(model)
    return ModelFile(path, flatbuffer, card, problem, standard, files, inputs, outputs, digest.hexdigest(), len(data))


def _card(files: Mapping[str, bytes], digest: str) -> tuple[ModelCard | None, str | None]:
    """Return the card, and why it cannot be trusted."""
    if ENTRY not in files:
        return None, None
    try:
        card = ModelCard.loads(files[ENTRY])
    except EdgeVisionError as error:
        return None, str(error)
    if card.flatbuffer_sha256 == digest:
        return card, None
    changed = "the model was changed after its card was written"
    return card, f"{changed}; convert it again, or write a new card: edgevision card"


def _refuse_cut_off(model: Table, standard: bytes | None, files: Mapping[str, bytes]) -> None:
    """Raise BadModel for a truncated file; only needed without a card, which has a digest of the content."""
    for buffer in model.tables(Model.BUFFERS):
        buffer_data(buffer)
    if standard is None or files:
        return
    from ..tflite.metadata import parse

    name = parse(standard).label_file()
    if name is not None:
        raise BadModel(
            f"the archive with {name!r} is not at its end: the file is truncated, or something was appended; copy it again"
        )


def _refuse_other_formats(path: Path, data: bytes) -> None:
    """Raise BadModel for a file that is not a .tflite, with a hint for each format that is confused with it."""
    if not data:
        raise BadModel(f"{path} is empty")
    if data[4:8] == IDENTIFIER:
        return
    if data.startswith(b"\x89HDF"):
        raise BadModel(f"{path} is a Keras .h5 file, not a .tflite; convert it first: edgevision convert {path}")
    if data.startswith(b"PK"):
        raise BadModel(
            f"{path} is a .keras file or another zip, not a .tflite; convert it first: edgevision convert {path}"
        )
    kind = "" if b"\0" in data[:4096] else "; it looks like text"
    raise BadModel(f"{path} is not a TFLite model (identifier TFL3 is missing{kind})")
