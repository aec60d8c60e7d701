"""A trial in TensorFlow Lite Micro itself: the answers to some images, and the smallest arena that the model runs in.

It runs in a child process, because the interpreter trusts the model that it is given.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import util
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision import children
from edgevision.errors import BadModel
from edgevision.files.scratch import scratch_folder
from edgevision.records import record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgevision.types import Tensor

MODULE = "edgevision.device.export.c_array.trial"
PACKAGE = "tflite_micro"
DISTRIBUTION = "tflite-micro"
TIMEOUT_S = 300.0
"""Generous: the kernels of microcontrollers are slow on large models."""
LARGEST = 2**26
"""Arena that the search begins with (bytes), far more than microcontrollers have."""
STEP = 16
"""Multiple that the size of an arena is (bytes)."""
REFUSED = 3
"""Exit status of a child whose model the interpreter refuses; its reason is on stderr."""
MODEL, INPUTS, RESULTS = "model.tflite", "inputs.npz", "results.npz"


@record(eq=False)
class Trial:
    """What the interpreter did with a model."""

    version: str
    """Version of tflite-micro."""
    arena_bytes: int
    """Smallest arena that the model can be loaded in on this machine."""
    answers: tuple[tuple[Tensor, ...], ...]
    """The outputs for each of the inputs."""


def is_installed() -> bool:
    """Return whether TensorFlow Lite Micro can run here."""
    return util.find_spec(PACKAGE) is not None


def try_model(model: bytes, inputs: Sequence[Tensor], path: Path) -> Trial:
    """Run a model in TensorFlow Lite Micro; ``path`` is for messages. Raises BadModel if it refuses the model."""
    from importlib import metadata

    with scratch_folder() as folder:
        (folder / MODEL).write_bytes(model)
        np.savez(folder / INPUTS, *inputs)
        try:
            done = children.run(children.module(MODULE, str(folder)), TIMEOUT_S, text=True, errors="replace")
        except subprocess.TimeoutExpired:
            raise BadModel(
                f"{path}: TensorFlow Lite Micro did not finish within {TIMEOUT_S:g} s; the model is too large for it"
            ) from None
        if done.returncode:
            raise BadModel(
                f"{path}: TensorFlow Lite Micro cannot run this model: {_reason(done.stderr, done.returncode)}"
            )
        with np.load(folder / RESULTS, allow_pickle=False) as results:
            outputs = int(results["outputs"])
            flat = [results[f"answer_{number}"] for number in range(outputs * len(inputs))]
            arena = int(results["arena"])
    answers = tuple(tuple(flat[start : start + outputs]) for start in range(0, len(flat), outputs))
    return Trial(metadata.version(DISTRIBUTION), arena, answers)


def _reason(said: str, status: int) -> str:
    """Return what the interpreter said first, without the name of its source file."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if status != REFUSED:
        return f"it crashed (exit status {status})"
    return re.sub(r"^tensorflow/\S+\s+(?:\d+\s+)?", "", lines[0]).rstrip(".") if lines else "no reason given"


def _main(folder: Path) -> int:
    """Run the model of a folder on its inputs, and write what came out."""
    from tflite_micro.python.tflite_micro.runtime import Interpreter

    model = (folder / MODEL).read_bytes()
    with np.load(folder / INPUTS, allow_pickle=False) as stored:
        inputs = [stored[name] for name in stored.files]
    try:
        interpreter = Interpreter.from_bytes(model, arena_size=LARGEST)
        results = [_answers(interpreter, one) for one in inputs]
    except (RuntimeError, ValueError):
        return REFUSED
    del interpreter
    made: dict[str, Any] = {f"answer_{n}": answer for n, answer in enumerate(chain.from_iterable(results))}
    made |= {"outputs": len(results[0]), "arena": _smallest_arena(Interpreter, model)}
    np.savez(folder / RESULTS, **made)
    return 0


def _answers(interpreter: Any, tensor: Tensor) -> list[Tensor]:
    interpreter.set_input(tensor, 0)
    interpreter.invoke()
    answers: list[Tensor] = []
    while True:
        try:
            answers.append(interpreter.get_output(len(answers)))
        except (IndexError, RuntimeError, ValueError):  # there is no such output
            return answers


def _smallest_arena(interpreter: Any, model: bytes) -> int:
    """Return the bytes of the smallest arena that a model can be loaded in, by halving."""
    low, high = 0, LARGEST // STEP
    while high - low > 1:
        middle = (low + high) // 2
        try:
            interpreter.from_bytes(model, arena_size=middle * STEP)
            high = middle
        except (RuntimeError, ValueError):
            low = middle
    return high * STEP


if __name__ == "__main__":
    children.die_with_parent()
    sys.exit(_main(Path(sys.argv[1])))
