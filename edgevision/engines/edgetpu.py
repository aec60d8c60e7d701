"""The Edge TPU, through libedgetpu's delegate alone; tried in a child process before it may touch this one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import EngineError
from ..interpreter import DelegateRefused, Interpreter, open_interpreter
from .choice import Unsuited
from .compiled import ENTRY, compiled_part
from .libedgetpu import library, options

if TYPE_CHECKING:
    from ..modelfile import ModelFile

RETRY_AFTER_S = (1.0, 2.0)
"""A USB accelerator that the child just let go of leaves the bus and comes back."""


def open_edgetpu(file: ModelFile, device: str = "", threads: int | None = None) -> Interpreter:
    """Opens the compiled part of a model file on an Edge TPU. Raises EngineError, MissingDependency, BadModel.

    ``device``: ``N``, ``usb``, ``usb:N``, ``pci``, ``pci:N``; empty: any. ``threads`` are for what runs on the CPU.
    """
    compiled = compiled_part(file)
    if compiled is None:
        from .edgetpu_devices import plugged_in

        raise Unsuited(
            f"{file.path} has no part compiled for the Edge TPU ({ENTRY})",
            notable=any(tpu.usable for tpu in plugged_in()),
        )
    from .edgetpu_trial import trial

    trial(file.path, device)
    return open_delegated(compiled, device, threads)


def open_delegated(
    compiled: bytes, device: str, threads: int | None, pauses: Sequence[float] | None = None
) -> Interpreter:
    """Opens a compiled flatbuffer in this process, which a broken driver may take down. Raises EngineError.

    ``pauses``: seconds before each further attempt at a device that is refused.
    """
    left = list(RETRY_AFTER_S if pauses is None else pauses)
    while True:
        try:
            return open_interpreter(compiled, threads, (library(), options(device)))
        except DelegateRefused as error:
            if not left:
                raise EngineError(f"the Edge TPU was refused: {error}") from None
            time.sleep(left.pop(0))
