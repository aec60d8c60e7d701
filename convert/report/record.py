"""Record of a conversion and its measurements, as the document ``edgevision.convert/1``."""

from __future__ import annotations

import resource
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgevision.evaluation.intervals import Difference, Proportion
from edgevision.files import run_folder
from edgevision.inspection.compatibility import Compatibility
from edgevision.inspection.edgetpu_support import readiness
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.spec import Preprocessing
from edgevision.tflite.graph import Graph, operators_json, tensors_json

from ..comparison.accuracy_limit import AccuracyLimit
from ..comparison.float_vs_int8 import FidelityComparison, TrainedOnComparison
from ..images.calibration import CalibrationSet, Skipped
from ..images.heldout import HeldOut
from ..keras_files.scan import Scan
from ..quantization.correction import MINMAX, RepairResult
from ..quantization.make_selftest import GeneratedSelfTest

SCHEMA = "edgevision.convert/1"


@dataclass(frozen=True, slots=True, eq=False)
class ConvertReport:
    """Record of a finished conversion. ``to_json`` returns all of it in a documented schema."""

    path: Path
    """Path of the .tflite."""
    report_path: Path
    """Path of the JSON report."""
    page_path: Path | None
    """Path of the HTML report; None if it could not be written."""
    card: ModelCard
    """The model card, without the digest of the file."""
    source: Scan
    """The scanned Keras file."""
    parameters: int
    """Number of parameters of the Keras model."""
    sha256: str
    """sha256 of the .tflite."""
    int8_bytes: int
    """Size of the .tflite in bytes, including the model card."""
    float_bytes: int
    """Size of the same model as a float .tflite in bytes."""
    normalization: Preprocessing
    """Preprocessing of the Keras model; what the input's scale cannot express of it, a layer of the .tflite computes."""
    preprocessing_from: str
    """Where the preprocessing was found."""
    labels_from: str
    """Where the labels were found."""
    graph: Graph
    """Tensors and operators of the .tflite."""
    compatibility: Compatibility
    """Compatibility of the file with other tools."""
    calibration: CalibrationSet
    """Images that set the int8 ranges, and those that chose between repairs."""
    heldout: HeldOut
    """Images on which float and int8 are compared."""
    comparison: FidelityComparison
    """Agreement and accuracy of float and int8, with 95 % confidence intervals."""
    repair: RepairResult | None
    """The repair of the int8 accuracy; None if none was requested."""
    selftest: GeneratedSelfTest
    """The self-test in the file."""
    gate: AccuracyLimit | None
    """The limit ``max_drop``, and whether it is ``met``; None if no limit was set."""
    seconds: dict[str, float]
    """Duration of each stage, and ``total``, in seconds."""
    notes: tuple[str, ...]
    """Notes for the user; none of them is an error."""

    def to_json(self) -> dict[str, Any]:
        """Return the whole document; null means unknown or not measured by this version."""
        result, held = self.comparison, self.heldout
        return {
            "schema": SCHEMA,
            "source": self._source(),
            "output": {"path": str(self.path), "sha256": self.sha256, "bytes": self.int8_bytes, "mode": "int8"},
            "preprocessing": self.card.preprocessing.to_json(),
            "preprocessing_from": self.preprocessing_from,
            "task": self.card.task,
            "labels": {"count": len(self.card.labels), "from": self.labels_from},
            "tensors": tensors_json(self.graph),
            "operators": operators_json(self.graph),
            "all_int8": self.graph.all_int8,
            "calibration": self._calibration(),
            "selection": self._selection(),
            "heldout": {
                "path": str(held.path),
                "pictures": result.pictures,
                "labelled": held.labelled,
                "independent": is_independent(held),
                "training_known": held.training_known,
                "trained_on": _trained_on(result.trained_on, not held.only_trained_on),
                "fingerprint": held.fingerprint if held.pictures else None,
                "file_sha256": sorted(picture.sha256 for picture in held.measured),
                "skipped": _skipped((*held.skipped, *result.skipped)),
            },
            "float": {"accuracy": _headline(held, result.float_accuracy), "bytes": self.float_bytes},
            "int8": {"accuracy": _headline(held, result.int8_accuracy)},
            "balance": self._balance(),
            "agreement": _agreement(result.agreement),
            "drop_points": points_json(result.drop),
            "kl": _rounded(result.divergence),
            "ties": result.ties,
            "repair": self.repair.to_json() if self.repair else None,
            "layers": self.repair.layers_json() if self.repair else [],
            "embedding": asdict(self.card.embedding) if self.card.embedding else None,
            "edgetpu": readiness(self.graph).to_json(),
            "compatibility": self.compatibility.to_json(),
            "gate": self.gate.to_json() if self.gate else None,
            "selftest": self._selftest(),
            "notes": list(self.notes),
            "seconds": self.seconds,
            "peak_rss_mb": peak_rss_mb(),
            "versions": run_folder.versions(),
        }

    def _source(self) -> dict[str, Any]:
        return {
            "path": str(self.source.path),
            "sha256": self.card.source_sha256,
            "format": self.source.format,
            "keras_version": self.source.keras_version,
            "bytes": self.source.bytes,
            "parameters": self.parameters,
        }

    def _calibration(self) -> dict[str, Any]:
        return {
            "path": str(self.calibration.folder),
            "fingerprint": self.calibration.fingerprint,
            "pictures": len(self.calibration.chosen),
            "file_sha256": sorted(picture.sha256 for picture in self.calibration.chosen),
            "range_method": _range_method(self.repair),
            "rendered": self.calibration.rendered,
            "skipped": _skipped(self.calibration.skipped),
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
            "int8_balanced_accuracy": _rounded(one.int8_balanced),
        }

    def _selection(self) -> dict[str, Any] | None:
        """Return the record of the selection set, or None."""
        selection = self.calibration.selection
        hashes = sorted(picture.sha256 for picture in selection)
        return {"pictures": len(selection), "file_sha256": hashes} if selection else None

    def _selftest(self) -> dict[str, Any]:
        return {
            "inputs": len(self.selftest.test.cases),
            "tolerance": self.selftest.test.tolerance,
            "margin": _rounded(self.selftest.margin),
            "order_change": _rounded(self.selftest.order_change),
        }


def quantization_record(
    calibration: CalibrationSet, heldout: HeldOut, result: FidelityComparison, repair: RepairResult | None
) -> dict[str, Any]:
    """Return the record of the conversion for the model card; it contains no paths of this machine."""
    return {
        "mode": "int8",
        "range_method": _range_method(repair),
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
        "int8": {"accuracy": _headline(heldout, result.int8_accuracy)},
        "drop_points": points_json(result.drop),
    }


def is_independent(heldout: HeldOut) -> bool:
    """Return whether the measured images had no part in making the model, as far as is known."""
    return heldout.independent and not heldout.only_trained_on


def _headline(heldout: HeldOut, accuracy: Proportion | None) -> dict[str, Any] | None:
    """Return an accuracy as JSON; None if the model was trained on the images, because it says little about others."""
    return None if heldout.only_trained_on else share_json(accuracy)


def _trained_on(found: TrainedOnComparison | None, counted_apart: bool) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "train": found.train,
        "val": found.val,
        "counted_apart": counted_apart,
        "agreement": _agreement(found.agreement),
        "float_accuracy": share_json(found.float_accuracy),
        "int8_accuracy": share_json(found.int8_accuracy),
    }


def _range_method(repair: RepairResult | None) -> str:
    return repair.activation_range if repair else MINMAX


def peak_rss_mb() -> float:
    """Return the peak resident memory of this process in MB (10^6 bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, KiB elsewhere
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


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


def _skipped(skipped: tuple[Skipped, ...]) -> list[dict[str, str]]:
    return [{"path": str(one.path), "reason": one.reason} for one in skipped]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
