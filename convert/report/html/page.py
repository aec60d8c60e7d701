"""NAME.report.html: a conversion on one self-contained page, with all images embedded; readable on a phone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from edgevision.files import atomic
from edgevision.reporting import html

from ..record import ConvertReport
from ..shared_record import ConversionRecord
from .disagreements import disagreements
from .headline import headline, worth_knowing
from .layers import layers
from .other_tools import other_tools
from .preprocessing_text import preprocessing
from .provenance import operators, pictures_used, record, selftest_text
from .ranges import ranges
from .scores import scores


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
        record(report, str(report.heldout.path), selftest_text(report)),
    ]
    return html.page(f"{report.card.name} - edgevision convert", parts)


def page_path(output: Path) -> Path:
    """Return the path of the report: NAME.report.html beside NAME.tflite."""
    return output.with_name(f"{output.stem}.report.html")


Report = TypeVar("Report", bound=ConversionRecord)


def write_page(report: Report, page: Callable[[Report], str]) -> Report:
    """Write the page, of the text that ``page`` makes, atomically and return the report.

    If writing fails, the report comes back without a page path and with a note: the model itself is valid.
    """
    if report.page_path is None:
        return report
    try:
        atomic.write_text(report.page_path, page(report))
    except Exception as error:  # whatever the error, the model and the JSON report are already written
        note = f"cannot write the report page {report.page_path}: {error}"
        return replace(report, page_path=None, notes=(*report.notes, note))
    return report
