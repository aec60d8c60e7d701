"""Conversion of the demos' models, compared on the drawn held-out images."""

from __future__ import annotations

from pathlib import Path

from ..pipeline import ConvertOptions, convert
from ..report.detector_record import DetectorConvertReport
from ..report.record import ConvertReport
from .report import DemoFiles
from .teller import Teller


def convert_drawn(model: Path, place: DemoFiles, seed: int, teller: Teller) -> ConvertReport | DetectorConvertReport:
    """Convert a model that was trained on the drawn images; the record of a detector if it is one."""
    with teller.stage("convert", "Converting") as progress:
        report = convert(
            ConvertOptions(
                model=model,
                calibration=place.pictures / "train",
                name="demo",
                output=place.tflite,
                eval_data=place.pictures / "test",
                seed=seed,
                warn_rendered=False,
            ),
            progress,
        )
    sizes = f"{report.float_bytes / 1e6:.2f} MB to {report.file_bytes / 1e6:.2f} MB"
    teller.tell("convert", f"Quantized to int8, {sizes}, compared on {report.comparison.pictures} held-out images")
    return report
