"""The machines of a training, as the environment variable TF_CONFIG names them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from edgevision.errors import BadInput
from edgevision.files import strict_json

VARIABLE = "TF_CONFIG"
CHIEF, WORKER = "chief", "worker"
JOBS = (CHIEF, WORKER)
MAX_MACHINES = 1000
MAX_ADDRESS = 300
_WHAT = f"the environment variable {VARIABLE}"


@dataclass(frozen=True, slots=True)
class Cluster:
    """The machines of a training, of which the first is the chief."""

    addresses: tuple[str, ...]
    """HOST:PORT of each machine."""
    rank: int
    """Index of this machine; 0 is the chief."""
    has_chief: bool = False
    """Whether TF_CONFIG names the chief as such; otherwise it is the first worker."""

    @property
    def chief(self) -> tuple[str, int]:
        """Host and port of the chief."""
        return _split(self.addresses[0])

    @property
    def port(self) -> int:
        """Port of this machine."""
        return _split(self.addresses[self.rank])[1]

    def name(self, rank: int) -> str:
        """Return a readable name of a machine: ``machine 2 of 3 (b:4000)``."""
        return f"machine {rank + 1} of {len(self.addresses)} ({self.addresses[rank]})"

    def rank_of(self, job: str, index: int) -> int:
        """Return the index of the machine that TF_CONFIG gives a job and an index of that job."""
        return index + (1 if job == WORKER and self.has_chief else 0)


def named_cluster(environ: Mapping[str, str] = os.environ) -> Cluster | None:
    """Return the machines that TF_CONFIG names, or None if it names at most one. Raises BadInput."""
    text = environ.get(VARIABLE) or "{}"
    try:
        value = strict_json.fields(strict_json.loads(text, _WHAT), VARIABLE)
        jobs = strict_json.fields(value.get("cluster", {}), "cluster")
        if sum(len(strict_json.items(tasks, job, MAX_MACHINES)) for job, tasks in jobs.items()) < 2:
            return None
        others = sorted(job for job, tasks in jobs.items() if tasks and job not in JOBS)
        if others:
            raise ValueError(f"cluster: expected {CHIEF} and {WORKER} only, got {', '.join(others)}")
        if len(jobs.get(CHIEF, [])) > 1:
            raise ValueError(f"{CHIEF}: expected one machine, got {len(jobs[CHIEF])}")
        addresses = tuple(strict_json.text(one, job, MAX_ADDRESS) for job in JOBS for one in jobs.get(job, []))
        for one in addresses:
            _split(one)
        if len(set(addresses)) < len(addresses):
            raise ValueError("cluster: expected a different HOST:PORT for each machine")
        cluster = Cluster(addresses, 0, bool(jobs.get(CHIEF)))
        return replace(cluster, rank=_rank(strict_json.fields(value.get("task", {}), "task"), jobs, cluster))
    except BadInput:
        raise
    except ValueError as error:
        raise BadInput(
            f"{_WHAT} is invalid ({error}); correct it (docs/guides/several-machines.md), or unset it to train on this "
            "machine alone"
        ) from None


def require_one_machine(what: str) -> None:
    """Refuse to train something on several machines. Raises BadInput."""
    cluster = named_cluster()
    if cluster is not None:
        raise BadInput(
            f"{_WHAT} names {len(cluster.addresses)} machines, but {what} needs one machine; unset {VARIABLE} and "
            "train on one"
        )


def _rank(task: dict[str, object], jobs: dict[str, list[object]], cluster: Cluster) -> int:
    """Return the index of this machine. Raises ValueError."""
    job = task.get("type")
    if job not in JOBS or not jobs.get(str(job)):
        raise ValueError(f"task.type: expected {' or '.join(one for one in JOBS if jobs.get(one))}, got {job!r}")
    index = strict_json.whole(task.get("index"), "task.index", 0, len(jobs[str(job)]) - 1)
    return cluster.rank_of(str(job), index)


def _split(address: str) -> tuple[str, int]:
    """Return host and port of HOST:PORT or [IPV6]:PORT. Raises ValueError."""
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"cluster: expected HOST:PORT, got {address!r}")
    return host.strip("[]"), int(port)
