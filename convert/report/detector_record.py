"""Record of a detector's conversion and its measurements, as the document ``edgevision.convert/1``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgevision.evaluation.detection.bootstrap import Interval
from edgevision.evaluation.detection.measures import DetectorMeasures
from edgevision.evaluation.detection.object_measures import ObjectMeasures
from edgevision.evaluation.detection.points.measures import PointMeasures

from ..build_detector import ConvertedDetector
from ..comparison.float_vs_converted_detector import DetectorFidelity
from ..images.calibration import CalibrationSet
from ..images.heldout_boxes import HeldOutBoxes
from ..modes import Mode
from ..quantization.make_detector_selftest import GeneratedDetectorSelfTest
from .shared_record import ConversionRecord, figures, range_method, skipped_json


@dataclass(frozen=True, slots=True, eq=False)
class DetectorConvertReport(ConversionRecord):
    """Record of a finished conversion of a detector. ``to_json`` returns all of it in a documented schema."""

    heldout: HeldOutBoxes
    """Images on which the float and the converted model are compared."""
    comparison: DetectorFidelity
    """Matched boxes and average precision of both, or points and F1, with 95 % confidence intervals."""
    selftest: GeneratedDetectorSelfTest | None
    """The self-test in the file; None if the detector found nothing in any generated image, and of points."""

    def to_json(self) -> dict[str, Any]:
        """Return the whole document; null means unknown or not measured by this version."""
        result, held, done = self.comparison, self.heldout, self.comparison.evaluation
        known = done.trained_on if done else None
        return {
            **self.shared_json(),
            "all_int8": self.graph.all_int8,
            "heldout": {
                "path": str(held.data.path),
                "pictures": result.pictures,
                "labelled": result.pictures if held.labeled else 0,
                "independent": is_independent(held, result),
                "training_known": _training_known(result),
                "trained_on": known.to_json() if known else None,
                "fingerprint": done.fingerprint if done else None,
                "file_sha256": list(held.file_sha256),
                "skipped": skipped_json((*held.skipped, *(done.skipped if done else ()))),
            },
            "float": {**_precision(done.measures if done else None), "bytes": self.float_bytes},
            **figures(self.mode, _precision(done.other_measures if done else None)),
            "balance": None,
            "agreement": agreement_json(result),
            "drop_points": _points(result.drop),
            "drop_50_95_points": _points(result.drop_50_95),
            "kl": None,
            "ties": None,
            "embedding": None,
            "selftest": self._selftest(),
        }

    def _selftest(self) -> dict[str, Any] | None:
        if self.selftest is None:
            return None
        test = self.selftest.test
        return {
            "inputs": len(test.cases),
            "tolerance": test.tolerance,
            "margin": None,
            "order_change": None,
            "objects": self.selftest.objects,
            "min_iou": test.min_iou,
        }


def detector_quantization_record(mode: Mode, calibration: CalibrationSet, made: ConvertedDetector) -> dict[str, Any]:
    """Return the record of the conversion for the model card; it contains no paths of this machine."""
    heldout, result, repair = made.heldout, made.comparison, made.repair
    done = result.evaluation
    return {
        "mode": mode,
        "range_method": range_method(mode, repair),
        "repair": repair.kept if repair else [],
        "selection": {"pictures": len(calibration.selection)},
        "calibration": {"fingerprint": calibration.fingerprint, "pictures": len(calibration.chosen)},
        "heldout": {
            "fingerprint": done.fingerprint if done else None,
            "pictures": result.pictures,
            "independent": is_independent(heldout, result),
        },
        "agreement": agreement_json(result),
        "float": _precision(done.measures if done else None),
        **figures(mode, _precision(done.other_measures if done else None)),
        "drop_points": _points(result.drop),
    }


def is_independent(heldout: HeldOutBoxes, result: DetectorFidelity) -> bool:
    """Return whether the measured images had no part in making the model, as far as is known."""
    return heldout.independent and not only_trained_on(result)


def only_trained_on(result: DetectorFidelity) -> bool:
    """Return whether the model was trained on all of the measured images."""
    known = result.evaluation.trained_on if result.evaluation else None
    return known is not None and not known.counted_apart


def agreement_json(result: DetectorFidelity) -> dict[str, Any] | None:
    """Return the share of boxes or points with a partner as JSON; None without any."""
    found, done = result.agreement, result.evaluation
    if found is None or done is None or done.comparison is None:
        return None
    boxes = done.comparison.boxes
    return {**_rounded(found.to_json()), "same": int(boxes.matched.sum()), "total": int(boxes.total.sum())}


def _training_known(result: DetectorFidelity) -> bool:
    return result.evaluation is not None and bool(result.evaluation.subject.training_images)


def _precision(measures: ObjectMeasures | None) -> dict[str, Any]:
    """Return the measures of boxes or points as JSON; null without objects."""
    values: dict[str, Interval | None] = dict.fromkeys(("map50", "map50_95"))
    if isinstance(measures, PointMeasures):
        values |= {"f1": measures.f1, "count_error": measures.count_error if measures.metrics.objects else None}
    elif isinstance(measures, DetectorMeasures):
        values |= {"map50": measures.map50, "map50_95": measures.map50_95}
    return {"accuracy": None, **{name: _known(value) for name, value in values.items()}}


def _known(value: Interval | None) -> dict[str, float | None] | None:
    return None if value is None or value.value is None else _rounded(value.to_json())


def _points(value: Interval | None) -> dict[str, float | None] | None:
    return None if value is None else _rounded(value.to_json(100.0), 3)


def _rounded(values: dict[str, float | None], digits: int = 6) -> dict[str, float | None]:
    return {name: None if value is None else round(value, digits) for name, value in values.items()}
