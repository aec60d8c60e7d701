"""Open and run a model once in a child process, so that a file that crashes the runtime becomes an error message."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from ..errors import BadModel

TIMEOUT_S = 60.0
"""Time limit, generous: a large model on a Raspberry Pi opens and runs once in a few seconds."""
REFUSED = 3
"""Exit status of a child that prints its reason as the last line."""


def probe(path: Path, timeout_s: float = TIMEOUT_S) -> None:
    """Raise BadModel if the model cannot be opened and run once on this machine."""
    # -P: import nothing from the current folder.
    command = [sys.executable, "-P", "-m", "edgevision.engines.probe", str(path.resolve())]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False)
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
    how = _how(done.returncode, reason)
    raise BadModel(f"{path}: the model crashed the runtime ({how}); corrupt or malicious file")


def run_once(path: Path) -> None:
    """Open a model file and run it on an input of zeros. A bad file may crash this process."""
    import numpy as np

    from ..model_file import model_file
    from .cpu_interpreter import start

    file = model_file.read(path, strict=False)
    engine = start(file, threads=1)
    if len(engine.inputs) != 1:
        raise BadModel(f"expected exactly one image input, got {len(engine.inputs)}")
    spec = engine.inputs[0]
    engine.infer(np.zeros([max(1, n) for n in spec.shape], spec.dtype))
    engine.close()


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
    sys.exit(_main(sys.argv[1]))
