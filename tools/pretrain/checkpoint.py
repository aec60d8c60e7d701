"""The state of a run on disk: one .npz without pickle, written aside and renamed, so that no kill spoils it."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgevision import files
from edgevision.errors import BadInput

FORMAT = 1
STATE_FILE = "state.npz"
_PROGRESS = "progress.json"

Arrays = dict[str, npt.NDArray[Any]]
"""Variables by name."""


@dataclass(slots=True)
class Progress:
    """Where a run stands. Random draws follow from (seed, epoch, step), so they need no state of their own."""

    seed: int
    fingerprint: str
    """Of the pictures."""
    epoch: int = 0
    """Epochs finished."""
    step: int = 0
    """Steps done in the running epoch."""
    total_steps: int = 0
    loss_sum: float = 0.0
    """Over the steps of the running epoch."""
    seconds: float = 0.0
    """Wall-clock time, over all resumes."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """One record per finished epoch."""


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Everything that a run needs to go on."""

    progress: Progress
    weights: Arrays
    momentum: Arrays
    """Of the trainable variables."""
    average: Arrays
    """Exponential moving average of all variables."""


def save(work: Path, state: State) -> None:
    """Writes the state; the file is the old one or the new one at any moment."""
    groups = {"weights": state.weights, "momentum": state.momentum, "average": state.average}
    arrays: Arrays = {f"{group}/{name}": array for group, members in groups.items() for name, array in members.items()}
    text = json.dumps({"format": FORMAT, **asdict(state.progress)})
    arrays[_PROGRESS] = np.frombuffer(text.encode(), np.uint8)
    save_arrays(work / STATE_FILE, arrays)


def load(work: Path) -> State | None:
    """The state in a work folder, None where there is none yet. Raises BadInput."""
    path = work / STATE_FILE
    if not path.exists():
        return None
    try:
        arrays = load_arrays(path)
        fields = json.loads(arrays.pop(_PROGRESS).tobytes())
        if fields.pop("format") != FORMAT:
            raise BadInput(f"{path} was written by another version of this program; give a fresh --work folder")
        progress = Progress(**fields)
    except (KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError) as fault:
        raise BadInput(f"{path} is not a training state ({fault!r}); give a fresh --work folder") from None
    groups: dict[str, Arrays] = {"weights": {}, "momentum": {}, "average": {}}
    for key, array in arrays.items():
        group, _, name = key.partition("/")
        groups.setdefault(group, {})[name] = array
    return State(progress, groups["weights"], groups["momentum"], groups["average"])


def save_arrays(path: Path, arrays: Arrays) -> None:
    """Writes arrays by name as .npz."""
    memory = io.BytesIO()
    np.savez(memory, **arrays)  # type: ignore[arg-type]
    files.write_bytes(path, memory.getvalue())


def load_arrays(path: Path) -> Arrays:
    """Reads what ``save_arrays`` wrote, running no code from the file. Raises BadInput."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as fault:
        raise BadInput(f"{path} is not an .npz file of plain arrays ({fault})") from None
