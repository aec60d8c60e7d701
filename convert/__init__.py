"""Train models and convert them to int8 .tflite. Needs the ``convert`` extra (TensorFlow).

What ``__all__`` lists is the public API of this package. Everything else is private and may change without notice.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .keras_files.load_options import LoadOptions
    from .options import ConvertOptions
    from .pipeline import convert
    from .report.detector_record import DetectorConvertReport
    from .report.record import ConvertReport
    from .source_model.preprocessing_options import PreprocessingOptions
    from .training.anomaly.result import AnomalyResult
    from .training.api import train
    from .training.config.settings import TrainSettings
    from .training.detector.result import DetectorResult
    from .training.report.result import TrainResult

__all__ = [
    "AnomalyResult",
    "ConvertOptions",
    "ConvertReport",
    "DetectorConvertReport",
    "DetectorResult",
    "LoadOptions",
    "PreprocessingOptions",
    "TrainResult",
    "TrainSettings",
    "convert",
    "train",
]
_MODULES = {
    # Imported when a name is first used: a conversion does not load what only a training needs.
    "AnomalyResult": ".training.anomaly.result",
    "ConvertOptions": ".options",
    "ConvertReport": ".report.record",
    "DetectorConvertReport": ".report.detector_record",
    "DetectorResult": ".training.detector.result",
    "LoadOptions": ".keras_files.load_options",
    "PreprocessingOptions": ".source_model.preprocessing_options",
    "TrainResult": ".training.report.result",
    "TrainSettings": ".training.config.settings",
    "convert": ".pipeline",
    "train": ".training.api",
}

if not TYPE_CHECKING:  # type checkers must refuse a misspelled name

    def __getattr__(name):
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_MODULES[name], __name__), name)

    def __dir__():
        return list(__all__)
