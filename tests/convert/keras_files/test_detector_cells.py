"""The cells of a detector in its model card: they survive a round trip, and a damaged entry gives one line."""

from __future__ import annotations

from typing import Any

import pytest
from edgevision.convert.keras_files.detector_cells import CellGrid, grid_from_json
from hypothesis import given
from hypothesis import strategies as st

from edgevision.errors import BadModel

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(st.lists(st.sampled_from([4, 8, 16, 32, 64]), min_size=1, max_size=5), st.floats(0.5, 8.0))
def test_cells_survive_the_card(strides: list[int], side: float) -> None:
    grid = CellGrid(128, tuple(strides), side)
    assert grid_from_json(grid.to_json(), 128) == grid
    assert grid.anchors().shape == (grid.count, 4)


@given(JSON, st.sampled_from(["strides", "anchor_side", "scales", None]))
def test_damaged_entry_gives_cells_or_one_line(value: Any, key: str | None) -> None:
    entry = value if key is None else CellGrid(64).to_json() | {key: value}
    try:
        grid = grid_from_json(entry, 64)
    except BadModel as error:
        assert "train it again" in str(error)
        assert "\n" not in str(error)
    else:
        assert grid.anchors().shape[1] == 4


@pytest.mark.parametrize("entry", [None, {}, {"strides": []}, [], "cells"])
def test_entry_without_cells_is_refused(entry: Any) -> None:
    with pytest.raises(BadModel, match="does not describe the cells"):
        grid_from_json(entry, 64)
