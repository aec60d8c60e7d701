"""Notes on a conversion: what the user should know although it succeeded."""

from __future__ import annotations

from .calibrate import CalibrationSet
from .heldout import USED
from .int8 import Int8Model
from .options import ConvertOptions

NAMED = 5
"""Maximum number of skipped images to list; the report lists all."""


def notes(calibration: CalibrationSet, made: Int8Model, options: ConvertOptions) -> tuple[str, ...]:
    """Return the notes, one line each."""
    found = []
    if calibration.rendered and options.warn_rendered:
        found.append(
            "calibrated with synthetic images, which lowers accuracy on photos; give --calibration FOLDER with about "
            "100 photos like those the camera will see"
        )
    found += _skipped(calibration, made)
    if made.comparison.pictures == 0:
        found.append("no images left to compare float and int8; give more images or --report-on")
    elif not made.heldout.independent:
        found.append(
            f"the comparison is not independent: only the {made.comparison.pictures} images of the selection set were "
            "left; give more images or --report-on"
        )
    if options.with_embedding:
        found.append(
            "the features are a second output; MediaPipe and ML Kit accept only one output and will reject this file"
        )
    if made.repair is not None and made.repair.note is not None:
        found.append(f"not repaired: {made.repair.note}")
    return tuple(found)


def _skipped(calibration: CalibrationSet, made: Int8Model) -> list[str]:
    every = (*calibration.skipped, *made.heldout.skipped, *made.comparison.skipped)
    skipped = [one for one in every if one.reason != USED]
    found = []
    if len(every) > len(skipped):
        found.append(f"excluded {len(every) - len(skipped)} images that were used to make the model or are duplicates")
    found += [f"skipped {one.path}: {one.reason}" for one in skipped[:NAMED]]
    if len(skipped) > NAMED:
        found.append(f"skipped {len(skipped) - NAMED} more; the report lists them")
    return found
