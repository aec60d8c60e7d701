"""Take photos or a Keras model to a camera loop on a Raspberry Pi.

What ``__all__`` lists here, in ``edgevision.convert`` and in ``edgevision.device`` is the public API. Everything else,
every module below these packages included, is private and may change without notice.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # as typing defines it; imports here would come before Ctrl-C is handled
if TYPE_CHECKING:
    from .errors import (
        BadImage,
        BadInput,
        BadModel,
        CameraError,
        CameraGone,
        CameraLost,
        Cancelled,
        CannotWrite,
        EdgeVisionError,
        EngineError,
        FlashRefused,
        GateNotMet,
        MissingDependency,
        MissingFile,
        OutputExists,
        RemoteUnreachable,
        RolledBack,
        UnknownName,
        UsageError,
        VerifyFailed,
        WriteFailed,
    )
    from .evaluation.anomaly import AnomalyEvaluation
    from .evaluation.api import evaluate
    from .evaluation.detection.evaluate import DetectorEvaluation
    from .evaluation.detection.points.evaluate import PointEvaluation
    from .evaluation.evaluate import Evaluation
    from .inspection.report import inspect
    from .model import Model, open_model
    from .model_file.api import read_model
    from .model_file.card import ModelCard
    from .model_file.model_file import ModelFile
    from .preprocessing.spec import Preprocessing
    from .types import Anomaly, Detection, Frame, Keypoint, Label, LineCount, Point, Prediction, Region, ZoneOccupancy

# OpenCV reads this when it is first imported, in whichever module. It stops a PNG of a few kilobytes from claiming gigabytes
# of memory.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(1 << 28))

__version__ = "0.1.0"
__all__ = [
    "Anomaly",
    "AnomalyEvaluation",
    "BadImage",
    "BadInput",
    "BadModel",
    "CameraError",
    "CameraGone",
    "CameraLost",
    "Cancelled",
    "CannotWrite",
    "Detection",
    "DetectorEvaluation",
    "EdgeVisionError",
    "EngineError",
    "Evaluation",
    "FlashRefused",
    "Frame",
    "GateNotMet",
    "Keypoint",
    "Label",
    "LineCount",
    "MissingDependency",
    "MissingFile",
    "Model",
    "ModelCard",
    "ModelFile",
    "OutputExists",
    "Point",
    "PointEvaluation",
    "Prediction",
    "Preprocessing",
    "Region",
    "RemoteUnreachable",
    "RolledBack",
    "UnknownName",
    "UsageError",
    "VerifyFailed",
    "WriteFailed",
    "ZoneOccupancy",
    "__version__",
    "evaluate",
    "inspect",
    "open_model",
    "read_model",
]
_MODULES = {
    # Imported when a name is first used, so that `import edgevision` and `edgevision --help` load neither NumPy nor a runtime.
    "Anomaly": ".types",
    "AnomalyEvaluation": ".evaluation.anomaly",
    "Detection": ".types",
    "DetectorEvaluation": ".evaluation.detection.evaluate",
    "PointEvaluation": ".evaluation.detection.points.evaluate",
    "Evaluation": ".evaluation.evaluate",
    "Frame": ".types",
    "Keypoint": ".types",
    "Label": ".types",
    "LineCount": ".types",
    "Model": ".model",
    "ModelCard": ".model_file.card",
    "ModelFile": ".model_file.model_file",
    "Point": ".types",
    "Prediction": ".types",
    "Preprocessing": ".preprocessing.spec",
    "Region": ".types",
    "ZoneOccupancy": ".types",
    "evaluate": ".evaluation.api",
    "inspect": ".inspection.report",
    "open_model": ".model",
    "read_model": ".model_file.api",
}
"""Name -> module. Names that are not listed are errors."""

if not TYPE_CHECKING:  # type checkers must refuse a misspelled name

    def __getattr__(name):
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(_MODULES.get(name, ".errors"), __name__), name)

    def __dir__():
        return list(__all__)
