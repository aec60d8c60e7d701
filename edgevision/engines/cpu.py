"""The CPU engine, which uses the installed TFLite runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import EngineError
from ..log import Log
from ..model_file.edgetpu_part import NOT_ON_CPU, is_compiled
from .known_good import is_known_good, remember
from .protocol import EngineUnavailable
from .uint8_input import start

if TYPE_CHECKING:
    from ..model_file.model_file import ModelFile
    from .protocol import Engine

log = Log("edgevision.engines")


def open_cpu(file: ModelFile, _device: str = "", threads: int | None = None) -> Engine:
    """Open a model file on the CPU. Raises EngineError, MissingDependency, BadModel.

    A file that this machine has not seen is tried in a child process first.
    """
    if is_compiled(file.flatbuffer):
        raise EngineUnavailable(f"{file.path} {NOT_ON_CPU}", notable=True)
    if not is_known_good(file):
        from .probe import probe

        log.info("%s is new on this machine: trying it in a child process first", file.path)
        try:
            probe(file.path)
            remember(file)
        except OSError as error:  # where programs cannot be started, a file whose graph was checked opens without
            if file.card is None:
                raise EngineError(f"cannot start a child process to try {file.path}: {error}") from None
            log.info("cannot start a child process to try %s: %s", file.path, error)
    return start(file, threads)
