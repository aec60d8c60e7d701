"""A model of which only the speed of inference can be measured, since nothing says how an image becomes its input."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.engines.protocol import EngineChoice
from edgevision.engines.registry import open_engine
from edgevision.errors import BadModel
from edgevision.model_file import model_file

if TYPE_CHECKING:
    from edgevision.types import Frame, Tensor

FILLED = 100
"""Value of the input, in the middle of the range of bytes; inputs of other numbers are filled with 0."""


class BareModel:
    """An open model without a model card, with the members of ``edgevision.Model`` that a benchmark uses."""

    def __init__(self, path: Path, engine: str, threads: int) -> None:
        """Open the model. Raises MissingFile, BadModel, EngineError."""
        file = model_file.read(path)
        self.path, self.sha256, self.name = path, file.sha256, path.stem
        if any(spec.dtype == "string" for spec in file.inputs):
            raise BadModel(f"{path}: its input is text, which bench does not make; give a model of images or numbers")
        runner, choice = open_engine(engine, file, threads)
        self.engine = runner
        self.choice: EngineChoice | None = choice
        self._tensor = example_input(runner)

    def prepare(self, _: Frame) -> Tensor:
        """Return the input, which is the same for every image."""
        return self._tensor

    def predict(self, _: object) -> BareResult:
        """Set the input, run the model and copy its outputs."""
        start = perf_counter()
        self.engine.infer(self._tensor)
        return BareResult((perf_counter() - start) * 1e3)

    def close(self) -> None:
        """Close the model."""
        self.engine.close()


class BareResult:
    """The time of one inference."""

    def __init__(self, infer_ms: float) -> None:
        self.stages_ms = {"infer": infer_ms}


def example_input(engine: Any) -> Tensor:
    """Return a tensor of the shape and type of a model's first input."""
    spec = engine.inputs[0]
    shape = [max(1, size) for size in spec.shape]
    return np.full(shape, FILLED if spec.dtype == "uint8" else 0, spec.dtype)
