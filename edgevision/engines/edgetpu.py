"""The Edge TPU engine, through libedgetpu's delegate; a child process tries it before this process does."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import EngineError
from ..log import Log
from ..model_file.edgetpu_part import ENTRY, compiled_part
from .edgetpu_devices import library, options
from .interpreter import DelegateRefused, Interpreter, open_interpreter
from .protocol import EngineUnavailable

if TYPE_CHECKING:
    from ..model_file.model_file import ModelFile

log = Log("edgevision.engines")
RETRY_AFTER_S = (1.0, 2.0)
"""Pauses before further attempts (s): a USB accelerator reconnects to the bus after the child has released it."""


def open_edgetpu(file: ModelFile, device: str = "", threads: int | None = None) -> Interpreter:
    """Open the compiled part of a model file on an Edge TPU. Raises EngineError, MissingDependency, BadModel.

    ``device``: ``N``, ``usb``, ``usb:N``, ``pci``, ``pci:N``; empty for any. ``threads``: for operators on the CPU.
    """
    compiled = compiled_part(file)
    if compiled is None:
        from .edgetpu_devices import plugged_in

        raise EngineUnavailable(
            f"{file.path} contains no model compiled for the Edge TPU ({ENTRY})",
            notable=any(tpu.usable for tpu in plugged_in()),
        )
    from .edgetpu_probe import trial

    log.info("Edge TPU: trying %s in a child process first", file.path)
    started = time.perf_counter()
    trial(file.path, device)
    log.debug("Edge TPU: the trial took %.1f s", time.perf_counter() - started)
    return open_delegated(compiled, device, threads)


def open_delegated(
    compiled: bytes, device: str, threads: int | None, pauses: Sequence[float] | None = None
) -> Interpreter:
    """Open a compiled flatbuffer in this process, which a broken driver may crash. Raises EngineError.

    ``pauses``: pause before each further attempt if the device is refused (s).
    """
    left = list(RETRY_AFTER_S if pauses is None else pauses)
    while True:
        try:
            log.debug("Edge TPU: loading %s with %s", library(), options(device) or "no options")
            return open_interpreter(compiled, threads, (library(), options(device)))
        except DelegateRefused as error:
            if not left:
                raise EngineError(f"the Edge TPU cannot be opened: {error}") from None
            pause = left.pop(0)
            log.info("Edge TPU: refused (%s); trying again in %g s", error, pause)
            time.sleep(pause)
