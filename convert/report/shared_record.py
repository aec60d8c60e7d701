"""What the records of all conversions share: the files, the source, the images, the repair."""

from __future__ import annotations

import resource
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgevision.datasets.dataset import Skipped as SkippedItem
from edgevision.errors import EdgeVisionError, EngineError, GateNotMet
from edgevision.files import run_folder
from edgevision.inspection.compatibility import Compatibility
from edgevision.inspection.edgetpu_support import readiness
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.spec import Preprocessing
from edgevision.tflite.graph import Graph, operators_json, tensors_json

from ..comparison.accuracy_limit import AccuracyLimit
from ..edgetpu.compilation import EdgeTpuCompilation
from ..images.calibration import CalibrationSet, Skipped
from ..keras_files.scan import Scan
from ..modes import MODES, Mode
from ..quantization.correction import MINMAX, RepairResult

SCHEMA = "edgevision.convert/1"


@dataclass(frozen=True, slots=True, eq=False)
class ConversionRecord(ABC):
    """What a finished conversion of any task records."""

    path: Path
    """Path of the .tflite."""
    report_path: Path
    """Path of the JSON report."""
    page_path: Path | None
    """Path of the HTML report; None if it could not be written."""
    mode: Mode
    """Arithmetic of the model."""
    card: ModelCard
    """The model card, without the digest of the file."""
    source: Scan
    """The scanned source file."""
    parameters: int
    """Number of parameters of the source model."""
    sha256: str
    """sha256 of the .tflite."""
    file_bytes: int
    """Size of the .tflite in bytes, including the model card."""
    float_bytes: int
    """Size of the same model as a float .tflite in bytes."""
    normalization: Preprocessing
    """Preprocessing of the source model; what the input's scale cannot express of it, a layer of the .tflite computes."""
    preprocessing_from: str
    """Where the preprocessing was found."""
    labels_from: str
    """Where the labels were found."""
    graph: Graph
    """Tensors and operators of the .tflite."""
    compatibility: Compatibility
    """Compatibility of the file with other tools."""
    calibration: CalibrationSet
    """Images that set the ranges, if the mode has any, and those that chose between repairs."""
    repair: RepairResult | None
    """The repair of the int8 accuracy; None if none was requested, and in modes without one."""
    gate: AccuracyLimit | None
    """The limit ``max_drop``, and whether it is ``met``; None if no limit was set."""
    seconds: dict[str, float]
    """Duration of each stage, and ``total``, in seconds."""
    notes: tuple[str, ...]
    """Notes for the user; none of them is an error."""
    edgetpu: EdgeTpuCompilation | None = field(default=None, kw_only=True)
    """The compilation for the Edge TPU; None if it was not asked for."""

    def failure(self) -> EdgeVisionError | None:
        """Return what is to be raised after the report: a limit that is not met, or a failed compilation; else None."""
        if self.gate is not None and not self.gate.met:
            return GateNotMet(self.gate.message())
        if self.edgetpu is None:
            return None
        if self.edgetpu.problem is not None:
            said = f"{self.path} has no part for the Edge TPU: edgetpu_compiler failed: {self.edgetpu.problem}"
            return EngineError(f"{said}; it runs on the CPU")
        return None if self.edgetpu.met else GateNotMet(self.edgetpu.message())

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return the whole document."""

    @property
    def network(self) -> str:
        """What the model is, in one line."""
        rule = self.card.preprocessing
        return f"{self.card.task}, {self.parameters:,} parameters, {rule.width}x{rule.height} pixels, {self.mode}"

    @property
    def calibration_name(self) -> str:
        """What the calibration images are for."""
        return "calibration" if MODES[self.mode].calibrated else "drift reference"

    @property
    def pair(self) -> str:
        """What is compared, as a heading."""
        return "Float" if self.mode == "float" else f"Float and {self.mode}"

    def shared_json(self) -> dict[str, Any]:
        """Return the fields of the document that do not depend on the task."""
        return {
            "schema": SCHEMA,
            "source": self._source(),
            "output": {"path": str(self.path), "sha256": self.sha256, "bytes": self.file_bytes, "mode": self.mode},
            "preprocessing": self.card.preprocessing.to_json(),
            "preprocessing_from": self.preprocessing_from,
            "task": self.card.task,
            "labels": {"count": len(self.card.labels), "from": self.labels_from},
            "tensors": tensors_json(self.graph),
            "operators": operators_json(self.graph),
            "calibration": self._calibration(),
            "selection": self._selection(),
            "repair": self.repair.to_json() if self.repair else None,
            "layers": self.repair.layers_json() if self.repair else [],
            "edgetpu": self._edgetpu(),
            "compatibility": self.compatibility.to_json(),
            "gate": self.gate.to_json() if self.gate else None,
            "notes": list(self.notes),
            "seconds": self.seconds,
            "peak_rss_mb": peak_rss_mb(),
            "versions": run_folder.versions(),
        }

    def _edgetpu(self) -> dict[str, Any]:
        found = readiness(self.graph).to_json()
        if self.edgetpu is None:
            return {**found, "compiler": None}
        return {**found, "mapped": round(self.edgetpu.mapped, 6), "compiler": self.edgetpu.to_json()}

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
            "range_method": range_method(self.mode, self.repair),
            "rendered": self.calibration.rendered,
            "skipped": skipped_json(self.calibration.skipped),
        }

    def _selection(self) -> dict[str, Any] | None:
        """Return the record of the selection set, or None."""
        selection = self.calibration.selection
        hashes = sorted(picture.sha256 for picture in selection)
        return {"pictures": len(selection), "file_sha256": hashes} if selection else None


def range_method(mode: Mode, repair: RepairResult | None) -> str | None:
    """Return how the activation ranges were chosen; None if activations are not quantized beforehand."""
    if not MODES[mode].calibrated:
        return None
    return repair.activation_range if repair else MINMAX


def figures(mode: Mode, measured: Any, suffix: str = "") -> dict[str, Any]:
    """Return the figures of the converted model under ``converted``, and under ``int8`` if it is int8, else null there.

    ``suffix``: the rest of the names of the keys.
    """
    int8 = measured if MODES[mode].int8 else None
    return {f"converted{suffix}": measured, f"int8{suffix}": int8}


def peak_rss_mb() -> float:
    """Return the peak resident memory of this process in MB (10^6 bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, KiB elsewhere
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


def skipped_json(skipped: Iterable[Skipped | SkippedItem]) -> list[dict[str, str]]:
    """Return skipped images with the reasons."""
    return [{"path": str(one.path), "reason": one.reason} for one in skipped]
