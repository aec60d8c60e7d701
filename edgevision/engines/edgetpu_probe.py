"""Run a compiled model once in a child process, so that a driver that crashes or hangs becomes an error message."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .. import children
from ..errors import EngineError
from .edgetpu_failure import Failure, Stage

TIMEOUT_S = 40.0
"""Time limit; a slow Raspberry Pi imports the runtime in 3 s, and a USB accelerator loads its firmware in 4 s."""
_MARK = b"edgevision: "
"""Prefix of the child's output lines that are meant for its parent."""


def trial(path: Path, device: str, timeout_s: float | None = None) -> None:
    """Open the compiled part of a model file and run it once. Raises EngineError with the reason and what to do."""
    failure = attempt(path, device, TIMEOUT_S if timeout_s is None else timeout_s)
    if failure is not None:
        from .edgetpu_diagnosis import explain

        raise EngineError(explain(failure, device))


def attempt(path: Path, device: str, timeout_s: float) -> Failure | None:
    """Run the trial in a child process; return its failure, None if it succeeded."""
    pipe = subprocess.PIPE
    command = children.module(__name__, str(path.resolve()), device)
    with children.started(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe) as child:
        try:
            said, complaints = child.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            return Failure("hang", f"no response within {timeout_s:g} s", **_facts(_abandon(child)))
    facts = _facts(said)
    if facts.get("stage") == "done":
        return None  # even if the driver crashed at exit
    if "stage" in facts:
        return Failure(**facts)  # type: ignore[arg-type]
    stage: Stage = "crash" if child.returncode < 0 else "start"
    return Failure(stage, _end(child.returncode, complaints), **facts)


def run_once(path: Path, device: str, say: Callable[..., None]) -> None:
    """Run the trial in this process, which may crash or hang; pass each fact to ``say`` as soon as it is known."""
    import numpy as np

    from ..model_file import model_file
    from ..model_file.edgetpu_part import compiled_part
    from . import interpreter
    from .edgetpu_devices import library, options
    from .edgetpu_query import version

    compiled = compiled_part(model_file.read(path))
    assert compiled is not None, "the parent found a compiled part"
    say(runtime=interpreter.describe_runtime())
    with suppress(OSError):
        say(library=version(library()))
    try:
        opened = interpreter.open_interpreter(compiled, 1, (library(), options(device)))
    except interpreter.DelegateRefused as error:
        return say(stage="device" if error.library_found else "library", message=str(error))
    except EngineError as error:
        return say(stage="model", message=_reason(error))
    spec = opened.inputs[0]
    try:
        opened.infer(np.zeros([max(1, n) for n in spec.shape], spec.dtype))
    except EngineError as error:
        return say(stage="run", message=_reason(error))
    opened.close()
    return say(stage="done")


def _reason(error: EngineError) -> str:
    """Return the runtime's first message; it joins its messages without a space."""
    return (str(error).partition(": ")[2] or str(error)).partition("Node number")[0].rstrip(". ")


def _facts(said: bytes) -> dict[str, str]:
    """Return the facts from all JSON lines of the child; a driver may have written other lines between them."""
    facts: dict[str, str] = {}
    for line in said.splitlines():
        with suppress(ValueError):
            facts.update(json.loads(line.removeprefix(_MARK)) if line.startswith(_MARK) else {})
    return facts


def _abandon(child: subprocess.Popen[bytes]) -> bytes:
    """Kill a child that hangs and return its output. A child that is stuck in the kernel is left behind."""
    child.kill()
    try:
        return child.communicate(timeout=2)[0]
    except subprocess.TimeoutExpired as error:
        return error.output or b""


def _end(status: int, complaints: bytes) -> str:
    """Return what ended the child process: the name of the signal, or its last message."""
    if status < 0:
        try:
            return signal.Signals(-status).name
        except ValueError:
            return f"signal {-status}"
    lines = complaints.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"exit status {status}"


def _say(**facts: str) -> None:
    print(_MARK.decode() + json.dumps(facts), flush=True)


if __name__ == "__main__":
    children.die_with_parent()
    run_once(Path(sys.argv[1]), sys.argv[2], _say)
