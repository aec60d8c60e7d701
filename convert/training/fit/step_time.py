"""Time of a training step, measured on a few of them without a trace in the network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..network.network import Network
from .phases import Phase

TIMED_STEPS = 3


def step_seconds(phase: Phase, network: Network, clock: Callable[[], float]) -> float:
    """Return the seconds of a training step, without the first, which compiles; put network and optimizer back."""
    weights = network.values()
    variables = phase.model.optimizer.variables
    before = [variable.numpy().copy() for variable in variables]
    steps = min(TIMED_STEPS, phase.schedule.steps)
    random = np.random.default_rng(0)
    phase.model.fit(phase.data(random, 1), epochs=1, verbose=0, shuffle=False)
    started = clock()
    phase.model.fit(phase.data(random, steps), epochs=1, verbose=0, shuffle=False)
    seconds = clock() - started
    network.assign(weights)
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
    return max(seconds / steps, 1e-6)
