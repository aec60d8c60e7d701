"""The state of a training between two epochs, in one file that is replaced as a whole."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.errors import BadInput
from edgevision.files import write_bytes

from . import history
from .selection import Selection

if TYPE_CHECKING:
    import numpy.typing as npt

    Arrays = list[npt.NDArray[Any]]

FILE = "checkpoint.npz"
SCHEMA = "edgevision.checkpoint/1"
LOWEST = "lowest"


@dataclass(slots=True)
class State:
    """Where a training stands, after whole epochs."""

    phase: int = 0
    epoch: int = 0
    """The next one of this phase."""
    selection: Selection = field(default_factory=Selection)
    history: list[history.Epoch] = field(default_factory=list)
    weights: Arrays = field(default_factory=list)
    """Of the whole network."""
    kept_weights: Arrays = field(default_factory=list)
    """Of the network as it was in the selected epoch."""
    optimizer: Arrays = field(default_factory=list)
    """Of the phase; empty at its start."""
    finished: bool = False
    """Nothing more is to be trained."""
    temperature: float | None = None
    """By which the logits were divided; None: they were left as they are."""
    origin: str | None = None
    """sha256 of the file that the first weights came from."""


def write(folder: Path, state: State) -> None:
    """Replaces the checkpoint of a run folder. Raises CannotWrite."""
    record = {
        "schema": SCHEMA,
        "phase": state.phase,
        "epoch": state.epoch,
        "waited": state.selection.waited,
        "selected": state.selection.epoch,
        "finished": state.finished,
        "origin": state.origin,
        "temperature": state.temperature,
        "history": history.to_json(state.history),
        "groups": {name: len(getattr(state, name)) for name in _GROUPS},
    }
    arrays = {f"{name}_{i}": a for name in _GROUPS for i, a in enumerate(getattr(state, name))}
    if state.selection.lowest is not None:
        arrays[LOWEST] = state.selection.lowest
    text = np.frombuffer(json.dumps(record).encode(), np.uint8)
    out = io.BytesIO()
    np.savez(out, record=text, **arrays)
    write_bytes(folder / FILE, out.getvalue())


def read(folder: Path) -> State | None:
    """The checkpoint of a run folder; None when it has none yet. Raises BadInput for a damaged one."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            record = json.loads(file["record"].tobytes())
            if record["schema"] != SCHEMA:
                raise BadInput(f"{path} was written by another version ({record['schema']}); train anew")
            lowest = file.get(LOWEST)
            groups = {name: [file[f"{name}_{i}"] for i in range(count)] for name, count in record["groups"].items()}
        return State(
            phase=int(record["phase"]),
            epoch=int(record["epoch"]),
            selection=Selection(lowest, int(record["selected"]), int(record["waited"])),
            finished=bool(record["finished"]),
            origin=record["origin"],
            temperature=record["temperature"],
            history=history.from_json(record["history"]),
            **groups,
        )
    except (KeyError, TypeError, ValueError, OSError, zipfile.BadZipFile) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path} is damaged ({error}); remove it to train this run again from its start") from None


_GROUPS = ("weights", "kept_weights", "optimizer")
