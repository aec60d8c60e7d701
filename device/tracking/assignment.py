"""Assignment of detections to tracks with the smallest total cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Costs = npt.NDArray[np.float64]


def assign(costs: Costs, limit: float) -> list[tuple[int, int]]:
    """Return pairs of row and column so that the sum of their costs is smallest, where a row without a pair costs ``limit``.

    No pair costs ``limit`` or more. Most rows have one candidate that nobody else wants; only the others are optimized.
    """
    allowed = costs < limit
    alone = allowed & (allowed.sum(axis=1) == 1)[:, np.newaxis] & (allowed.sum(axis=0) == 1)
    pairs = [(int(row), int(column)) for row, column in zip(*np.nonzero(alone), strict=True)]
    allowed[alone] = False
    rows, columns = np.flatnonzero(allowed.any(axis=1)), np.flatnonzero(allowed.any(axis=0))
    if not rows.size:
        return pairs
    contested = np.minimum(costs[np.ix_(rows, columns)], limit)
    turned = rows.size > columns.size
    found = _shortest_paths(contested.T if turned else contested)
    for one, other in found:
        row, column = (other, one) if turned else (one, other)
        if contested[row, column] < limit:
            pairs.append((int(rows[row]), int(columns[column])))
    return pairs


def _shortest_paths(costs: Costs) -> list[tuple[int, int]]:
    """Return the cheapest pairs of every row with a column of its own; there are at least as many columns as rows.

    Shortest augmenting paths: Jonker and Volgenant, "A shortest augmenting path algorithm for dense and sparse linear
    assignment problems", Computing 38 (1987).
    """
    count_rows, count_columns = costs.shape
    row_price, column_price = np.zeros(count_rows), np.zeros(count_columns)
    owner = np.full(count_columns, -1)
    for start in range(count_rows):
        shortest = np.full(count_columns, np.inf)
        previous = np.full(count_columns, -1)
        done = np.zeros(count_columns, bool)
        row, reached, column = start, 0.0, -1
        while row >= 0:
            path = reached + costs[row] - row_price[row] - column_price
            better = (path < shortest) & ~done
            shortest[better], previous[better] = path[better], column
            column = int(np.where(done, np.inf, shortest).argmin())
            reached = float(shortest[column])
            row = int(owner[column])
            done[column] = row >= 0
        scanned = np.flatnonzero(done)
        slack = reached - shortest[scanned]
        row_price[owner[scanned]] += slack
        column_price[scanned] -= slack
        row_price[start] += reached
        while column >= 0:  # shift the owners along the path
            before = int(previous[column])
            owner[column] = start if before < 0 else owner[before]
            column = before
    return [(int(owner[column]), int(column)) for column in np.flatnonzero(owner >= 0)]
