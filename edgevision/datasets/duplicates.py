"""Search for duplicate images: the same bytes, or the same image scaled, saved again or mirrored.

Candidates are found by bands: hashes that differ in at most seven bits agree in at least one of their eight bytes, so
only images that share a byte at the same position are compared. Ten thousand images take one second instead of fifty
million comparisons.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from . import perceptual_hash

if TYPE_CHECKING:
    import numpy.typing as npt

    Indices = npt.NDArray[np.int64]

FILLS = 0.5
"""A group with a larger fraction of a class cannot be kept in one part of a split."""
_RUN = 0.05
"""Size of the runs that such a group is cut into, as a fraction of its class."""
_ROWS, _PAIRS = 64, 8192
"""Rows and pairs compared at a time, which limits the memory for a set of similar images."""


@dataclass(frozen=True, slots=True)
class Alike:
    """The groups of duplicates in a dataset."""

    groups: tuple[tuple[int, ...], ...]
    """Sorted indices of two or more images that are equal or look alike, per group."""
    still: int = 0
    """Number of images in scenes that make up most of a class, as from a camera that never moves. Such a group is cut into
    runs of neighbors."""


def find_alike(digests: Sequence[str], thumbs: perceptual_hash.Thumbs, labels: Sequence[tuple[str, ...]]) -> Alike:
    """Group equal and nearly equal images. The images must be sorted by path.

    ``digests``: sha256 of each file; ``thumbs``: one thumbnail per image, uint8 (n, 32, 32).
    """
    same = _same_bytes(digests)
    first = np.array([indices[0] for indices in same], np.int64)
    sizes = Counter(label for of_one in labels for label in of_one)
    groups: list[tuple[int, ...]] = []
    still = 0
    for members in _members(_Linker(thumbs[first]).run()):
        pictures = [i for m in members for i in same[m]]
        inside = Counter(label for i in pictures for label in labels[i])
        if len(members) > 1 and any(n > sizes[label] * FILLS and sizes[label] >= 8 for label, n in inside.items()):
            groups += [
                tuple(sorted(i for m in run for i in same[m])) for run in _runs(members, min(sizes[n] for n in inside))
            ]
            still += len(pictures)
        else:
            groups.append(tuple(sorted(pictures)))
    return Alike(tuple(sorted(group for group in groups if len(group) > 1)), still)


def _same_bytes(digests: Sequence[str]) -> list[list[int]]:
    found: dict[str, list[int]] = {}
    for index, digest in enumerate(digests):
        found.setdefault(digest, []).append(index)
    return list(found.values())


def _runs(members: Indices, size: int) -> list[Indices]:
    """Cut a group into runs of neighbors by path, which is by time for a camera. Only the ends of runs can leak."""
    length = max(1, int(size * _RUN))
    return [members[start : start + length] for start in range(0, len(members), length)]


class _Linker:
    """Join similar images, bucket by bucket. Pairs that are already joined are not compared again."""

    def __init__(self, thumbs: perceptual_hash.Thumbs) -> None:
        self._thumbs = thumbs
        self._parts = perceptual_hash.parts(thumbs)
        self._clear = np.flatnonzero(~perceptual_hash.is_flat(thumbs))
        self._group = np.arange(len(thumbs))

    def run(self) -> Indices:
        """Return a group number per image, the same for images that are linked directly or through others."""
        hashes = perceptual_hash.hashes(self._thumbs[self._clear])
        for mirrored in (False, True):
            others = perceptual_hash.hashes(self._thumbs[self._clear], mirrored=True) if mirrored else hashes
            for rows, columns in _bands(hashes, others):
                for start in range(0, len(rows), _ROWS):
                    some = rows[start : start + _ROWS]
                    near = (
                        perceptual_hash.distances(hashes[some][:, None], others[columns][None])
                        <= perceptual_hash.MAX_DISTANCE
                    )
                    down, across = np.nonzero(near)
                    self._join(self._clear[some[down]], self._clear[columns[across]], mirrored)
        return self._group

    def _join(self, left: Indices, right: Indices, mirrored: bool) -> None:
        """Compare pairs with similar hashes, some at a time, and join the groups of pairs that look alike."""
        while len(left):
            apart = self._group[left] != self._group[right]
            left, right = left[apart], right[apart]
            near, far = self._alike(left[:_PAIRS], right[:_PAIRS], mirrored)
            for i, j in zip(near, far, strict=True):
                if self._group[i] != self._group[j]:
                    self._group[self._group == self._group[j]] = self._group[i]
            left, right = left[_PAIRS:], right[_PAIRS:]

    def _alike(self, left: Indices, right: Indices, mirrored: bool) -> tuple[Indices, Indices]:
        """Return the pairs that look alike, compared first by 64 means and then pixel by pixel."""
        turn = slice(None, None, -1 if mirrored else 1)
        rough = (
            np.abs(self._parts[left] - self._parts[right][:, :, turn]).max(axis=(1, 2))
            <= perceptual_hash.MAX_DIFFERENCE
        )
        left, right = left[rough], right[rough]
        exact = (
            perceptual_hash.differences(self._thumbs[left], self._thumbs[right][:, :, turn])
            <= perceptual_hash.MAX_DIFFERENCE
        )
        return left[exact], right[exact]


def _bands(hashes: perceptual_hash.Hashes, others: perceptual_hash.Hashes) -> Iterator[tuple[Indices, Indices]]:
    """Yield the indices whose hashes share one byte, position by position."""
    for place in range(8):
        left, right = (np.ascontiguousarray(h).view(np.uint8).reshape(-1, 8)[:, place] for h in (hashes, others))
        order_left, order_right = np.argsort(left, kind="stable"), np.argsort(right, kind="stable")
        values = np.arange(257)
        at_left, at_right = np.searchsorted(left[order_left], values), np.searchsorted(right[order_right], values)
        for value in range(256):
            rows = order_left[at_left[value] : at_left[value + 1]]
            columns = order_right[at_right[value] : at_right[value + 1]]
            if len(rows) and len(columns):
                yield rows, columns


def _members(group: Indices) -> list[Indices]:
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    return np.split(order, starts[1:]) if len(order) else []
