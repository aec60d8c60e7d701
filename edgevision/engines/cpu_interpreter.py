"""Starts a CPU interpreter for a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..log import Log
from .interpreter import open_interpreter
from .uint8_input import SignChange, without_sign_change

if TYPE_CHECKING:
    from ..model_file.model_file import ModelFile
    from .protocol import Engine


log = Log("edgevision.engines")


def start(file: ModelFile, threads: int | None = None) -> Engine:
    """Open a model on the CPU without a probe. Raises EngineError, MissingDependency, BadModel."""
    signed = without_sign_change(file.flatbuffer)
    if signed is None:
        return open_interpreter(file.flatbuffer, threads)
    log.debug("the conversion of the input from uint8 to int8 is done in place, not by the model's first operator")
    return SignChange(open_interpreter(signed, threads), file.inputs[0])
