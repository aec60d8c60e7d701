"""The mode that keeps the accuracy limit which the chosen mode exceeds, measured on the same held-out images."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from edgevision.datasets.split import FILE as SPLIT_FILE
from edgevision.engines.interpreter import open_interpreter
from edgevision.errors import BadModel
from edgevision.log import Log

from . import backend
from .build_classifier import ConvertedModel, without_repair
from .build_detector import ConvertedDetector, finished
from .comparison.accuracy_limit import AccuracyLimit, OtherMode, judge, judge_detector
from .comparison.float_vs_converted import compare
from .comparison.float_vs_converted_detector import compare_detectors
from .images.calibration import CalibrationSet
from .modes import Mode
from .options import ConvertOptions
from .progress import Stages
from .quantization.ptq import to_float
from .source_model.source_model import Network

log = Log("edgevision.convert")
TRIED: tuple[Mode, ...] = ("dynamic", "float16")
"""Modes to try, the smallest first. int16x8 is left out: it takes many times as long, and seldom loses less than these."""


def classifier_limit(
    made: ConvertedModel, network: Network, calibration: CalibrationSet, options: ConvertOptions, stages: Stages
) -> AccuracyLimit | None:
    """Return the user's limit, and the mode that keeps it if it is exceeded; None without a limit. Raises EngineError."""
    heldout = made.heldout

    def measured(plain: bytes, flatbuffer: bytes, mode: Mode) -> AccuracyLimit | None:
        with backend.quiet():
            float_model, converted = open_interpreter(plain), open_interpreter(flatbuffer)
        with closing(float_model), closing(converted), stages.stage(f"try {mode}", _title(mode), len(heldout.pictures)):
            found = compare(network.model, float_model, converted, network.card, heldout, stages.step)
        return judge(found, calibration, options)

    limit = judge(made.comparison, calibration, options)
    return _with_mode(limit, network, calibration, options, stages, measured)


def detector_limit(
    made: ConvertedDetector, network: Network, calibration: CalibrationSet, options: ConvertOptions, stages: Stages
) -> AccuracyLimit | None:
    """Return the user's limit for a detector, as ``classifier_limit``. Raises EngineError."""
    heldout = made.heldout

    def measured(plain: bytes, flatbuffer: bytes, mode: Mode) -> AccuracyLimit | None:
        both = finished(plain, network), finished(flatbuffer, network)
        split_file = options.model.parent / SPLIT_FILE
        with stages.stage(f"try {mode}", _title(mode), len(heldout.images)):
            found = compare_detectors(*both, network.card, heldout, split_file, stages.step)
        return judge_detector(found, calibration, options)

    limit = judge_detector(made.comparison, calibration, options)
    return _with_mode(limit, network, calibration, options, stages, measured)


def _with_mode(
    limit: AccuracyLimit | None,
    network: Network,
    calibration: CalibrationSet,
    options: ConvertOptions,
    stages: Stages,
    measured: Callable[[bytes, bytes, Mode], AccuracyLimit | None],
) -> AccuracyLimit | None:
    if limit is None or limit.met or limit.value is None:
        return limit
    plain = to_float(network.model)
    for mode in TRIED:
        if mode == options.mode:
            continue
        try:
            flatbuffer = without_repair(network, plain, calibration, mode, stages)
        except BadModel as error:
            log.info("--mode %s is not possible: %s", mode, error)
            continue
        found = measured(plain, flatbuffer, mode)
        if found is not None and found.met:
            return limit.with_other(OtherMode(mode, found.value, found.low, found.high, len(flatbuffer)))
    return limit.with_other(OtherMode("float", 0.0, 0.0, 0.0, len(plain)))


def _title(mode: Mode) -> str:
    return f"The limit is exceeded: measuring {mode}"
