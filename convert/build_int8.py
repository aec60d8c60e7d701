"""From a float network to a measured int8 model: quantize, repair, compare with float, generate the self-test."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from edgevision.datasets.training_images import TrainingImages
from edgevision.engines.interpreter import open_interpreter

from . import backend
from .comparison.float_vs_int8 import FidelityComparison, compare
from .images.calibration import CalibrationSet
from .images.heldout import HeldOut, labelled, remaining
from .images.preprocessed import prepare_all
from .options import ConvertOptions
from .progress import Stages
from .quantization.correction import ClassificationJudge, JudgeMaker, RepairResult, repair
from .quantization.embedding_output import add_embedding
from .quantization.make_selftest import TRIALS, GeneratedSelfTest, make_selftest
from .quantization.ptq import to_float, to_int8
from .quantization.verify import verify
from .source_model.source_model import Network


@dataclass(frozen=True, slots=True, eq=False)
class Int8Model:
    """An int8 model and its measurements."""

    flatbuffer: bytes
    float_bytes: int
    """Size in bytes of the same model as a float .tflite."""
    repair: RepairResult | None
    """None if no repair was requested."""
    heldout: HeldOut
    comparison: FidelityComparison
    selftest: GeneratedSelfTest


def make_int8(
    network: Network, calibration: CalibrationSet, heldout: HeldOut, options: ConvertOptions, stages: Stages
) -> Int8Model:
    """Quantize, repair and measure a network. Raises BadModel, EngineError.

    The held-out images are used only once, after all decisions are made.
    """
    model, card = network.model, network.card
    with stages.stage("float", "Converting to float"):
        plain = to_float(model)
        if options.with_embedding:
            add_embedding(plain)  # fails before the long work if it is impossible
    repaired, flatbuffer = quantized(network, plain, calibration, options, stages)
    with backend.quiet():
        float_model, int8_model = open_interpreter(plain), open_interpreter(flatbuffer)
    with closing(float_model), closing(int8_model):
        with stages.stage("compare", "Comparing float and int8", len(heldout.pictures)):
            comparison = compare(model, float_model, int8_model, card, heldout, stages.step)
        with stages.stage("selftest", "Generating the self-test", TRIALS):
            test = make_selftest(int8_model, card.preprocessing, card.activation, options.seed, stages.step)
    return Int8Model(flatbuffer, len(plain), repaired, heldout, comparison, test)


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
    """Return the int8 flatbuffer of a network and the record of its repair, None if none was requested.

    ``plain``: the float flatbuffer; ``judges``: see ``repair``. Raises BadModel.
    """
    model, preprocessing = network.model, network.card.preprocessing
    with stages.stage("prepare", "Preprocessing calibration images", len(calibration.chosen)):
        chosen = prepare_all(calibration.chosen, preprocessing, stages.step)
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
