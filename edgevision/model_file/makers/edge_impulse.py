"""Edge Impulse: int8 inputs of 0..1 that are named x; the shorter side is fitted by default."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...preprocessing.natural import natural_normalization
from .conventions import UNIT, Conventions, Maker

if TYPE_CHECKING:
    from ...tflite.graph import Graph
    from ..model_file import ModelFile

INPUT = re.compile(r"x(_input)?(_int8)?|serving_default_x(_input)?(:0)?")


class EdgeImpulse(Maker):
    """Files from the deployment or the dashboard of an image project."""

    title = "Edge Impulse"

    def evidence(self, file: ModelFile, graph: Graph) -> str | None:
        """Return the name of a quantized input; a floating-point one named x may come from anywhere."""
        spec = file.inputs[0]
        fits = spec.dtype == "int8" and len(spec.shape) == 4 and natural_normalization(spec) == UNIT
        return f"its int8 input is named {spec.name} and holds 0..1" if fits and INPUT.fullmatch(spec.name) else None

    def conventions(self, file: ModelFile, graph: Graph) -> Conventions:
        """Return 0..1 of the central part: the resize mode "fit shortest axis", which a new project has."""
        return Conventions("crop", *UNIT)


MAKER = EdgeImpulse()
