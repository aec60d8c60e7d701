"""The core set: few patches that stand for all patches of good photos, and the limit from photos that were held out.

Greedy k-center, as in PatchCore (K. Roth et al., CVPR 2022, algorithm 1): each new patch is the one farthest from those chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

POOL = 20_000
"""Patches that the core set is chosen from; more are drawn at random from all."""
PROJECTED = 64
"""Numbers of a patch while choosing, by a random projection."""


class Limit(NamedTuple):
    """A limit of the distance, and what it promises."""

    distance: float
    false_alarm_rate: float
    """Largest share of good photos that exceed it, on average over such trainings."""


def core_set(patches: Vectors, count: int, seed: int) -> npt.NDArray[np.int64]:
    """Return the numbers of at most ``count`` of the patches (n, features)."""
    random = np.random.default_rng(seed)
    pool = random.permutation(len(patches))[:POOL]
    found = patches[pool].astype(np.float32)
    if found.shape[1] > PROJECTED:
        found = found @ (random.standard_normal((found.shape[1], PROJECTED)) / np.sqrt(PROJECTED)).astype(np.float32)
    chosen = [int(random.integers(len(found)))]
    nearest = _squares(found, found[chosen[0]])
    while len(chosen) < min(count, len(found)):
        farthest = int(nearest.argmax())
        if nearest[farthest] <= 0:
            break  # every patch is there
        chosen.append(farthest)
        nearest = np.minimum(nearest, _squares(found, found[farthest]))
    return np.asarray(pool[chosen], np.int64)


def _squares(vectors: Vectors, center: Vectors) -> Vectors:
    difference = vectors - center
    squares: Vectors = np.einsum("ij,ij->i", difference, difference)
    return squares


def limit_of(largest: npt.NDArray[np.float64], rate: float) -> Limit:
    """Return the limit from the largest distance of each held-out photo, for a wanted rate of false alarms, above 0, below 1.

    Of n + 1 exchangeable photos, each is equally likely to be the farthest, so the k-th largest of n is exceeded with
    probability k / (n + 1) (split conformal prediction, V. Vovk et al., 2005). Too few photos for the rate: the largest.
    """
    ordered = np.sort(largest)[::-1]
    rank = max(1, int(rate * (len(ordered) + 1)))
    return Limit(float(ordered[rank - 1]), rank / (len(ordered) + 1))
