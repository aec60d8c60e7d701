"""What a user should know about a conversion, though none of it stopped it."""

from __future__ import annotations

from .calibrate import CalibrationSet
from .heldout import USED
from .int8 import Int8Model
from .options import ConvertOptions

NAMED = 5
"""Skipped pictures that are named; the report names all."""


def notes(calibration: CalibrationSet, made: Int8Model, options: ConvertOptions) -> tuple[str, ...]:
    """One line each."""
    found = []
    if calibration.rendered and options.warn_rendered:
        found.append(
            "calibrated with drawn pictures, which costs accuracy on photos; give --calibration FOLDER with about "
            "100 photos like those the camera will see"
        )
    found += _skipped(calibration, made)
    if made.comparison.pictures == 0:
        found.append("no pictures were left to compare float and int8 on; give more pictures, or --report-on")
    elif not made.heldout.independent:
        found.append(
            f"no independent report: no pictures are left but the {made.comparison.pictures} that chose between ways "
            "to quantize; give more pictures, or --report-on"
        )
    if options.with_embedding:
        found.append(
            "with the features as a second output; MediaPipe and ML Kit take one output only and will refuse this file"
        )
    if made.repair is not None and made.repair.note is not None:
        found.append(f"not repaired: {made.repair.note}")
    return tuple(found)


def _skipped(calibration: CalibrationSet, made: Int8Model) -> list[str]:
    every = (*calibration.skipped, *made.heldout.skipped, *made.comparison.skipped)
    skipped = [one for one in every if one.reason != USED]
    found = []
    if len(every) > len(skipped):
        found.append(f"not scored on {len(every) - len(skipped)} pictures that make the model, or are copies")
    found += [f"skipped {one.path}: {one.reason}" for one in skipped[:NAMED]]
    if len(skipped) > NAMED:
        found.append(f"skipped {len(skipped) - NAMED} more; the report names them")
    return found
