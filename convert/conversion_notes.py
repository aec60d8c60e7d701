"""What the user must know about a finished conversion, one line each."""

from __future__ import annotations

from collections.abc import Sequence

from edgevision.datasets.dataset import Skipped as SkippedItem

from .build_classifier import ConvertedModel
from .build_detector import ConvertedDetector
from .images.calibration import CalibrationSet, Skipped
from .images.heldout import USED_FOR_MODEL
from .modes import MODES
from .options import ConvertOptions

WARNING = "warning: "
"""Prefix of notes on results that make the model useless; the command line shows them with --quiet, too."""
MIN_AGREEMENT = 0.8
"""Share of equal answers of float and int8 below which the user is warned."""
MAX_LISTED_SKIPS = 5
"""Maximum number of skipped images to list; the report lists all."""


def notes(calibration: CalibrationSet, made: ConvertedModel, options: ConvertOptions) -> tuple[str, ...]:
    """Return the notes, one line each, the warnings first."""
    found = [*_warnings(made, options), *_mode(options), *_rendered(calibration, options)]
    found += _skipped(calibration, (*calibration.skipped, *made.heldout.skipped, *made.comparison.skipped))
    if made.comparison.pictures == 0:
        found.append("no images left to compare float and int8; give more images or --eval-data")
    elif made.heldout.only_trained_on:
        found.append(
            f"the model was trained on all {made.comparison.pictures} images of the comparison, so its accuracy on new "
            "images is not known; give labeled images that it has not seen with --eval-data"
        )
    elif not made.heldout.independent:
        found.append(
            f"the comparison is not independent: only the {made.comparison.pictures} images of the selection set were "
            "left; give more images or --eval-data"
        )
    if options.with_embedding:
        found.append(
            "the features are a second output; MediaPipe and ML Kit accept only one output and will reject this file"
        )
    if made.repair is not None and made.repair.note is not None:
        found.append(f"not repaired: {made.repair.note}")
    return tuple(found)


def detector_notes(calibration: CalibrationSet, made: ConvertedDetector, options: ConvertOptions) -> tuple[str, ...]:
    """Return the notes on a detector, one line each, the warnings first."""
    result, done = made.comparison, made.comparison.evaluation
    found: list[str] = []
    agreement = result.agreement
    if agreement is not None and agreement.value is not None and agreement.value < MIN_AGREEMENT:
        found.append(
            f"{WARNING}only {100 * agreement.value:.1f} % of the {made.unit} of float and {options.mode} have a partner, so "
            f"the model differs from the trained one; {_advice(options)}"
        )
    found += [*_mode(options), *_rendered(calibration, options)]
    found += _skipped(
        calibration, (*calibration.skipped, *made.heldout.skipped, *(done.skipped if done is not None else ()))
    )
    known = done.trained_on if done is not None else None
    if done is None:
        found.append("no images left to compare float and int8; give more images or --eval-data")
    elif known is not None and not known.counted_apart:
        found.append(
            f"the model was trained on all {result.pictures} images of the comparison, so its precision on new images is "
            "not known; give images with boxes that it has not seen with --eval-data"
        )
    elif not made.heldout.independent:
        found.append(
            f"the comparison is not independent: only the {result.pictures} images of the selection set were left; give "
            "more images or --eval-data"
        )
    if made.repair is not None and made.repair.note is not None:
        found.append(f"not repaired: {made.repair.note}")
    if made.selftest is None and made.unit == "boxes":
        found.append(
            "no self-test: the detector found nothing in any generated image, so a device cannot check its results"
        )
    return tuple(found)


def _advice(options: ConvertOptions) -> str:
    if not MODES[options.mode].int8:
        return "use --mode float16"
    effort = "normal" if options.effort in ("none", "low") else "high"
    return f"use --effort {effort}, or more calibration images"


def _mode(options: ConvertOptions) -> list[str]:
    note = MODES[options.mode].note
    return [] if note is None else [f"--mode {options.mode}: {note}"]


def _rendered(calibration: CalibrationSet, options: ConvertOptions) -> list[str]:
    if not calibration.rendered or not options.warn_rendered or not MODES[options.mode].calibrated:
        return []
    return [
        "calibrated with synthetic images, which lowers accuracy on photos; give --calibration FOLDER with about "
        "100 photos like those the camera will see"
    ]


def _warnings(made: ConvertedModel, options: ConvertOptions) -> list[str]:
    """Return what makes the model useless as it is."""
    found = []
    agreement = made.comparison.agreement
    if agreement is not None and agreement.value < MIN_AGREEMENT:
        found.append(
            f"{WARNING}{options.mode} gives the float model's answer on only {100 * agreement.value:.1f} % of "
            f"{agreement.total} images, so the model is hardly usable; {_advice(options)}"
        )
    if made.comparison.chance is not None:
        found.append(f"{WARNING}{made.comparison.chance.message()}")
    return found


def _skipped(calibration: CalibrationSet, every: Sequence[Skipped | SkippedItem]) -> list[str]:
    skipped = [one for one in every if one.reason != USED_FOR_MODEL]
    found = list(calibration.notes)
    if len(every) > len(skipped):
        found.append(f"excluded {len(every) - len(skipped)} images that were used to make the model or are duplicates")
    found += [f"skipped {one.path}: {one.reason}" for one in skipped[:MAX_LISTED_SKIPS]]
    if len(skipped) > MAX_LISTED_SKIPS:
        found.append(f"skipped {len(skipped) - MAX_LISTED_SKIPS} more; the report lists them")
    return found
