"""What the demo did and found, as the document ``edgevision.demo/1``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgevision import runs
from edgevision.errors import GateNotMet

from ..report import ConvertReport, share_json
from ..train.history import Epoch
from .loop import LoopResult
from .plan import CLASSES, GOAL, DemoOptions
from .training import NAME

SCHEMA = "edgevision.demo/1"


@dataclass(frozen=True, slots=True)
class DemoFiles:
    """What lies in the run folder."""

    folder: Path

    @property
    def pictures(self) -> Path:
        """train/, val/ and test/, a folder per class in each."""
        return self.folder / "pictures"

    @property
    def keras(self) -> Path:
        """The float model."""
        return self.folder / "model.keras"

    @property
    def tflite(self) -> Path:
        """The int8 model."""
        return self.folder / "model.tflite"

    @property
    def clip(self) -> Path:
        """The video."""
        return self.folder / "clip.avi"

    @property
    def contact_sheet(self) -> Path:
        """Held-out pictures with their answers."""
        return self.folder / "contact.png"

    @property
    def report(self) -> Path:
        """This document."""
        return self.folder / "report.json"

    def names(self) -> list[str]:
        """The files to look at, relative to the folder."""
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
    """Of each stage, and ``total``."""
    cpu_seconds: float
    """Of this process and the loop's, user and system together."""

    @property
    def int8_accuracy(self) -> float:
        """On the held-out pictures, 0..1."""
        found = self.conversion.comparison.int8_accuracy
        return found.value if found is not None else 0.0

    @property
    def ok(self) -> bool:
        """Whether the goal was reached."""
        return self.int8_accuracy >= GOAL

    def require_goal(self) -> None:
        """Raises GateNotMet, which is exit code 3, if the goal was missed."""
        if not self.ok:
            raise GateNotMet(
                f"the int8 model is right on {100 * self.int8_accuracy:.1f} % of the held-out pictures; "
                f"the demo wants {100 * GOAL:.0f} %; try another --seed, and see {self.files.contact_sheet}"
            )

    def to_json(self) -> dict[str, Any]:
        """The whole document; accuracies are of the held-out pictures, or of the video's frames."""
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
            "int8": {**converted["int8"], "bytes": self.conversion.int8_bytes},
            "agreement": converted["agreement"],
            "drop_points": converted["drop_points"],
            "loop": self._loop(),
            "gate": {"int8_accuracy": GOAL, "met": self.ok},
            "files": self._files(),
            "seconds": self.seconds,
            "cpu_s": self.cpu_seconds,
            "versions": runs.versions(),
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
