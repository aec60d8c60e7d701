"""From a float network to a measured classifier: convert, repair, compare with float, generate the self-test."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgevision.datasets.training_images import TrainingImages
from edgevision.engines.interpreter import open_interpreter
from edgevision.preprocessing.spec import Preprocessing

from . import backend
from .comparison.float_vs_converted import FidelityComparison, compare
from .images.calibration import CalibrationSet
from .images.heldout import HeldOut, labelled, remaining
from .images.preprocessed import prepare_all
from .modes import MODES, Mode
from .options import ConvertOptions
from .progress import Stages
from .quantization.correction import ClassificationJudge, JudgeMaker, RepairResult, repair
from .quantization.embedding_output import add_embedding
from .quantization.make_selftest import TRIALS, GeneratedSelfTest, make_selftest
from .quantization.ptq import to_dynamic, to_float, to_float16, to_int8, to_int16x8
from .quantization.signed_ends import signed_ends
from .quantization.verify import verify
from .source_model.source_model import Network

if TYPE_CHECKING:
    from edgevision.types import Pixels


@dataclass(frozen=True, slots=True, eq=False)
class ConvertedModel:
    """A classifier in its mode, and its measurements."""

    flatbuffer: bytes
    float_bytes: int
    """Size in bytes of the same model as a float .tflite."""
    repair: RepairResult | None
    """None if no repair was requested, and in modes without one."""
    heldout: HeldOut
    comparison: FidelityComparison
    selftest: GeneratedSelfTest


def make_classifier(
    network: Network, calibration: CalibrationSet, heldout: HeldOut, options: ConvertOptions, stages: Stages
) -> ConvertedModel:
    """Convert, repair and measure a network. Raises BadModel, EngineError.

    The held-out images are used only once, after all decisions are made.
    """
    model, card = network.model, network.card
    with stages.stage("float", "Converting to float"):
        plain = to_float(model)
        if options.with_embedding:
            add_embedding(plain)  # fails before the long work if it is impossible
    repaired, flatbuffer = quantized(network, plain, calibration, options, stages)
    with backend.quiet():
        float_model, converted = open_interpreter(plain), open_interpreter(flatbuffer)
    with closing(float_model), closing(converted):
        with stages.stage("compare", f"Comparing float and {options.mode}", len(heldout.pictures)):
            comparison = compare(model, float_model, converted, card, heldout, stages.step)
        with stages.stage("selftest", "Generating the self-test", TRIALS):
            test = make_selftest(converted, card.preprocessing, card.activation, options.seed, stages.step)
    return ConvertedModel(flatbuffer, len(plain), repaired, heldout, comparison, test)


def held_out(
    network: Network, calibration: CalibrationSet, options: ConvertOptions, training: TrainingImages
) -> HeldOut:
    """Return the held-out set: the labeled images given by the user, else the rest of the calibration folder."""
    card, outputs = network.card, network.outputs
    if options.eval_data is not None:
        return labelled(options.eval_data, card, outputs, calibration, training)
    return remaining(calibration, card.labels, options.seed, classes=max(2, outputs), training=training)


def quantized(
    network: Network,
    plain: bytes,
    calibration: CalibrationSet,
    options: ConvertOptions,
    stages: Stages,
    judges: JudgeMaker = ClassificationJudge,
) -> tuple[RepairResult | None, bytes]:
    """Return the flatbuffer of a network in its mode and the record of its repair, None if there was none.

    ``plain``: the float flatbuffer; ``judges``: see ``repair``. Raises BadModel.
    """
    if not MODES[options.mode].int8:
        return None, without_repair(network, plain, calibration, options.mode, stages)
    result, flatbuffer = _int8(network, plain, calibration, options, stages, judges)
    return result, signed_ends(flatbuffer) if options.mode == "int8-io" else flatbuffer


def without_repair(network: Network, plain: bytes, calibration: CalibrationSet, mode: Mode, stages: Stages) -> bytes:
    """Return the flatbuffer of a network in a mode other than int8; ``plain``: the float one. Raises BadModel."""
    model, preprocessing = network.model, network.card.preprocessing
    if mode == "float":
        return plain
    if mode == "int16x8":
        chosen = _prepared(calibration, preprocessing, stages)
        with stages.stage(mode, "Quantizing to int16x8", len(chosen)):
            flatbuffer = to_int16x8(model, lambda: stages.counted(chosen))
    else:
        with stages.stage(mode, f"Converting to {mode}"):
            flatbuffer = to_dynamic(model) if mode == "dynamic" else to_float16(model)
    verify(flatbuffer, preprocessing, mode)
    return flatbuffer


def _prepared(calibration: CalibrationSet, preprocessing: Preprocessing, stages: Stages) -> Pixels:
    with stages.stage("prepare", "Preprocessing calibration images", len(calibration.chosen)):
        return prepare_all(calibration.chosen, preprocessing, stages.step)


def _int8(
    network: Network,
    plain: bytes,
    calibration: CalibrationSet,
    options: ConvertOptions,
    stages: Stages,
    judges: JudgeMaker,
) -> tuple[RepairResult | None, bytes]:
    """Return the record of the repair, None if none was requested, and the int8 flatbuffer with uint8 ends."""
    model, preprocessing = network.model, network.card.preprocessing
    chosen = _prepared(calibration, preprocessing, stages)
    with stages.stage("int8", "Quantizing to int8", len(chosen)):
        flatbuffer = to_int8(model, lambda: stages.counted(chosen))
    verify(flatbuffer, preprocessing)
    if options.effort == "none":
        return None, flatbuffer
    selection = prepare_all(calibration.selection, preprocessing, lambda done: None)
    with stages.stage("repair", "Repairing int8"):
        result = repair(
            flatbuffer,
            plain,
            model.normalize,
            list(chosen),
            list(selection),
            options.effort,
            options.activation_range,
            stages.progress,
            model.layer_names,
            judges,
        )
    verify(result.flatbuffer, preprocessing)
    return result, result.flatbuffer
