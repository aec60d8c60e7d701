"""CenterNet against an independent reading of the same numbers. Synthetic: no file with these outputs is available."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from edgevision.errors import BadModel
from edgevision.output_layouts.layout import OutputView
from edgevision.output_layouts.registry import open_layout, recognize
from edgevision.types import TensorSpec

ROWS, COLUMNS, CLASSES, STRIDE = 12, 16, 3, 4
Read = tuple[int, float, tuple[float, ...]]


def made(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a heat map (0..1), sizes (width, height) and offsets (x, y)."""
    heat = rng.uniform(0, 1, (1, ROWS, COLUMNS, CLASSES)).astype(np.float32) ** 3
    sizes = rng.uniform(1, 6, (1, ROWS, COLUMNS, 2)).astype(np.float32)
    return heat, sizes, rng.uniform(0, 1, (1, ROWS, COLUMNS, 2)).astype(np.float32)


def by_hand(heat: np.ndarray, sizes: np.ndarray, offsets: np.ndarray, limit: float) -> list[Read]:
    found = []
    for row in range(ROWS):
        for column in range(COLUMNS):
            peaks = []
            for index in range(CLASSES):
                around = heat[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2, index]
                if heat[row, column, index] >= max(limit, around.max()):
                    peaks.append((float(heat[row, column, index]), -index))
            if peaks:
                score, index = max(peaks)
                (w, h), (dx, dy) = sizes[row, column].tolist(), offsets[row, column].tolist()
                x, y = column + dx, row + dy
                box = tuple(v * STRIDE for v in (x - w / 2, y - h / 2, x + w / 2, y + h / 2))
                found.append((-index, score, box))
    return found


def view(names: Sequence[str], channels: Sequence[int]) -> OutputView:
    specs = [TensorSpec(name, (1, ROWS, COLUMNS, n), "float32") for name, n in zip(names, channels, strict=True)]
    return OutputView(tuple(specs), COLUMNS * STRIDE, ROWS * STRIDE)


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("names", [("hm", "wh", "reg"), ("center", "box/size", "box/offset")])
def test_centers_sizes_and_offsets_are_read(names: tuple[str, str, str], raw: bool) -> None:
    heat, sizes, offsets = made(np.random.default_rng(1))
    across_first = names[0] == "hm"
    stored = [
        np.log(heat / (1 - heat)) if raw else heat,
        *((part if across_first else part[..., ::-1]) for part in (sizes, offsets)),
    ]
    for order in ((0, 1, 2), (2, 0, 1)):
        shown = view([names[n] for n in order], [stored[n].shape[3] for n in order])
        (layout,) = recognize(shown)
        found = layout.read([stored[n] for n in order], 0.3)
        expected = by_hand(heat[0], sizes[0], offsets[0], 0.3)
        assert (layout.name, layout.classes) == ("centernet", CLASSES)
        assert len(expected) > 10
        assert found.classes.tolist() == [one[0] for one in expected]
        np.testing.assert_allclose(found.scores, [one[1] for one in expected], atol=1e-4)
        np.testing.assert_allclose(found.boxes, [one[2] for one in expected], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16"])
def test_quantized_heat_maps_give_the_same_objects(dtype: str) -> None:
    heat, sizes, offsets = made(np.random.default_rng(2))
    low, span = np.iinfo(dtype).min, np.iinfo(dtype).max - np.iinfo(dtype).min
    stored = (np.rint(heat * span) + low).astype(dtype)
    specs = (
        TensorSpec("hm", heat.shape, dtype, 1 / span, int(low)),
        TensorSpec("wh", sizes.shape, "float32"),
        TensorSpec("reg", offsets.shape, "float32"),
    )
    found = open_layout(OutputView(specs, COLUMNS * STRIDE, ROWS * STRIDE)).read([stored, sizes, offsets], 0.3)
    real = ((stored.astype(np.float64) - low) / span)[0]
    expected = by_hand(real, sizes[0], offsets[0], 0.3)
    np.testing.assert_allclose(found.boxes, [one[2] for one in expected], rtol=1e-4, atol=1e-3)


def test_names_that_do_not_tell_are_not_guessed() -> None:
    shown = view(("out:0", "out:1", "out:2"), (CLASSES, 2, 2))
    assert [layout.name for layout in recognize(shown)] == []
    with pytest.raises(BadModel, match="cannot tell sizes from offsets by the names"):
        open_layout(shown, "centernet")
