"""Open and run a model once in a child process, so that a file that crashes the runtime becomes an error message."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from .. import children
from ..errors import BadModel

TIMEOUT_S = 60.0
"""Time limit, generous: a large model on a Raspberry Pi opens and runs once in a few seconds."""
LOOP_CPU_S = 2.0
"""CPU time for each run of a model with loops, which may never end."""
EXTRA_MEMORY = 3 * 2**29
"""Memory that a model may take beside its file (bytes)."""
LOOPS = ("WHILE", "STABLEHLO_WHILE")
"""Operators that may never end."""
REFUSED = 3
"""Exit status of a child that prints its reason as the last line."""


def probe(path: Path, timeout_s: float = TIMEOUT_S) -> None:
    """Raise BadModel if the model cannot be opened and run once on this machine."""
    command = children.module("edgevision.engines.probe", str(path.resolve()))
    try:
        done = children.run(command, timeout_s, text=True, errors="replace")
    except subprocess.TimeoutExpired:
        raise BadModel(
            f"{path}: one run did not finish within {timeout_s:g} s; the file is damaged or too slow for this machine"
        ) from None
    if done.returncode == 0:
        return
    lines = done.stderr.strip().splitlines()
    reason = lines[-1] if lines else f"exit status {done.returncode}"
    if done.returncode == REFUSED:
        raise BadModel(f"{path}: {reason}")
    if done.returncode == -getattr(signal, "SIGXCPU", 0):
        raise BadModel(
            f"{path}: one run did not finish within {LOOP_CPU_S:g} s; the model has a loop that does not end"
        )
    how = _how(done.returncode, reason)
    raise BadModel(f"{path}: the model crashed the runtime ({how}); corrupt or malicious file, or too large")


def run_once(path: Path) -> None:
    """Open a model file and run it on an input of zeros. A bad file may crash this process."""
    import numpy as np

    from ..model_file import model_file
    from . import interpreter
    from .uint8_input import start

    file = model_file.read(path, strict=False)
    interpreter.describe_runtime()  # imports the runtime, whose own memory does not count
    _limit_memory(EXTRA_MEMORY + 3 * len(file.flatbuffer))
    loops = any(op.name in LOOPS for op in file.graph().operators)
    if loops:
        _limit_cpu_time(LOOP_CPU_S)
    engine = start(file, threads=1)
    if any(spec.dtype == "string" for spec in file.inputs):
        return  # text has no size of its own to try
    spec = engine.inputs[0]
    zeros = np.zeros([max(1, n) for n in spec.shape], spec.dtype)
    engine.infer(zeros)
    if loops and zeros.dtype.kind in "iuf":  # how often a loop runs may depend on the image
        engine.infer(np.random.default_rng(0).integers(0, 100, zeros.shape).astype(zeros.dtype))
    engine.close()


def _limit_memory(extra: int) -> None:
    """Limit this process to its present memory and ``extra`` bytes."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
        resource.setrlimit(resource.RLIMIT_DATA, (pages * resource.getpagesize() + extra,) * 2)
    except (ImportError, OSError, ValueError):  # not Linux, or a lower limit is set already
        return


def _limit_cpu_time(seconds: float) -> None:
    """End this process by SIGXCPU after some more seconds of CPU time."""
    try:
        import resource
    except ImportError:  # not Unix
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + seconds) + 1, hard))


def _how(status: int, reason: str) -> str:
    """Return what ended the child process: its reason, or the name of the signal."""
    if status >= 0:
        return reason
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def _main(path: str) -> int:
    from ..errors import EdgeVisionError

    try:
        run_once(Path(path))
    except (EdgeVisionError, RuntimeError, ValueError, TypeError, MemoryError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        print(lines[0].removeprefix(f"{path}: "), file=sys.stderr)
        return REFUSED
    return 0


if __name__ == "__main__":
    children.die_with_parent()
    sys.exit(_main(sys.argv[1]))
