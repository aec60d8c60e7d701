"""From a float detector to a measured detector: convert, repair, append the operator, compare, make the self-test.

A detector of points has no such operator, and no self-test: it ends in its cells.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import partial

from edgevision.datasets.split import FILE as SPLIT_FILE
from edgevision.datasets.training_images import TrainingImages
from edgevision.engines.interpreter import open_interpreter
from edgevision.errors import UsageError
from edgevision.model_file.card import ModelCard
from edgevision.postprocessing.decoder import open_decoder
from edgevision.tflite.detection_op import result_outputs
from edgevision.tflite.outputs import OutputFacts

from . import backend
from .build_classifier import quantized
from .comparison.float_vs_converted_detector import DetectorFidelity, check_fidelity, compare_detectors
from .images.calibration import CalibrationSet
from .images.heldout_boxes import HeldOutBoxes, labeled_boxes, remaining_boxes
from .options import ConvertOptions
from .progress import Stages
from .quantization.correction import JudgeMaker, RepairResult
from .quantization.correction.decoded_distance import DecodedJudge
from .quantization.correction.detection_distance import DetectionJudge
from .quantization.correction.points_distance import PointsJudge
from .quantization.detection_operator import with_detection_operator
from .quantization.make_detector_selftest import TRIALS, GeneratedDetectorSelfTest, make_detector_selftest
from .quantization.ptq import to_float
from .source_model.source_model import Network


@dataclass(frozen=True, slots=True, eq=False)
class ConvertedDetector:
    """A detector in its mode, and its measurements."""

    flatbuffer: bytes
    """The whole model; one of boxes ends in TFLite_Detection_PostProcess."""
    float_bytes: int
    """Size in bytes of the same model as a float .tflite."""
    repair: RepairResult | None
    """None if no repair was requested, and in modes without one."""
    heldout: HeldOutBoxes
    comparison: DetectorFidelity
    selftest: GeneratedDetectorSelfTest | None
    """None if the detector found nothing in any generated image, and for points."""
    unit: str
    """What it finds: boxes or points."""


def make_detector(
    network: Network,
    calibration: CalibrationSet,
    heldout: HeldOutBoxes,
    options: ConvertOptions,
    stages: Stages,
) -> ConvertedDetector:
    """Convert, repair and measure a detector of boxes or points. Raises BadModel, EngineError.

    The held-out images are used only once, after all decisions are made.
    """
    grid, card = network.grid, network.card
    judges: JudgeMaker
    if network.finish is not None:
        judges = partial(DecodedJudge, finish=network.finish, card=card)
    elif grid is None:
        judges = partial(PointsJudge, threshold=card.threshold)
    else:
        judges = partial(DetectionJudge, grid=grid, threshold=card.threshold)
    with stages.stage("float", "Converting to float"):
        plain = to_float(network.model)
        whole = finished(plain, network)
    repaired, flatbuffer = quantized(network, plain, calibration, options, stages, judges)
    converted = finished(flatbuffer, network)
    with stages.stage("compare", f"Comparing float and {options.mode}", len(heldout.images)):
        check_fidelity(network.model, plain, card, heldout)
        split_file = options.model.parent / SPLIT_FILE
        comparison = compare_detectors(whole, converted, card, heldout, split_file, stages.step)
    test = None
    if card.task == "detection":
        with stages.stage("selftest", "Generating the self-test", TRIALS):
            test = _selftest(converted, card, options.seed, stages)
    unit = "boxes" if card.task == "detection" else "points"
    return ConvertedDetector(converted, len(whole), repaired, heldout, comparison, test, unit)


def finished(flatbuffer: bytes, network: Network) -> bytes:
    """Return a network as the device runs it: one of boxes with the operator that selects them."""
    if network.finish is not None:
        return network.finish(flatbuffer)
    return flatbuffer if network.grid is None else with_detection_operator(flatbuffer, network.grid)


def _selftest(flatbuffer: bytes, card: ModelCard, seed: int, stages: Stages) -> GeneratedDetectorSelfTest | None:
    with backend.quiet():
        interpreter = open_interpreter(flatbuffer)
    with closing(interpreter):
        facts = OutputFacts(operator_outputs=result_outputs(flatbuffer))
        return make_detector_selftest(
            interpreter, open_decoder(card, interpreter.outputs, facts), card, seed, stages.step
        )


def held_out_boxes(
    network: Network, calibration: CalibrationSet, options: ConvertOptions, training: TrainingImages
) -> HeldOutBoxes:
    """Return the held-out set: the labeled images given by the user, else the rest of the calibration folder."""
    if options.eval_data is not None:
        return labeled_boxes(options.eval_data, calibration)
    count = network.outputs
    labels = network.card.labels or tuple(str(number) for number in range(count))
    return remaining_boxes(calibration, labels, options.seed, training)


def refuse_classifier_options(options: ConvertOptions) -> None:
    """Raise UsageError for options that only classifiers have."""
    if options.with_embedding:
        raise UsageError("--with-embedding is for classifiers, and the model is a detector; leave it out")
