"""Report of a demo, the JSON document ``edgevision.demo/1``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgevision.errors import GateNotMet
from edgevision.files import run_folder

from ..report.record import ConvertReport, share_json
from ..training.monitor.history import Epoch
from .options import CLASSES, GOAL, DemoOptions
from .run_loop import LoopResult
from .training import NAME

SCHEMA = "edgevision.demo/1"


@dataclass(frozen=True, slots=True)
class DemoFiles:
    """Files of the run folder."""

    folder: Path

    @property
    def pictures(self) -> Path:
        """Image folder: train/, val/ and test/, each with one subfolder per class."""
        return self.folder / "pictures"

    @property
    def keras(self) -> Path:
        """Float model."""
        return self.folder / "model.keras"

    @property
    def tflite(self) -> Path:
        """Int8 model."""
        return self.folder / "model.tflite"

    @property
    def clip(self) -> Path:
        """Video."""
        return self.folder / "clip.avi"

    @property
    def contact_sheet(self) -> Path:
        """Contact sheet of held-out images with their predictions."""
        return self.folder / "contact.png"

    @property
    def report(self) -> Path:
        """JSON report."""
        return self.folder / "report.json"

    def names(self) -> list[str]:
        """Return the names of the main output files, relative to the folder."""
        return [path.name for path in (self.keras, self.tflite, self.contact_sheet, self.clip, self.report)]


@dataclass(frozen=True, slots=True, eq=False)
class DemoReport:
    """A finished demo."""

    options: DemoOptions
    files: DemoFiles
    history: tuple[Epoch, ...]
    conversion: ConvertReport
    loop: LoopResult
    seconds: dict[str, float]
    """Duration of each stage in seconds, and ``total``."""
    cpu_seconds: float
    """CPU time of this process and the loop's, user and system together, in seconds."""

    @property
    def int8_accuracy(self) -> float:
        """Accuracy on the held-out images, 0..1."""
        found = self.conversion.comparison.converted_accuracy
        return found.value if found is not None else 0.0

    @property
    def ok(self) -> bool:
        """True if the accuracy goal was met."""
        return self.int8_accuracy >= GOAL

    def require_goal(self) -> None:
        """Raise GateNotMet (exit code 3) if the accuracy goal was missed."""
        if not self.ok:
            raise GateNotMet(
                f"the int8 model is correct on {100 * self.int8_accuracy:.1f} % of the held-out images, below the "
                f"demo's goal of {100 * GOAL:.0f} %; check {self.files.contact_sheet} or try another --seed"
            )

    def to_json(self) -> dict[str, Any]:
        """Return the document; accuracies refer to the held-out images, or to the video's frames."""
        plan, converted = self.options.plan, self.conversion.to_json()
        return {
            "schema": SCHEMA,
            "folder": str(self.files.folder),
            "seed": self.options.seed,
            "classes": list(CLASSES),
            "pictures": {"train": plan.train * len(CLASSES), "val": plan.val * len(CLASSES), "test": self._tested()},
            "model": {
                "name": NAME,
                "parameters": self.conversion.parameters,
            },
            "training": {"epochs": len(self.history), "history": [asdict(epoch) for epoch in self.history]},
            "float": converted["float"],
            "int8": {**converted["int8"], "bytes": self.conversion.file_bytes},
            "agreement": converted["agreement"],
            "drop_points": converted["drop_points"],
            "loop": self._loop(),
            "gate": {"int8_accuracy": GOAL, "met": self.ok},
            "files": self._files(),
            "seconds": self.seconds,
            "cpu_s": self.cpu_seconds,
            "versions": run_folder.versions(),
        }

    def _tested(self) -> int:
        return self.conversion.comparison.pictures

    def _loop(self) -> dict[str, Any]:
        summary = self.loop.summary
        return {
            "command": list(self.loop.command),
            "frames": summary["frames"],
            "accuracy": share_json(self.loop.accuracy),
            "rate_fps": summary["rate_fps"],
            "stages_ms": summary["stages_ms"],
        }

    def _files(self) -> dict[str, str]:
        names = ("pictures", "keras", "tflite", "clip", "contact_sheet")
        return {name: str(getattr(self.files, name)) for name in names}
