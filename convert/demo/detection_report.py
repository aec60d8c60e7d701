"""Report of the detection demo, the JSON document ``edgevision.demo_detection/1``, and its summary for the terminal."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgevision.errors import GateNotMet
from edgevision.evaluation.detection.evaluate import DetectorEvaluation
from edgevision.files import run_folder

from ..report.detector_record import DetectorConvertReport
from ..training.detector.result import DetectorResult
from .count_loop import CountResult
from .detection_options import CLASSES, GOAL, DetectionDemoOptions
from .report import DemoFiles

if TYPE_CHECKING:
    from rich.table import Table

    from edgevision.evaluation.detection.measures import DetectorMeasures

SCHEMA = "edgevision.demo_detection/1"


@dataclass(frozen=True, slots=True, eq=False)
class DetectionDemoReport:
    """A finished detection demo."""

    options: DetectionDemoOptions
    files: DemoFiles
    training: DetectorResult
    conversion: DetectorConvertReport
    loop: CountResult
    seconds: dict[str, float]
    """Duration of each stage in seconds, and ``total``."""
    cpu_seconds: float
    """CPU time of this process and the loop's, user and system together, in seconds."""

    @property
    def float_measures(self) -> DetectorMeasures | None:
        """Measures of the float detector on the held-out images."""
        done = self.conversion.comparison.evaluation
        return done.measures if isinstance(done, DetectorEvaluation) else None

    @property
    def int8_measures(self) -> DetectorMeasures | None:
        """Measures of the int8 detector on the held-out images."""
        done = self.conversion.comparison.evaluation
        return done.other_measures if isinstance(done, DetectorEvaluation) else None

    @property
    def map50(self) -> float:
        """mAP50 of the int8 detector on the held-out images, 0..1."""
        measures = self.int8_measures
        return (measures.map50.value or 0.0) if measures else 0.0

    @property
    def ok(self) -> bool:
        """True if the goal was met and the count is exact."""
        return self.map50 >= GOAL and self.loop.exact

    def require_goal(self) -> None:
        """Raise GateNotMet (exit code 3) if the goal was missed or the count is wrong."""
        if self.map50 < GOAL:
            raise GateNotMet(
                f"the int8 detector has a mAP50 of {100 * self.map50:.1f} % on the held-out images, below the demo's goal of "
                f"{100 * GOAL:.0f} %; check {self.files.contact_sheet} or try another --seed"
            )
        if not self.loop.exact:
            raise GateNotMet(
                f"the loop counted {self.loop.describe()}; check {self.files.contact_sheet} or try another --seed"
            )

    def to_json(self) -> dict[str, Any]:
        """Return the document; average precisions refer to the held-out images."""
        plan, converted = self.options.plan, self.conversion.to_json()
        names = ("pictures", "keras", "tflite", "clip", "contact_sheet")
        return {
            "schema": SCHEMA,
            "folder": str(self.files.folder),
            "seed": self.options.seed,
            "classes": list(CLASSES),
            "pictures": {"train": plan.train, "val": plan.val, "test": self.conversion.comparison.pictures},
            "model": {"name": self.training.plan.choice.describe(), "parameters": self.conversion.parameters},
            "training": {"epochs": len(self.training.history)},
            "float": converted["float"],
            "int8": {**converted["int8"], "bytes": self.conversion.file_bytes},
            "agreement": converted["agreement"],
            "drop_points": converted["drop_points"],
            "loop": self.loop.to_json(),
            "gate": {"map50": GOAL, "count": "exact", "met": self.ok},
            "files": {name: str(getattr(self.files, name)) for name in names},
            "seconds": self.seconds,
            "cpu_s": self.cpu_seconds,
            "versions": run_folder.versions(),
        }


def table(report: DetectionDemoReport) -> Table:
    """Return the table of the average precisions and sizes."""
    from rich import box
    from rich.table import Table

    conversion = report.conversion
    found = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in (f"{conversion.comparison.pictures} held-out images", "float", "int8"):
        found.add_column(name, no_wrap=True)
    both = (report.float_measures, report.int8_measures)
    found.add_row("mAP50", *(_percent(one.map50.value if one else None) for one in both))
    found.add_row("mAP50:95", *(_percent(one.map50_95.value if one else None) for one in both))
    found.add_row(
        "file size (.tflite)", *(f"{size / 1e6:.2f} MB" for size in (conversion.float_bytes, conversion.file_bytes))
    )
    return found


def lines(report: DetectionDemoReport) -> list[str]:
    """Return the lines with the results, the paths and the next command."""
    files, loop = report.files, report.loop
    rate = loop.summary["rate_fps"]
    agreement = report.conversion.comparison.agreement
    alike = _percent(agreement.value if agreement else None)
    return [
        f"agreement    {alike} of the boxes of float and int8 match",
        f"counted      {loop.describe()}" + ("" if rate is None else f", {rate:.0f} frames/s"),
        f"results      {files.contact_sheet} and {files.clip}",
        f"models       {files.keras} -> {files.tflite}",
        f"images       {files.pictures}",
        f"report       {files.report}",
        "",
        f"Finds, follows and counts {', '.join(CLASSES)}: drawn, trained, quantized and run in "
        f"{report.seconds['total']:.0f} s, {files.folder}",
        f"Next: {shlex.join(loop.command)}",
    ]


def _percent(value: float | None) -> str:
    return "not measured" if value is None else f"{100 * value:.1f} %"
