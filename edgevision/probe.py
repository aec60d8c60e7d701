"""Opens and runs a model once in a child process, so that a file which crashes the runtime becomes one line."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from .errors import BadModel

TIMEOUT_S = 60.0
"""A large model on a Pi opens and runs once in a few seconds."""
REFUSED = 3
"""Exit status of a child that says why in its last line."""


def probe(path: Path, timeout_s: float = TIMEOUT_S) -> None:
    """Raises BadModel when the model cannot be opened and run once on this machine."""
    # -P: nothing is imported from the current folder.
    command = [sys.executable, "-P", "-m", "edgevision.probe", str(path.resolve())]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        raise BadModel(f"{path}: it did not finish one run within {timeout_s:g} s: damaged, or too slow here") from None
    if done.returncode == 0:
        return
    lines = done.stderr.strip().splitlines()
    reason = lines[-1] if lines else f"exit status {done.returncode}"
    if done.returncode == REFUSED:
        raise BadModel(f"{path}: {reason}")
    how = _how(done.returncode, reason)
    raise BadModel(f"{path}: it crashed the runtime ({how}); the file is damaged or was made to do harm")


def run_once(path: Path) -> None:
    """Opens a model file and runs it on an input of zeros; may take the whole process down."""
    import numpy as np

    from . import modelfile
    from .engines.cpu import start

    file = modelfile.read(path, strict=False)
    engine = start(file, threads=1)
    if len(engine.inputs) != 1:
        raise BadModel(f"the model has {len(engine.inputs)} inputs; a picture goes into exactly one")
    spec = engine.inputs[0]
    engine.infer(np.zeros([max(1, n) for n in spec.shape], spec.dtype))
    engine.close()


def _how(status: int, reason: str) -> str:
    """What ended the child, in words."""
    if status >= 0:
        return reason
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def _main(path: str) -> int:
    from .errors import EdgeVisionError

    try:
        run_once(Path(path))
    except (EdgeVisionError, RuntimeError, ValueError, TypeError, MemoryError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        print(lines[0].removeprefix(f"{path}: "), file=sys.stderr)
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
