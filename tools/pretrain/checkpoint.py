"""The state of a run on disk: one .npz without pickle, written atomically, so that a kill cannot damage it."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgevision.errors import BadInput
from edgevision.files import atomic

FORMAT = 1
STATE_FILE = "state.npz"
_PROGRESS = "progress.json"

Arrays = dict[str, npt.NDArray[Any]]
"""Variables by name."""


@dataclass(slots=True)
class Progress:
    """Progress of a run. Random draws depend only on (seed, epoch, step), so they need no state."""

    seed: int
    fingerprint: str
    """Fingerprint of the images."""
    epoch: int = 0
    """Number of finished epochs."""
    step: int = 0
    """Number of steps done in the current epoch."""
    total_steps: int = 0
    loss_sum: float = 0.0
    """Sum of the losses in the current epoch."""
    seconds: float = 0.0
    """Total wall-clock time, including resumed runs (s)."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """One record per finished epoch."""


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Everything needed to continue a run."""

    progress: Progress
    weights: Arrays
    momentum: Arrays
    """Momentum of the trainable variables."""
    average: Arrays
    """Exponential moving average of all variables."""


def save(work: Path, state: State) -> None:
    """Write the state atomically: at any moment the file is either the old or the new one."""
    groups = {"weights": state.weights, "momentum": state.momentum, "average": state.average}
    arrays: Arrays = {f"{group}/{name}": array for group, members in groups.items() for name, array in members.items()}
    text = json.dumps({"format": FORMAT, **asdict(state.progress)})
    arrays[_PROGRESS] = np.frombuffer(text.encode(), np.uint8)
    save_arrays(work / STATE_FILE, arrays)


def load(work: Path) -> State | None:
    """Read the state in a work folder, None if there is none yet. Raises BadInput."""
    path = work / STATE_FILE
    if not path.exists():
        return None
    try:
        arrays = load_arrays(path)
        fields = json.loads(arrays.pop(_PROGRESS).tobytes())
        if fields.pop("format") != FORMAT:
            raise BadInput(f"{path} was written by a different version of this program; use a new --work folder")
        progress = Progress(**fields)
    except (KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError) as fault:
        raise BadInput(f"{path} is not a training state ({fault!r}); use a new --work folder") from None
    groups: dict[str, Arrays] = {"weights": {}, "momentum": {}, "average": {}}
    for key, array in arrays.items():
        group, _, name = key.partition("/")
        groups.setdefault(group, {})[name] = array
    return State(progress, groups["weights"], groups["momentum"], groups["average"])


def save_arrays(path: Path, arrays: Arrays) -> None:
    """Write arrays by name as an .npz file."""
    memory = io.BytesIO()
    np.savez(memory, **arrays)  # type: ignore[arg-type]
    atomic.write_bytes(path, memory.getvalue())


def load_arrays(path: Path) -> Arrays:
    """Read what ``save_arrays`` wrote, without running code from the file. Raises BadInput."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as fault:
        raise BadInput(f"{path} is not an .npz file of plain arrays ({fault})") from None
