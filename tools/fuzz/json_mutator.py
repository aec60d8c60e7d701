"""Mutation of JSON documents by structure, so that most results are still valid JSON and reach the code behind the parser."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 3, 255, 2**31, 2**63, -(2**63), 10**18, 0.5, -0.0, 1e300, 1e-300),
    *("", "0", "é\u202e\x1b[31m", "a\nb", "../../x", "/etc/passwd", "x" * 2000),
    *([], {}, [0], [[]], [None], {"": None}, [1, 2, 3], ["a", "b"]),
)
"""Values that readers forget."""
MAX_CHANGES = 4
N_RAW = 10
"""One in this many mutations changes bytes instead of values."""


def mutate(data: bytes, seed: int, longest: int, change_bytes: Callable[[bytes, int], bytes]) -> bytes:
    """Return a changed document of at most ``longest`` bytes; ``change_bytes`` is for what is not JSON."""
    chance = random.Random(seed)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return change_bytes(data, longest)
    if chance.randrange(N_RAW) == 0:
        return change_bytes(data, longest)
    for _ in range(chance.randint(1, MAX_CHANGES)):
        value = _changed(value, chance)
    made = json.dumps(value).encode()
    return made if len(made) <= longest else change_bytes(data, longest)


def _changed(value: Any, chance: random.Random) -> Any:
    """Return the document with one value replaced, removed, repeated or moved."""
    places = list(_places(value))
    if not places:
        return deepcopy(chance.choice(ODD))
    parent, key = chance.choice(places)
    other, other_key = chance.choice(places)
    kind = chance.randrange(6)
    if kind == 0:
        del parent[key]
    elif kind == 1 and isinstance(parent, list):
        parent.insert(key, deepcopy(parent[key]))
    elif kind == 2:
        parent[key] = deepcopy(other[other_key])
    elif kind == 3 and isinstance(parent[key], (int, float)) and not isinstance(parent[key], bool):
        parent[key] = chance.choice(
            (-parent[key], parent[key] * 2, parent[key] + 1, parent[key] * 1e6, parent[key] / 3)
        )
    elif kind == 4 and isinstance(parent[key], str):
        at = chance.randint(0, len(parent[key]))
        parent[key] = (
            parent[key][:at] + chance.choice(("\0", "\n", "\x1b[2J", "é", "/..", ":", '"', " ")) + parent[key][at:]
        )
    else:
        parent[key] = deepcopy(chance.choice(ODD))
    return value


def _places(value: Any) -> Any:
    """Yield every (container, key) of a document."""
    left = [value]
    while left:
        one = left.pop()
        for key, inner in one.items() if isinstance(one, dict) else enumerate(one) if isinstance(one, list) else ():
            yield one, key
            if isinstance(inner, (dict, list)):
                left.append(inner)
