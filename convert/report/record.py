"""Record of a classifier's conversion and its measurements, as the document ``edgevision.convert/1``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from edgevision.evaluation.intervals import Difference, Proportion

from ..build_classifier import ConvertedModel
from ..comparison.float_vs_converted import FidelityComparison, TrainedOnComparison
from ..images.calibration import CalibrationSet
from ..images.heldout import HeldOut
from ..modes import Mode
from ..quantization.make_selftest import GeneratedSelfTest
from .shared_record import ConversionRecord, figures, range_method, skipped_json


@dataclass(frozen=True, slots=True, eq=False)
class ConvertReport(ConversionRecord):
    """Record of a finished conversion of a classifier. ``to_json`` returns all of it in a documented schema."""

    heldout: HeldOut
    """Images on which the float and the converted model are compared."""
    comparison: FidelityComparison
    """Agreement and accuracy of both, with 95 % confidence intervals."""
    selftest: GeneratedSelfTest
    """The self-test in the file."""

    def to_json(self) -> dict[str, Any]:
        """Return the whole document; null means unknown or not measured by this version."""
        result, held = self.comparison, self.heldout
        return {
            **self.shared_json(),
            "all_int8": self.graph.all_int8,
            "heldout": {
                "path": str(held.path),
                "pictures": result.pictures,
                "labelled": held.labelled,
                "independent": is_independent(held),
                "training_known": held.training_known,
                "trained_on": _trained_on(self.mode, result.trained_on, not held.only_trained_on),
                "fingerprint": held.fingerprint if held.pictures else None,
                "file_sha256": sorted(picture.sha256 for picture in held.measured),
                "skipped": skipped_json((*held.skipped, *result.skipped)),
            },
            "float": {"accuracy": _headline(held, result.float_accuracy), "bytes": self.float_bytes},
            **figures(self.mode, {"accuracy": _headline(held, result.converted_accuracy)}),
            "balance": self._balance(),
            "agreement": _agreement(result.agreement),
            "drop_points": points_json(result.drop),
            "kl": _rounded(result.divergence),
            "ties": result.ties,
            "embedding": asdict(self.card.embedding) if self.card.embedding else None,
            "selftest": self._selftest(),
        }

    def _balance(self) -> dict[str, Any] | None:
        """Return what an accuracy is worth if the classes have different numbers of images, or None."""
        one = self.comparison.balance
        if one is None or self.heldout.only_trained_on:
            return None
        return {
            "most_frequent": {"index": one.most_frequent, "name": self.card.label(one.most_frequent)},
            "baseline": _rounded(one.baseline),
            "float_balanced_accuracy": _rounded(one.float_balanced),
            **figures(self.mode, _rounded(one.converted_balanced), "_balanced_accuracy"),
        }

    def _selftest(self) -> dict[str, Any]:
        return {
            "inputs": len(self.selftest.test.cases),
            "tolerance": self.selftest.test.tolerance,
            "margin": _rounded(self.selftest.margin),
            "order_change": _rounded(self.selftest.order_change),
            "objects": None,
            "min_iou": None,
        }


def quantization_record(mode: Mode, calibration: CalibrationSet, made: ConvertedModel) -> dict[str, Any]:
    """Return the record of the conversion for the model card; it contains no paths of this machine."""
    heldout, result, repair = made.heldout, made.comparison, made.repair
    return {
        "mode": mode,
        "range_method": range_method(mode, repair),
        "repair": repair.kept if repair else [],
        "selection": {"pictures": len(calibration.selection)},
        "calibration": {"fingerprint": calibration.fingerprint, "pictures": len(calibration.chosen)},
        "heldout": {
            "fingerprint": heldout.fingerprint if heldout.pictures else None,
            "pictures": result.pictures,
            "independent": is_independent(heldout),
        },
        "agreement": _agreement(result.agreement),
        "float": {"accuracy": _headline(heldout, result.float_accuracy)},
        **figures(mode, {"accuracy": _headline(heldout, result.converted_accuracy)}),
        "drop_points": points_json(result.drop),
    }


def is_independent(heldout: HeldOut) -> bool:
    """Return whether the measured images had no part in making the model, as far as is known."""
    return heldout.independent and not heldout.only_trained_on


def _headline(heldout: HeldOut, accuracy: Proportion | None) -> dict[str, Any] | None:
    """Return an accuracy as JSON; None if the model was trained on the images, because it says little about others."""
    return None if heldout.only_trained_on else share_json(accuracy)


def _trained_on(mode: Mode, found: TrainedOnComparison | None, counted_apart: bool) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "train": found.train,
        "val": found.val,
        "counted_apart": counted_apart,
        "agreement": _agreement(found.agreement),
        "float_accuracy": share_json(found.float_accuracy),
        **figures(mode, share_json(found.converted_accuracy), "_accuracy"),
    }


def share_json(value: Proportion | None) -> dict[str, Any] | None:
    """Return a proportion as JSON: value, confidence interval and counts."""
    if value is None:
        return None
    low, high = _rounded(value.low), _rounded(value.high)
    return {"value": _rounded(value.value), "low": low, "high": high, "correct": value.count, "total": value.total}


def points_json(value: Difference | None) -> dict[str, Any] | None:
    """Return a difference of accuracies as JSON, in percentage points."""
    if value is None:
        return None
    return {name: round(100 * getattr(value, name), 3) for name in ("value", "low", "high")}


def _agreement(value: Proportion | None) -> dict[str, Any] | None:
    found = share_json(value)
    if found is not None:
        found["same"] = found.pop("correct")
    return found


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
