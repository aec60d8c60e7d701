"""Assignment of detections to tracks: the total cost is the smallest one."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from edgevision.device.tracking.assignment import assign
from hypothesis import given
from hypothesis import strategies as st

COSTS = st.integers(0, 5).flatmap(
    lambda rows: st.integers(0, 5).flatmap(
        lambda columns: st.lists(
            st.lists(st.integers(0, 14).map(lambda tenth: tenth / 10), min_size=columns, max_size=columns),
            min_size=rows,
            max_size=rows,
        ).map(lambda table: np.array(table, float).reshape(rows, columns))
    )
)


def cheapest(costs: np.ndarray[tuple[int, int], np.dtype[np.float64]], limit: float) -> float:
    """Return the smallest total cost, found by trying everything."""
    rows, columns = costs.shape
    padded = np.full((rows, columns + rows), limit)
    padded[:, :columns] = np.minimum(costs, limit)
    return min(
        sum(padded[row, chosen] for row, chosen in enumerate(one)) for one in permutations(range(columns + rows), rows)
    )


@given(COSTS)
def test_total_cost_is_the_smallest(costs: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> None:
    pairs = assign(costs, 1.0)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    assert all(costs[pair] < 1.0 for pair in pairs)
    total = sum(costs[pair] for pair in pairs) + (len(costs) - len(pairs)) * 1.0
    assert abs(total - cheapest(costs, 1.0)) < 1e-9


def test_crowd_of_equal_costs_is_assigned_completely() -> None:
    assert len(assign(np.full((40, 30), 0.5), 1.0)) == 30
