"""What the command and the machines that run its trials say to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..fit.checkpoint import State
from ..fit.trial import TrialEpoch
from ..fit.trial_engine import Candidate
from ..fit.tried import Tried
from ..monitor.history import Epoch


@dataclass(frozen=True, slots=True)
class Prepare:
    """Request to build the network. The answer is Ready."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Request to begin a trial and run its first epoch. The answer is a TrialEpoch."""

    number: int
    """From 1."""
    candidate: Candidate
    left_s: float | None
    """Seconds that are left for epochs; None without a limit."""


@dataclass(frozen=True, slots=True)
class GoOn:
    """Request for another epoch of the trial. The answer is a TrialEpoch, or Over if there is none."""


@dataclass(frozen=True, slots=True)
class End:
    """Request to end the trial, early if ``stopped``. The answer is Ended."""

    stopped: bool


@dataclass(frozen=True, slots=True)
class Ready:
    """The machine can begin a trial."""


@dataclass(frozen=True, slots=True)
class Over:
    """The trial has run all its epochs."""


@dataclass(frozen=True, slots=True, eq=False)
class Ended:
    """The result of a trial."""

    row: Tried
    state: State[Epoch]


@dataclass(frozen=True, slots=True)
class Lost:
    """The machine is gone, or failed; it answers nothing more."""

    reason: str


Request = Prepare | Begin | GoOn | End
Answer = Ready | TrialEpoch | Over | Ended | Lost


class Machines(Protocol):
    """The machines that run trials, each one request after another."""

    @property
    def names(self) -> tuple[str, ...]:
        """Readable name of each machine; several parts of one, such as its GPUs, have a name each."""

    def ask(self, machine: int, request: Request) -> None:
        """Send a request to a machine that has answered the last one; ``machine``: its index within the names."""

    def answer(self) -> tuple[int, Answer] | None:
        """Wait a moment for an answer and return it with the machine, or None. Raises RemoteUnreachable."""
