"""Protocol of one output, and what an output knows of the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from edgevision.records import record

from ..system.clock import SYSTEM, Clock

if TYPE_CHECKING:
    from edgevision.model_file.card import ModelCard

    from ..stream.control import LoopControl
    from ..telemetry.drift_status import DriftStatus
    from ..telemetry.release_status import ReleaseStatus
    from ..telemetry.run_stats import Percentiles
    from ..telemetry.snapshot import Snapshot
    from .clip_list import ClipList
    from .counts import Counts
    from .item import Item


def no_drift() -> None:
    """Return that nothing is compared."""


def no_release() -> None:
    """Return that this is not the service of an installed bundle."""


class Rejected(Exception):
    """Raised by ``deliver`` for an item that can never be delivered, such as one that a server refuses for good."""


@record(eq=False, kw_only=True)
class Context:
    """What outputs know of the run."""

    name: str
    """Name of this camera, as a slug: letters, digits, ``-`` and ``_``."""
    card: ModelCard
    """Card of the model."""
    source: str
    """Spec of the camera, without secrets."""
    live: bool = True
    """Whether the camera goes on by itself; False for files, which wait."""
    snapshot: Callable[[], Snapshot]
    """Returns counts and times so far, with those of all outputs."""
    control: LoopControl
    """Pauses the loop and changes its threshold while it runs."""
    counts: Counts | None = None
    """What lines and zones count; None without any."""
    clock: Clock = SYSTEM
    stages: Callable[[], Mapping[str, Percentiles]] = dict
    """Returns the histogram of each stage."""
    drift: Callable[[], DriftStatus | None] = no_drift
    """Returns the comparison with what the camera saw at first; None without ``--drift``."""
    release: Callable[[], ReleaseStatus | None] = no_release
    """Returns the release of the device that runs; None unless this is the service of an installed bundle."""


class Output(Protocol):
    """A destination of results. Every method is called on one thread of its own, and may block."""

    takes: str = "all"
    """What it receives unless its configuration says otherwise: events, frames or all."""
    newest_frame: bool = False
    """Whether only the newest of several waiting frames matters, as for a state that each frame replaces."""
    images: bool = False
    """Whether it needs the image of an item: then a waiting item keeps its pixels, as long as there is memory for them.
    Otherwise frames have no pixels, and cannot be encoded."""
    idle_s: float = 1.0
    """Seconds between calls of ``idle`` while no item waits."""

    every_s: float | None = None
    """If given, it gets a frame at most this often, whatever its filter selects; as a recording needs. 0: every frame."""
    waits: bool = False
    """Whether the loop waits for it, so that it gets every frame of a file. Not for a live camera, which would lose frames."""
    close_s: float = 2.0
    """Seconds that it may need at the end of the run to deliver what waits."""
    written: int | None = None
    """Number of things it made, where that is not the number of items delivered."""
    lost: int = 0
    """Number of items that it accepted and could not deliver in the end."""
    failures: int = 0
    """Number of failures besides those it raised."""
    problem: str | None = None
    """What keeps it from working now, if it works on by itself instead of raising."""
    last_problem: str | None = None
    """The last such problem, also after it was solved."""
    memory_bytes: int | None = None
    """Memory in use for what it holds; None: not worth mentioning."""

    clips: ClipList | None = None
    """Clips that it wrote, for the live page."""

    def start(self) -> None:
        """Connect. Called again after every failure. Raises OSError, EdgeVisionError."""
        return  # without it, type checkers take the method for abstract

    def deliver(self, item: Item) -> None:
        """Deliver one item. Raises OSError, EdgeVisionError to have it delivered again later; Rejected to have it dropped."""

    def idle(self) -> None:
        """Do what is due while no item waits; called every ``idle_s`` seconds. Raises as ``deliver``."""
        return  # without it, type checkers take the method for abstract

    def interrupt(self) -> None:
        """End a blocked ``start`` or ``deliver``; called from another thread when the loop ends."""
        return  # without it, type checkers take the method for abstract

    def close(self) -> None:
        """Say goodbye and free everything."""
        return  # without it, type checkers take the method for abstract
