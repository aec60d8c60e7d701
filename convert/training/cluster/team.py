"""The machines that train a network together: this one alone, or several of which the first, the chief, decides."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ... import backend

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]
    Indices = npt.NDArray[np.intp]
    Report = Callable[[float, float], None]


class Examples(Protocol):
    """Training examples, by number."""

    @property
    def size(self) -> int:
        """Examples in a batch."""

    @property
    def load(self) -> Callable[[Indices], tuple[Array, Array, Array]]:
        """Function that returns inputs (b, ...), targets (b, outputs) and weights (b,) of some examples."""

    def batches(self, order: Indices) -> Any:
        """Return a tf.data.Dataset of the examples in this order."""


class Trainable(Protocol):
    """What is trained: a phase."""

    @property
    def model(self) -> Any:
        """Compiled Keras model from batches to logits."""

    @property
    def loss(self) -> Callable[[Any, Any], Any]:
        """Function of (targets, logits); one value per image."""

    @property
    def accuracy(self) -> Callable[[Any, Any], Any]:
        """Function of (targets, logits): 1 for each image that is correct, else 0."""

    @property
    def source(self) -> Examples:
        """The training examples."""


class Team:
    """One machine that trains alone; base class of several."""

    rank = 0
    """Index of this machine; 0 is the chief."""
    size = 1
    """Number of machines."""
    folder = "RUN"
    """Path of the chief's run folder, once it is known."""

    @property
    def is_chief(self) -> bool:
        """Whether this machine decides, and writes the run folder."""
        return self.rank == 0

    def lost_as_error(self) -> AbstractContextManager[None]:
        """Turn the failure of another machine into RemoteUnreachable."""
        return nullcontext()

    def decide(self, value: bool) -> bool:
        """Return the chief's value."""
        return value

    def number(self, value: float) -> float:
        """Return the chief's number."""
        return value

    def clock(self, clock: Callable[[], float]) -> Callable[[], float]:
        """Return the chief's clock; all machines must read it equally often."""
        return clock

    def share(self, arrays: list[Array]) -> list[Array]:
        """Return the chief's arrays; those of the others have the same shapes and types."""
        return arrays

    def share_bytes(self, data: bytes) -> bytes:
        """Return the chief's bytes."""
        return data

    def total(self, array: Array) -> Array:
        """Return the sum of the arrays of all machines."""
        return array

    def rows(self, count: int, compute: Callable[[Indices], Array]) -> Array:
        """Return ``compute`` of the rows 0 to ``count``, of which each machine computes a part."""
        return compute(np.arange(count))

    def fit(self, phase: Trainable, order: Indices, report: Report) -> tuple[float, float]:
        """Train on the examples of a phase in this order; return mean loss and accuracy.

        ``report``: called after each step with the means so far.
        """

        def step(batch: int, logs: Any) -> None:
            report(float(logs["loss"]), float(logs["accuracy"]))

        reporter = backend.keras().callbacks.LambdaCallback(on_train_batch_end=step)
        logs = phase.model.fit(
            phase.source.batches(order), epochs=1, verbose=0, shuffle=False, callbacks=[reporter]
        ).history
        return float(logs["loss"][0]), float(logs["accuracy"][0])


ALONE = Team()
