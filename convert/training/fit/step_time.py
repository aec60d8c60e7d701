"""Time of a training step, measured on a few of them without a trace in the network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..cluster.team import Team
from ..network.network import Network
from .phases import Phase

TIMED_STEPS = 3


def step_seconds(phase: Phase, network: Network, clock: Callable[[], float], team: Team) -> float:
    """Return the seconds of a training step, without the first, which compiles; put network and optimizer back."""
    weights = network.values()
    variables = phase.model.optimizer.variables
    before = [variable.numpy().copy() for variable in variables]
    steps = min(TIMED_STEPS, phase.schedule.steps)
    random = np.random.default_rng(0)
    team.fit(phase, phase.order(random, 1), _ignored)
    started = clock()
    team.fit(phase, phase.order(random, steps), _ignored)
    seconds = clock() - started
    network.assign(weights)
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
    return max(seconds / steps, 1e-6)


def _ignored(loss: float, accuracy: float) -> None:
    """Take no notice of the loss."""
