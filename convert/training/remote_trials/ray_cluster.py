"""Connection to a Ray cluster, and its machines as those that run trials."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgevision.errors import BadInput, RemoteUnreachable, first_line
from edgevision.log import Log

from ... import backend
from ..fit.checkpoint import State
from ..fit.trials import Trials
from ..monitor.history import Epoch
from . import address
from .messages import Answer, Lost, Prepare, Request
from .parallel_search import ParallelSearch
from .slots import Slot, slots_of
from .task import TrialTask, pixels_of, task_of

if TYPE_CHECKING:
    from edgevision.types import Pixels

log = Log("edgevision.train")
COMPARED = ("edgevision", "tensorflow", "keras", "numpy")
"""Packages whose versions decide what comes of a trial."""
ANSWER_TIMEOUT_S = 2.0
VERSIONS_TIMEOUT_S = 120.0
RESULT_TIMEOUT_S = 120.0
"""Limit for the weights of a trial to arrive, once it has ended."""
START_TIMEOUT_S = 300.0
"""Limit for a machine to load TensorFlow and build the network; if other programs use its cores, it never does."""
HEAD_LOST_S = 15.0
"""Time without the head of the cluster after which it is given up. Ray itself would end this process after a minute."""


@dataclass(frozen=True, slots=True)
class RayCluster:
    """A connected Ray cluster."""

    address: str
    """As given by the user."""
    head: tuple[str, int]
    """Host and port of its head."""
    slots: tuple[Slot, ...]

    def search(self, folder: Path) -> ParallelSearch:
        """Return the search on these machines, for the training in a run folder."""
        again = f"check ray status, then run: edgevision train --resume {folder} --ray {self.address}"
        return ParallelSearch(self._machines, len(self.slots), again)

    def _machines(self, trials: Trials, state: State[Epoch]) -> RayMachines:
        """Give the machines what the trials have in common. Raises BadInput if the images are not cached."""
        return RayMachines(self, task_of(trials, state), *pixels_of(trials.sets.train, trials.sets.val))


@contextmanager
def open_cluster(text: str, note: Callable[[str], None]) -> Iterator[RayCluster]:
    """Connect to a Ray cluster, or start one on this machine for ``local``; disconnect afterwards.

    Raises BadInput, RemoteUnreachable, or ModuleNotFoundError without Ray.
    """
    place = address.parse(text)
    # A cluster that is started here reports nothing to Ray's makers, and this program says what is wrong.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    # A trial may run on the GPU that this process trains the head on, so neither takes all its memory.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    import ray

    if place is not None:
        address.require_cluster(text, place)
    _connect(ray, text)
    try:
        slots = slots_of(ray.nodes())
        if not slots:
            raise BadInput(f"the Ray cluster at {text} has no machine with a processor for trials; see: ray status")
        _require_same_versions(ray, text, slots)
        host, _, port = str(ray.get_runtime_context().gcs_address).rpartition(":")
        count = len({slot.node for slot in slots})
        note(f"Ray cluster {text}: {count} machine{'s' if count > 1 else ''}, {len(slots)} trials at once")
        if place is not None and not address.is_loopback(place[0]) and os.environ.get("RAY_AUTH_MODE") != "token":
            note(
                f"the Ray cluster at {text} is used without a token: whoever reaches its ports can run programs on its "
                "machines; see Ray in docs/guides/several-machines.md"
            )
        yield RayCluster(text, place or (host.strip("[]"), int(port)), slots)
    finally:
        ray.shutdown()


def _connect(ray: Any, text: str) -> None:
    """Connect; leave the signal handlers of the command as they are. Raises RemoteUnreachable."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    hook = sys.excepthook
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
    if text == address.LOCAL:
        options["include_dashboard"] = False
    try:
        with backend.quiet():
            ray.init(address=text, **options)
    except (RuntimeError, OSError, ValueError, ray.exceptions.RayError) as error:
        raise RemoteUnreachable(
            f"cannot join the Ray cluster at {text}: {' '.join(str(error).split())}; run this on its head or on a machine that "
            "joined it by ray start --address, with the same versions of Ray and Python"
        ) from None
    finally:
        sys.excepthook = hook
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _require_same_versions(ray: Any, text: str, slots: tuple[Slot, ...]) -> None:
    """Check that all machines have the packages of this one. Raises BadInput, RemoteUnreachable."""

    # A function within a function is sent as code, so that a machine without edgevision can run it.
    def versions(names: tuple[str, ...]) -> dict[str, str]:
        from importlib import metadata

        found = {}
        for name in names:
            try:
                found[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                found[name] = ""
        return found

    own = versions(COMPARED)
    asked = ray.remote(num_cpus=0, max_retries=0)(versions)
    first = {slot.node: slot for slot in slots}
    answers = {node: asked.options(scheduling_strategy=_on(ray, node)).remote(COMPARED) for node in first}
    for node, answer in answers.items():
        try:
            found = ray.get(answer, timeout=VERSIONS_TIMEOUT_S)
        except ray.exceptions.RayError as error:
            raise RemoteUnreachable(
                f"machine {first[node].name} of the Ray cluster at {text} does not answer ({first_line(error)}); see: ray status"
            ) from None
        for name in COMPARED:
            if found[name] != own[name]:
                theirs = f"{name} {found[name]}" if found[name] else f"no {name}"
                raise BadInput(
                    f"machine {first[node].name} of the Ray cluster at {text} has {theirs}, this one {own[name]}; install the "
                    "same versions on all machines"
                )


def _on(ray: Any, node: str) -> Any:
    return ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node, soft=False)


@dataclass(slots=True)
class RayMachines:
    """The slots of a Ray cluster, each an actor that runs trials. See ``Machines``."""

    cluster: RayCluster
    task: TrialTask
    train: Pixels
    val: Pixels
    clock: Callable[[], float] = time.monotonic
    _actors: list[Any] = field(default_factory=list)
    _pending: dict[Any, int] = field(default_factory=dict)
    """Answer that is waited for -> machine."""
    _started: float = 0.0
    _preparing: set[int] = field(default_factory=set)
    _head_seen: float = 0.0
    _head_tried: float = 0.0

    def __post_init__(self) -> None:
        """Start the actors; each machine gets the images once."""
        import ray

        from .trial_actor import TrialActor

        task, train = ray.put(self.task), ray.put(self.train)
        val = train if self.val is self.train else ray.put(self.val)
        kind = ray.remote(max_restarts=0)(TrialActor)
        for slot in self.cluster.slots:
            options = kind.options(num_cpus=slot.cpus, num_gpus=slot.gpus, scheduling_strategy=_on(ray, slot.node))
            self._actors.append(options.remote(slot.cpus, task, train, val))
        self._started = self._head_seen = self.clock()

    @property
    def names(self) -> tuple[str, ...]:
        """See ``Machines``."""
        return tuple(slot.name for slot in self.cluster.slots)

    def ask(self, machine: int, request: Request) -> None:
        """See ``Machines``."""
        if isinstance(request, Prepare):
            self._preparing.add(machine)
        self._pending[self._actors[machine].serve.remote(request)] = machine

    def answer(self) -> tuple[int, Answer] | None:
        """See ``Machines``."""
        import ray

        ready, _ = ray.wait(list(self._pending), num_returns=1, timeout=ANSWER_TIMEOUT_S)
        self._watch_head()
        if not ready:
            return self._too_late()
        machine = self._pending.pop(ready[0])
        self._preparing.discard(machine)
        try:
            answer: Answer = ray.get(ready[0], timeout=RESULT_TIMEOUT_S)
        except ray.exceptions.RayError as error:
            log.info("machine %s: %s", self.names[machine], error)
            if isinstance(error, ray.exceptions.RayTaskError):
                ray.kill(self._actors[machine])  # it is still there
            return machine, Lost(_reason(error))
        return machine, answer

    def _too_late(self) -> tuple[int, Answer] | None:
        """Return a machine that did not start in time as lost."""
        if not self._preparing or self.clock() - self._started < START_TIMEOUT_S:
            return None
        import ray

        machine = self._preparing.pop()
        self._pending = {answer: one for answer, one in self._pending.items() if one != machine}
        ray.kill(self._actors[machine])
        return machine, Lost(f"it did not start within {START_TIMEOUT_S:.0f} s; other programs may use it")

    def _watch_head(self) -> None:
        """Check that the head of the cluster is still there. Raises RemoteUnreachable."""
        if self.clock() - self._head_tried < ANSWER_TIMEOUT_S:
            return
        self._head_tried = self.clock()
        if address.answers(self.cluster.head, ANSWER_TIMEOUT_S) is None:
            self._head_seen = self.clock()
        elif self.clock() - self._head_seen > HEAD_LOST_S:
            raise RemoteUnreachable(f"the head of the Ray cluster at {self.cluster.address} was lost")


def _reason(error: Any) -> str:
    """Return why a machine is lost, in a few words."""
    cause = getattr(error, "cause", None)
    if cause is not None:
        return f"{type(cause).__name__}: {first_line(cause)}"[:200]
    lines = str(error).strip().splitlines()
    if lines and "creation task" in lines[0]:
        return lines[-1].strip()[:200]
    return "its process ended" if "Actor" in type(error).__name__ else type(error).__name__
