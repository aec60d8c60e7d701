"""The CPU engine, which uses the installed TFLite runtime."""

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
    """Open a model file on the CPU. Raises EngineError, MissingDependency, BadModel.

    A file with a model card, which has a digest of the content, opens directly; others are probed in a child process.
    """
    if is_compiled(file.flatbuffer):
        raise Unsuited(f"{file.path} {NOT_ON_CPU}", notable=True)
    if file.card is None:
        from ..probe import probe

        probe(file.path)
    return start(file, threads)


def start(file: ModelFile, threads: int | None = None) -> Engine:
    """Open a model on the CPU without a probe. Raises EngineError, MissingDependency, BadModel."""
    signed = without_sign_change(file.flatbuffer)
    if signed is None:
        return open_interpreter(file.flatbuffer, threads)
    return SignChange(open_interpreter(signed, threads), file.inputs[0])
