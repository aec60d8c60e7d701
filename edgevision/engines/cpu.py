"""The CPU: whatever TFLite runtime is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..interpreter import Interpreter, open_interpreter
from .choice import Unsuited
from .compiled import NOT_ON_CPU, is_compiled

if TYPE_CHECKING:
    from ..modelfile import ModelFile


def open_cpu(file: ModelFile, _device: str = "", threads: int | None = None) -> Interpreter:
    """Opens a model file on the CPU. Raises EngineError, MissingDependency, BadModel.

    A file whose card vouches for its content opens directly; any other is tried in a child process first.
    """
    if is_compiled(file.flatbuffer):
        raise Unsuited(f"{file.path} {NOT_ON_CPU}", notable=True)
    if file.card is None:
        from ..probe import probe

        probe(file.path)
    return open_interpreter(file.flatbuffer, threads)
