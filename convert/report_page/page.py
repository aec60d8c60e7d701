"""NAME.report.html: the whole story of a conversion on one page, with all pictures inside; readable on a phone."""

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
    """The HTML text. What was not measured is said so, or left out."""
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
    """NAME.report.html beside NAME.tflite."""
    return output.with_name(f"{output.stem}.report.html")


def write_page(report: ConvertReport) -> ConvertReport:
    """Puts the page in place at once; the report again, without its page where that failed: the model is worth more."""
    if report.page_path is None:
        return report
    try:
        files.write_text(report.page_path, page(report))
    except Exception as error:  # whatever it is, model and figures are written and good
        note = f"the page {report.page_path} could not be written: {error}"
        return replace(report, page_path=None, notes=(*report.notes, note))
    return report
