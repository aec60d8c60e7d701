"""The state of a training between two epochs, in one file that is replaced as a whole."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.errors import BadInput
from edgevision.files import write_bytes

from . import history
from .schedule import Best

if TYPE_CHECKING:
    import numpy.typing as npt

    Arrays = list[npt.NDArray[Any]]

FILE = "checkpoint.npz"
SCHEMA = "edgevision.checkpoint/1"


@dataclass(slots=True)
class State:
    """Where a training stands, after whole epochs."""

    phase: int = 0
    epoch: int = 0
    """The next one of this phase."""
    waited: int = 0
    """Epochs of this phase without a better loss."""
    best: Best = field(default_factory=Best)
    history: list[history.Epoch] = field(default_factory=list)
    weights: Arrays = field(default_factory=list)
    """Of the whole network."""
    best_weights: Arrays = field(default_factory=list)
    optimizer: Arrays = field(default_factory=list)
    """Of the phase; empty at its start."""
    finished: bool = False
    """Nothing more is to be trained."""
    origin: str | None = None
    """sha256 of the file that the first weights came from."""


def write(folder: Path, state: State) -> None:
    """Replaces the checkpoint of a run folder. Raises CannotWrite."""
    record = {
        "schema": SCHEMA,
        "phase": state.phase,
        "epoch": state.epoch,
        "waited": state.waited,
        "finished": state.finished,
        "origin": state.origin,
        "best": asdict(state.best),
        "history": history.to_json(state.history),
        "groups": {name: len(getattr(state, name)) for name in _GROUPS},
    }
    arrays = {f"{name}_{i}": a for name in _GROUPS for i, a in enumerate(getattr(state, name))}
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
            groups = {name: [file[f"{name}_{i}"] for i in range(count)] for name, count in record["groups"].items()}
        return State(
            phase=int(record["phase"]),
            epoch=int(record["epoch"]),
            waited=int(record["waited"]),
            finished=bool(record["finished"]),
            origin=record["origin"],
            best=Best(**record["best"]),
            history=history.from_json(record["history"]),
            **groups,
        )
    except (KeyError, TypeError, ValueError, OSError, zipfile.BadZipFile) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path} is damaged ({error}); remove it to train this run again from its start") from None


_GROUPS = ("weights", "best_weights", "optimizer")
