"""``edgevision bench sweep``: networks with random weights, built in a child process that uses TensorFlow."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from edgevision import children
from edgevision.errors import BadInput, MissingDependency
from edgevision.log import Log

log = Log("edgevision.bench")
MAKER = "edgevision.convert.sweep"
REFUSED = 3
"""Exit status of the child if its last line on stderr is the error message."""


ONE_WIDTH = ("cnn", "efficientnet_lite", "mobilenet_v4")
"""Beginnings of the names of backbones without a width multiplier."""


def networks(backbones: Sequence[str], alphas: Sequence[float], sizes: Sequence[int]) -> list[str]:
    """Return every combination as an argument for the child process; one per size for backbones of one width."""
    every = [
        f"{name}:{1.0 if name.startswith(ONE_WIDTH) else alpha:g}:{size}"
        for name in backbones
        for alpha in alphas
        for size in sizes
    ]
    return list(dict.fromkeys(every))


def make(
    specs: Sequence[str], classes: int, folder: Path, step: Callable[[int], None] = lambda done: None
) -> list[Path]:
    """Build models in ``folder`` and return their paths.

    Raises BadInput for an invalid network, MissingDependency without the convert extra.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = children.module(MAKER, str(folder.resolve()), str(classes), *specs)
    log.info("building %d networks in a child process with TensorFlow", len(specs))
    found: list[Path] = []
    pipe = subprocess.PIPE
    with children.started(
        command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, errors="replace"
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        for line in child.stdout:
            found.append(folder / Path(line.strip()).name)
            step(len(found))
        said = child.stderr.read().strip().splitlines()
        child.wait()
    if child.returncode == 0:
        return found
    reason = said[-1] if said else f"exit status {child.returncode}"
    if child.returncode == REFUSED:
        raise BadInput(reason)
    if "No module named" in reason:
        raise MissingDependency(
            "building networks needs TensorFlow, which is not installed; run pip install 'edgevision[convert]', or build them "
            "on another machine with --models-only, copy them here and run edgevision bench *.tflite"
        )
    raise BadInput(f"could not build the networks: {reason}")
