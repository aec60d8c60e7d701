"""The CPU engine, which uses the installed TFLite runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..log import Log
from ..model_file.edgetpu_part import NOT_ON_CPU, is_compiled
from .cpu_interpreter import start
from .protocol import EngineUnavailable

if TYPE_CHECKING:
    from ..model_file.model_file import ModelFile
    from .protocol import Engine

log = Log("edgevision.engines")


def open_cpu(file: ModelFile, _device: str = "", threads: int | None = None) -> Engine:
    """Open a model file on the CPU. Raises EngineError, MissingDependency, BadModel.

    A file with a model card, which has a digest of the content, opens directly; others are probed in a child process.
    """
    if is_compiled(file.flatbuffer):
        raise EngineUnavailable(f"{file.path} {NOT_ON_CPU}", notable=True)
    if file.card is None:
        from .probe import probe

        log.info("%s has no model card: trying it in a child process first", file.path)
        probe(file.path)
    return start(file, threads)
