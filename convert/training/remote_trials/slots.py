"""Which parts of a cluster's machines run a trial each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

CPUS_PER_TRIAL = 4
"""Cores of a trial: with more, a step of a small network hardly becomes faster, and two trials at once are."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Part of a machine that runs one trial at a time."""

    node: str
    """Ray's identifier of the machine."""
    name: str
    """For the user: ``door (10.0.0.6)``, or the name of ``ray start --node-name``; with a number if it has several slots."""
    cpus: int
    gpus: int


def slots_of(nodes: Sequence[Mapping[str, Any]]) -> tuple[Slot, ...]:
    """Return the slots of the machines that ``ray.nodes()`` lists: one for each GPU, otherwise one for each four cores."""
    found = list[Slot]()
    for node in nodes:
        cpus, gpus = (int(node.get("Resources", {}).get(kind, 0)) for kind in ("CPU", "GPU"))
        if node["Alive"] and cpus >= 1:
            count = min(gpus, cpus) or max(1, cpus // CPUS_PER_TRIAL)
            name = f"{node['NodeManagerHostname']} ({node.get('NodeName') or node['NodeManagerAddress']})"
            found += [Slot(node["NodeID"], name, cpus // count, 1 if gpus else 0)] * count
    return _numbered(found)


def _numbered(slots: Sequence[Slot]) -> tuple[Slot, ...]:
    """Add a number to names that several slots have."""
    counts, seen = Counter(slot.name for slot in slots), Counter[str]()
    named = list[Slot]()
    for slot in slots:
        seen[slot.name] += 1
        many = counts[slot.name] > 1
        named.append(replace(slot, name=f"{slot.name} #{seen[slot.name]}") if many else slot)
    return tuple(named)
