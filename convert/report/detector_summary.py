"""Summary of a detector's conversion for the terminal: the rows that differ from those of a classifier."""

from __future__ import annotations

from edgevision.evaluation.detection.bootstrap import Interval
from edgevision.evaluation.detection.formatting import share, with_interval

from ..comparison.float_vs_converted_detector import Loss
from .detector_record import DetectorConvertReport, is_independent, only_trained_on


def detector_rows(report: DetectorConvertReport) -> list[tuple[str, str]]:
    """Return the rows on agreement, precision, images of the training and self-test."""
    done = report.comparison.evaluation
    if done is None or done.other_measures is None:
        return [
            (f"same {unit(report)}", "not measured: no images left besides the calibration set"),
            _selftest_row(report),
        ]
    known = done.trained_on
    rows = [(f"same {unit(report)}", f"{same_finds(report)}, on {measured_on(report)}")]
    rows += [(one.name, _precision(report, one)) for one in report.comparison.losses]
    if counted := done.other_measures.counting():
        rows.append(("counting", f"{report.mode} {counted}; float {done.measures.counting()}"))
    if known is not None and known.counted_apart:
        rows.append(("trained on", f"float {known.measure} {share(known.value)}, on {known.describe()}; counted apart"))
    return [*rows, _selftest_row(report)]


def selftest_text(report: DetectorConvertReport) -> str:
    """Describe the self-test in the file."""
    made = report.selftest
    if report.card.task == "points":
        return "none: only detectors of boxes and classifiers have one"
    if made is None:
        return "none: the detector found nothing in any generated image"
    images, objects = len(made.test.cases), made.objects
    return (
        f"{images} synthetic image{'s' * (images != 1)} with {objects} object{'s' * (objects != 1)}; between machines, "
        f"scores may differ by {made.test.tolerance:g}, and boxes must overlap by {made.test.min_iou:g}"
    )


def _selftest_row(report: DetectorConvertReport) -> tuple[str, str]:
    return "self-test", selftest_text(report)


def unit(report: DetectorConvertReport) -> str:
    """Return what the detector finds: boxes or points."""
    return "points" if report.card.task == "points" else "boxes"


def same_finds(report: DetectorConvertReport) -> str:
    """Format the share of the boxes or points of the float and the converted model that have a partner."""
    found = report.comparison.agreement
    if report.mode == "float":
        return "not needed: the file is the float model, checked"
    return partners(report) if found is None else f"{with_interval(found)}: {partners(report)}"


def partners(report: DetectorConvertReport) -> str:
    """Format the number of boxes or points of the float and the converted model that have a partner."""
    done = report.comparison.evaluation
    if report.comparison.agreement is None or done is None or done.comparison is None:
        return f"neither float nor {report.mode} found anything"
    boxes = done.comparison.boxes
    counts = f"{int(boxes.matched.sum())} of {int(boxes.total.sum())}"
    return f"{counts} {unit(report)} of float and {report.mode} have a partner"


def lost(drop: Interval | None) -> str:
    """Format a loss of precision, such as ``0.3 points lost (95 %: -0.5 to 1.1)``."""
    if drop is None or drop.value is None or drop.low is None or drop.high is None:
        return "not known"
    return f"{points(drop.value)} (95 %: {100 * drop.low:.1f} to {100 * drop.high:.1f})"


def points(drop: float) -> str:
    """Format a loss, -1..1, such as ``0.3 points lost`` or ``0.7 points gained``."""
    return f"{100 * abs(drop):.1f} points {'gained' if drop <= -0.0005 else 'lost'}"


def measured_on(report: DetectorConvertReport) -> str:
    """Return what images the figures are of."""
    count = report.comparison.pictures
    images = f"image{'s' * (count != 1)}"
    if only_trained_on(report.comparison):
        return f"{count} {images} that the model was trained on (not independent)"
    if not is_independent(report.heldout, report.comparison):
        return f"{count} {images} of the selection set (not independent)"
    done = report.comparison.evaluation
    if done is not None and done.subject.training_images:
        return f"{count} held-out {images}, none of them used in training"
    return f"{count} {images} that had no part in the conversion; whether the model was trained on them is not known"


def _precision(report: DetectorConvertReport, one: Loss) -> str:
    if one.drop is None:
        return "unknown: the images have no boxes of the model's classes; give labeled images with --eval-data"
    if only_trained_on(report.comparison):
        return f"unknown: the model was trained on all of these images; {lost(one.drop)}; give others with --eval-data"
    if report.mode == "float":
        return f"{with_interval(one.float_)}, on {measured_on(report)}"
    return f"float {with_interval(one.float_)}, {report.mode} {with_interval(one.converted)}; {lost(one.drop)}"
