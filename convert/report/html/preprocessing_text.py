"""Report section that explains the preprocessing in plain English."""

from __future__ import annotations

from edgevision.preprocessing.spec import Preprocessing
from edgevision.reporting import html
from edgevision.reporting.html import Html

from ..preprocessing_line import preprocessing_line
from ..shared_record import ConversionRecord


def preprocessing(report: ConversionRecord) -> Html:
    """Return the section: the explanation, then the parameters as stored in the file."""
    preprocessing = report.card.preprocessing
    line = preprocessing_line(preprocessing, report.normalization)
    rows = [["preprocessing", line], ["determined from", report.preprocessing_from]]
    said = html.tag("p", html.text(in_words(preprocessing)))
    note = "Training, calibration, evaluation and the device run the same code; the parameters are stored in the file."
    return html.section("Preprocessing", said, html.table(["", ""], rows, plain=True), note=note)


def in_words(preprocessing: Preprocessing) -> str:
    """Describe which part of the image is used, how it is resized, and what the input values mean."""
    resized = "Large images are first halved as often as possible, then resized bilinearly."
    return f"{_part(preprocessing)} {resized} {_values(preprocessing)}"


def _part(preprocessing: Preprocessing) -> str:
    size = f"{preprocessing.width}x{preprocessing.height} pixels"
    if preprocessing.resize == "stretch":
        return f"The whole image is stretched to {size}, whatever its aspect ratio."
    if preprocessing.resize == "letterbox":
        where = "in the center" if preprocessing.align == "center" else "in the upper left corner"
        border = f"with a border of value {preprocessing.fill}"
        return f"The whole image is scaled to fit {size}, keeping its aspect ratio, {where}, {border}."
    part = (
        "square"
        if preprocessing.width == preprocessing.height
        else f"{preprocessing.width}:{preprocessing.height} rectangle"
    )
    inner = (
        ""
        if preprocessing.crop_fraction == 1
        else f"the inner {100 * preprocessing.crop_fraction:g} % of each side of "
    )
    return f"Only {inner}the largest {part} in the center of the image is used, resized to {size}."


def _values(preprocessing: Preprocessing) -> str:
    order = {"RGB": "Red, green and blue", "BGR": "Blue, green and red", "GRAY": "The gray value"}[preprocessing.order]
    enter = "enters" if preprocessing.order == "GRAY" else "enter"
    mean, std = (", ".join(f"{value:g}" for value in values) for values in (preprocessing.mean, preprocessing.std))
    if set(preprocessing.mean) == {0.0} and set(preprocessing.std) == {1.0}:
        return f"{order} {enter} the model as raw bytes, 0 to 255."
    return (
        f"{order} {enter} the model as raw bytes, 0 to 255; they represent (byte - {mean}) / {std}, "
        "which the quantization parameters of its input encode."
    )
