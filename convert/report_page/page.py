"""NAME.report.html: a conversion on one self-contained page, with all images embedded; readable on a phone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgevision import files, html

from ..report import ConvertReport
from .disagreements import disagreements
from .layers import layers
from .other_tools import other_tools
from .ranges import ranges
from .record import operators, pictures_used, record
from .rule_in_words import preprocessing
from .scores import scores
from .verdict import headline, worth_knowing


def page(report: ConvertReport) -> str:
    """Return the HTML text. Values that were not measured are marked as such or left out."""
    parts = [
        headline(report),
        worth_knowing(report),
        scores(report),
        disagreements(report),
        layers(report),
        other_tools(report),
        preprocessing(report),
        pictures_used(report),
        ranges(report),
        operators(report),
        record(report),
    ]
    return html.page(f"{report.card.name} - edgevision convert", parts)


def page_path(output: Path) -> Path:
    """Return the path of the report: NAME.report.html beside NAME.tflite."""
    return output.with_name(f"{output.stem}.report.html")


def write_page(report: ConvertReport) -> ConvertReport:
    """Write the page atomically and return the report.

    If writing fails, the report comes back without a page path and with a note: the model itself is valid.
    """
    if report.page_path is None:
        return report
    try:
        files.write_text(report.page_path, page(report))
    except Exception as error:  # whatever the error, the model and the JSON report are already written
        note = f"cannot write the report page {report.page_path}: {error}"
        return replace(report, page_path=None, notes=(*report.notes, note))
    return report
