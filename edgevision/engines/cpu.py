"""The CPU: whatever TFLite runtime is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..interpreter import open_interpreter
from .choice import Unsuited
from .compiled import NOT_ON_CPU, is_compiled
from .sign_change import SignChange, without_sign_change

if TYPE_CHECKING:
    from ..modelfile import ModelFile
    from ..protocols import Engine


def open_cpu(file: ModelFile, _device: str = "", threads: int | None = None) -> Engine:
    """Opens a model file on the CPU. Raises EngineError, MissingDependency, BadModel.

    A file whose card vouches for its content opens directly; any other is tried in a child process first.
    """
    if is_compiled(file.flatbuffer):
        raise Unsuited(f"{file.path} {NOT_ON_CPU}", notable=True)
    if file.card is None:
        from ..probe import probe

        probe(file.path)
    return start(file, threads)


def start(file: ModelFile, threads: int | None = None) -> Engine:
    """The model as the CPU runs it, without a trial. Raises EngineError, MissingDependency, BadModel."""
    signed = without_sign_change(file.flatbuffer)
    if signed is None:
        return open_interpreter(file.flatbuffer, threads)
    return SignChange(open_interpreter(signed, threads), file.inputs[0])
