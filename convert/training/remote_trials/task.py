"""What the machines of a cluster need for the trials of a training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.errors import BadInput

from ... import backend
from ..fit.checkpoint import State
from ..fit.plan import TrainPlan
from ..fit.time_budget import Length
from ..fit.trials import Trials
from ..input.batches import Examples
from ..input.image_cache import KeptPixels
from ..monitor.history import Epoch
from ..network.backbones import BackboneSpec
from ..network.head import Head

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.types import Pixels


@dataclass(frozen=True, slots=True, eq=False)
class TrialTask:
    """What all trials of a training have in common; a machine gets it once, and the images beside it."""

    choice: BackboneSpec
    goal: Head
    plan: TrainPlan
    length: Length
    """Length of a trial that is not stopped."""
    precision: str
    """Name of Keras' dtype policy."""
    train: Examples
    """The training images without their pixels."""
    val: Examples
    start: list[npt.NDArray[Any]]
    """Weights of the network that all trials start from."""
    state: State[Epoch]
    """State that all trials start from."""


def task_of(trials: Trials, state: State[Epoch]) -> TrialTask:
    """Return what the trials of a training have in common."""
    network = trials.network
    none = KeptPixels(np.empty((0, 0, 0, 0), np.uint8), "memory")
    return TrialTask(
        choice=network.choice,
        goal=network.goal,
        plan=trials.plan,
        length=trials.length,
        precision=backend.keras().config.dtype_policy().name,
        train=replace(trials.sets.train, pixels=none),
        val=replace(trials.sets.val, pixels=none),
        start=network.values(),
        state=state,
    )


def pixels_of(train: Examples, val: Examples) -> tuple[Pixels, Pixels]:
    """Return the preprocessed images of both sets, the same array if they share it. Raises BadInput."""
    arrays = dict[int, Any]()
    for one in (train, val):
        if not isinstance(one.pixels, KeptPixels):
            raise BadInput(
                "--ray sends the preprocessed images to the other machines, but they could not be cached; free memory or disk "
                "space, and do not use --cache none"
            )
        # An array of a file becomes an ordinary one, which Ray shares without a copy in each process.
        arrays.setdefault(id(one.pixels), np.asarray(one.pixels.array))
    return arrays[id(train.pixels)], arrays[id(val.pixels)]
