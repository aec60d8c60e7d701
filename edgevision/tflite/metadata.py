"""The standard TFLite metadata (schema 1.5.0) that other tools read, as far as image models use it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, TypeVar

from .flatbuffer import Table, root

T = TypeVar("T")
IDENTIFIER = b"M001"
ColorSpace = Literal["RGB", "GRAY"]
COLOR_SPACES: tuple[ColorSpace | None, ...] = (None, "RGB", "GRAY")
CONTENTS = ("", "feature", "image", "box", "audio")
FILE_TYPES = ("", "descriptions", "axis_labels", "value_labels", "score_calibration", "vocabulary")
UNITS = ("", "normalization", "score_calibration", "score_threshold")
TRANSFORMATIONS = ("identity", "log", "inverse_logistic")
BOX_TYPES = ("", "boundaries", "upper_left", "center")
PARSER_VERSION = "1.0.0"
"""Lowest metadata parser version that can read what we write."""


@dataclass(frozen=True, slots=True)
class AssociatedFile:
    """A file in the archive appended to the model."""

    name: str
    type: str = ""
    """One of FILE_TYPES; empty if not specified."""
    description: str = ""
    locale: str = ""
    """Language of labels: ``en``, ``de`` ...; empty for the default."""


@dataclass(frozen=True, slots=True)
class ProcessUnit:
    """A processing step before or after the model."""

    kind: str
    """One of UNITS; empty for the kinds that process text."""
    mean: tuple[float, ...] = ()
    """Of a normalization, one value or one per channel: real = (pixel - mean) / std."""
    std: tuple[float, ...] = ()
    transformation: str = "identity"
    """Of a score_calibration, one of TRANSFORMATIONS."""
    default_score: float = 0.0
    threshold: float = 0.0
    """Of a score_threshold: lower scores are dropped."""


@dataclass(frozen=True, slots=True)
class Box:
    """Layout of bounding boxes in a tensor."""

    index: tuple[int, ...] = ()
    """Positions of left, top, right, bottom (or the equivalents of ``type``); empty for the default order."""
    type: str = "boundaries"
    pixels: bool = False
    """Unit of the coordinates: pixels, or proportions 0..1 of the image."""


@dataclass(frozen=True, slots=True)
class TensorMetadata:
    """Metadata of one input or output."""

    name: str = ""
    description: str = ""
    content: str = ""
    """One of CONTENTS; empty if not specified."""
    color_space: ColorSpace | None = None
    """Color space of an image."""
    box: Box | None = None
    range: tuple[int, int] | None = None
    """First and last dimension that the content spans."""
    units: tuple[ProcessUnit, ...] = ()
    min: tuple[float, ...] = ()
    """Smallest value, one or one per channel."""
    max: tuple[float, ...] = ()
    """Largest value, one or one per channel."""
    files: tuple[AssociatedFile, ...] = ()

    @property
    def normalization(self) -> ProcessUnit | None:
        """The normalization of pixels to real values, None if there is none."""
        return next((u for u in self.units if u.kind == "normalization" and u.mean and u.std), None)


@dataclass(frozen=True, slots=True)
class Group:
    """Outputs that belong together, such as a detector's boxes, classes and scores."""

    name: str
    tensors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CustomMetadata:
    """Metadata of another schema, which MediaPipe's models have."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Metadata:
    """The standard metadata of a model file."""

    name: str = ""
    description: str = ""
    version: str = ""
    author: str = ""
    license: str = ""
    min_parser_version: str = PARSER_VERSION
    inputs: tuple[TensorMetadata, ...] = ()
    outputs: tuple[TensorMetadata, ...] = ()
    files: tuple[AssociatedFile, ...] = ()
    """Associated files of the model as a whole."""
    output_groups: tuple[Group, ...] = ()
    custom: tuple[CustomMetadata, ...] = ()

    def label_file(self) -> str | None:
        """Return the associated file with the class names: axis labels before value labels, default locale first."""
        every = [f for t in self.outputs for f in t.files] + list(self.files)
        for kind in ("axis_labels", "value_labels"):
            found = sorted((f for f in every if f.type == kind), key=lambda f: (f.locale != "", f.locale != "en"))
            if found:
                return found[0].name
        return None


class _Model(IntEnum):
    NAME, DESCRIPTION, VERSION, SUBGRAPHS, AUTHOR, LICENSE, FILES, MIN_PARSER_VERSION = range(8)


class _SubGraph(IntEnum):
    NAME, DESCRIPTION, INPUTS, OUTPUTS, FILES, INPUT_UNITS, OUTPUT_UNITS, INPUT_GROUPS, OUTPUT_GROUPS, CUSTOM = range(
        10
    )


class _Tensor(IntEnum):
    NAME, DESCRIPTION, DIMENSION_NAMES, CONTENT, UNITS, STATS, FILES = range(7)


def parse(data: bytes | memoryview) -> Metadata:
    """Parse the standard metadata; only the first subgraph is read. Raises BadModel."""
    model = root(data, IDENTIFIER, "the model's metadata")
    subgraphs = model.tables(_Model.SUBGRAPHS)
    graph = subgraphs[0] if subgraphs else None
    return Metadata(
        name=model.text(_Model.NAME) or (graph.text(_SubGraph.NAME) if graph else ""),
        description=model.text(_Model.DESCRIPTION),
        version=model.text(_Model.VERSION),
        author=model.text(_Model.AUTHOR),
        license=model.text(_Model.LICENSE),
        min_parser_version=model.text(_Model.MIN_PARSER_VERSION),
        inputs=_tensors(graph, _SubGraph.INPUTS),
        outputs=_tensors(graph, _SubGraph.OUTPUTS),
        files=_files(model, _Model.FILES) + (_files(graph, _SubGraph.FILES) if graph else ()),
        output_groups=_groups(graph),
        custom=tuple(CustomMetadata(t.text(0), bytes(t.raw(1))) for t in graph.tables(_SubGraph.CUSTOM))
        if graph
        else (),
    )


def _tensors(graph: Table | None, number: int) -> tuple[TensorMetadata, ...]:
    return tuple(_tensor(t) for t in graph.tables(number)) if graph else ()


def _tensor(table: Table) -> TensorMetadata:
    content = table.table(_Tensor.CONTENT)
    kind, properties = content.union(0) if content else (0, None)
    span = content.table(2) if content else None
    stats = table.table(_Tensor.STATS)
    return TensorMetadata(
        name=table.text(_Tensor.NAME),
        description=table.text(_Tensor.DESCRIPTION),
        content=_named(CONTENTS, kind, ""),
        color_space=_named(COLOR_SPACES, properties.integer(0, "b"), None) if properties and kind == 2 else None,
        box=_box(properties) if properties and kind == 3 else None,
        range=(span.integer(0, "i"), span.integer(1, "i")) if span else None,
        units=tuple(_unit(t) for t in table.tables(_Tensor.UNITS)),
        max=stats.reals(0) if stats else (),
        min=stats.reals(1) if stats else (),
        files=_files(table, _Tensor.FILES),
    )


def _unit(table: Table) -> ProcessUnit:
    number, options = table.union(0)
    kind = _named(UNITS, number, "")
    if options is None or not kind:
        return ProcessUnit("")
    if kind == "normalization":
        return ProcessUnit(kind, mean=options.reals(0), std=options.reals(1))
    if kind == "score_calibration":
        transformation = _named(TRANSFORMATIONS, options.integer(0, "b"), "identity")
        return ProcessUnit(kind, transformation=transformation, default_score=options.real(1))
    return ProcessUnit(kind, threshold=options.real(0))


def _box(table: Table) -> Box:
    return Box(table.integers(0, "I"), _named(BOX_TYPES, table.integer(1, "b"), ""), table.integer(2, "b") == 1)


def _files(table: Table, number: int) -> tuple[AssociatedFile, ...]:
    return tuple(
        AssociatedFile(
            name=t.text(0), description=t.text(1), type=_named(FILE_TYPES, t.integer(2, "b"), ""), locale=t.text(3)
        )
        for t in table.tables(number)
    )


def _groups(graph: Table | None) -> tuple[Group, ...]:
    return tuple(Group(t.text(0), t.texts(1)) for t in graph.tables(_SubGraph.OUTPUT_GROUPS)) if graph else ()


def _named(names: tuple[T, ...], number: int, otherwise: T) -> T:
    """Return the name of an enumeration value, or ``otherwise`` for a value of a newer schema."""
    return names[number] if 0 <= number < len(names) else otherwise
