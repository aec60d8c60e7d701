"""What differs between converting a classifier and converting a detector; the rest is one path (``pipeline.py``)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from edgevision.tflite.graph import Graph, read_graph

from .build_classifier import ConvertedModel, held_out, make_classifier
from .build_detector import ConvertedDetector, held_out_boxes, make_detector
from .comparison.accuracy_limit import AccuracyLimit
from .conversion_notes import detector_notes, notes
from .images.heldout import HeldOut
from .images.heldout_boxes import HeldOutBoxes
from .mode_within_limit import classifier_limit, detector_limit
from .quantization.verify import verify
from .report.detector_record import DetectorConvertReport, detector_quantization_record
from .report.html import detector_page, page
from .report.record import ConvertReport, quantization_record
from .report.shared_record import ConversionRecord

if TYPE_CHECKING:
    from edgevision.datasets.training_images import TrainingImages
    from edgevision.preprocessing.spec import Preprocessing

    from .images.calibration import CalibrationSet
    from .modes import Mode
    from .options import ConvertOptions
    from .progress import Stages
    from .source_model.source_model import Network

Images = TypeVar("Images", bound=HeldOut | HeldOutBoxes)
Made = TypeVar("Made", bound=ConvertedModel | ConvertedDetector)
Report = TypeVar("Report", bound=ConversionRecord)


@dataclass(frozen=True, slots=True)
class TaskKind(Generic[Images, Made, Report]):
    """The steps of a conversion that depend on what the model finds."""

    held_out: Callable[[Network, CalibrationSet, ConvertOptions, TrainingImages], Images]
    """Chooses the images that take no part in making the model."""
    make: Callable[[Network, CalibrationSet, Images, ConvertOptions, Stages], Made]
    """Converts, repairs and measures."""
    limit: Callable[[Made, Network, CalibrationSet, ConvertOptions, Stages], AccuracyLimit | None]
    """Compares the loss with the user's limit."""
    quantization: Callable[[Mode, CalibrationSet, Made], dict[str, Any]]
    """Makes the record in the model card."""
    graph: Callable[[bytes, Preprocessing, Mode], Graph]
    """Reads the written graph, and checks what it has to be as a whole."""
    report: Callable[..., Report]
    """The report; its fields are named in ``pipeline.py``."""
    notes: Callable[[CalibrationSet, Made, ConvertOptions], tuple[str, ...]]
    """The notes for the user."""
    page: Callable[[Report], str]
    """Makes the text of the HTML page."""


def _any_graph(flatbuffer: bytes, preprocessing: Preprocessing, mode: Mode) -> Graph:
    """Return the graph of a detector: its network was verified before the operator, which is float, followed it."""
    return read_graph(flatbuffer)


CLASSIFIER = TaskKind(
    held_out=held_out,
    make=make_classifier,
    limit=classifier_limit,
    quantization=quantization_record,
    graph=verify,
    report=ConvertReport,
    notes=notes,
    page=page,
)
DETECTOR = TaskKind(
    held_out=held_out_boxes,
    make=make_detector,
    limit=detector_limit,
    quantization=detector_quantization_record,
    graph=_any_graph,
    report=DetectorConvertReport,
    notes=detector_notes,
    page=detector_page,
)
"""Of boxes and of points."""
