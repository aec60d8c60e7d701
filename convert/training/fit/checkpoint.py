"""Checkpoint: the state of a training between two epochs, in one file that is replaced atomically."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

import numpy as np

from edgevision.errors import BadInput
from edgevision.files import strict_json
from edgevision.files.atomic import write_bytes
from edgevision.input_file import open_file
from edgevision.log import Log

from ..monitor import history
from ..monitor.history import Row
from . import tried
from .early_stopping import Selection
from .time_budget import Length
from .tried import Tried

if TYPE_CHECKING:
    import numpy.typing as npt

    Arrays = list[npt.NDArray[Any]]

log = Log("edgevision.train")
FILE = "checkpoint.npz"
SCHEMA = "edgevision.checkpoint/2"
LOWEST = "lowest"


@dataclass(slots=True)
class State(Generic[Row]):
    """State of a training after a whole number of epochs."""

    phase: int = 0
    epoch: int = 0
    """Index of the next epoch of this phase, from 0."""
    selection: Selection = field(default_factory=Selection)
    pace: list[Length] = field(default_factory=list)
    """Lengths of this phase under a time budget: as planned, then after each time it was shortened; empty without one."""
    history: list[Row] = field(default_factory=list)
    weights: Arrays = field(default_factory=list)
    """Weights of the whole network."""
    kept_weights: Arrays = field(default_factory=list)
    """Weights of the network in the selected epoch."""
    optimizer: Arrays = field(default_factory=list)
    """Optimizer variables of the phase; empty at its start."""
    epochs: int | None = None
    """Epochs by which the last phase can be repeated without a time budget; None if it had none or was shortened."""
    tried: list[Tried] = field(default_factory=list)
    """The trials, if there were any."""
    finished: bool = False
    """True if all phases are done."""
    temperature: float | None = None
    """Temperature that the logits were divided by, or None if they were not scaled."""
    origin: str | None = None
    """sha256 of the file with the initial weights."""


def write(folder: Path, state: State[Row]) -> None:
    """Replace the checkpoint of a run folder. Raises CannotWrite."""
    record = {
        "schema": SCHEMA,
        "phase": state.phase,
        "epoch": state.epoch,
        "waited": state.selection.waited,
        "selected": state.selection.epoch,
        "pace": [[one.epochs, one.steps, one.at] for one in state.pace],
        "epochs": state.epochs,
        "tried": tried.to_json(state.tried),
        "limit": state.selection.limit,
        "kept": state.selection.kept,
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


def read(folder: Path, kind: type[Row]) -> State[Row] | None:
    """Return the checkpoint of a run folder, or None if there is none yet. Raises BadInput if it is damaged.

    ``kind``: what a line of its history is.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        with open_file(path, "checkpoint") as stream, np.load(stream, allow_pickle=False) as file:
            record = strict_json.loads(file["record"].tobytes(), "its record", allow_nan=True)
            if record["schema"] != SCHEMA:
                raise BadInput(f"{path} was written by another version ({record['schema']}); start a new training")
            lowest = file.get(LOWEST)
            groups = {name: [file[f"{name}_{i}"] for i in range(count)] for name, count in record["groups"].items()}
        return State(
            phase=int(record["phase"]),
            epoch=int(record["epoch"]),
            selection=Selection(
                lowest, int(record["selected"]), int(record["waited"]), record["limit"], record["kept"]
            ),
            pace=[Length(*map(int, one)) for one in record["pace"]],
            epochs=record["epochs"],
            tried=tried.from_json(record["tried"]),
            finished=bool(record["finished"]),
            origin=record["origin"],
            temperature=record["temperature"],
            history=history.from_json(record["history"], kind),
            **groups,
        )
    except (KeyError, TypeError, ValueError, OSError, zipfile.BadZipFile) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path} is damaged ({error}); delete it to restart this run from the beginning") from None


def open_state(folder: Path, kind: type[Row], origin: str | None, weights: str) -> State[Row]:
    """Return the state of an interrupted training, or a new one.

    ``origin``: sha256 of the file with the initial weights, called ``weights``. Raises BadInput if it has changed.
    """
    found = read(folder, kind)
    if found is None:
        return State[Row](origin=origin)
    log.info("resuming after %d epochs, in phase %d", len(found.history), found.phase + 1)
    if found.origin != origin:
        raise BadInput(f"the weights {weights} have changed since {folder} was started; start a new training")
    return found


_GROUPS = ("weights", "kept_weights", "optimizer")
