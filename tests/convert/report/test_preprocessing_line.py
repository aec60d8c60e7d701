"""The line on the preprocessing in the summary of a conversion."""

from __future__ import annotations

import pytest
from edgevision.convert.report.preprocessing_line import preprocessing_line

from edgevision.preprocessing.spec import Preprocessing

PLAIN = Preprocessing(8, 8)


@pytest.mark.parametrize(
    ("stored", "source", "line"),
    [
        (PLAIN, PLAIN, "8x8 RGB, stretch, bytes 0..255"),
        (
            Preprocessing(8, 8, mean=(127.5,), std=(127.5,)),
            Preprocessing(8, 8, mean=(127.5,), std=(127.5,)),
            "8x8 RGB, stretch, (pixel - 127.5) / 127.5",
        ),
        (
            PLAIN,
            Preprocessing(8, 8, mean=(127.5,)),
            "8x8 RGB, stretch, (pixel - 127.5) / 1, computed by the model's first layer",
        ),
        (
            PLAIN,
            Preprocessing(8, 8, order="BGR", mean=(103.9, 116.8, 123.7)),
            "8x8 BGR, stretch, (pixel - [103.9, 116.8, 123.7]) / 1, computed by the model's first layer",
        ),
        (
            PLAIN,
            Preprocessing(8, 8, order="BGR"),
            "8x8 BGR, stretch, bytes 0..255, computed by the model's first layer",
        ),
    ],
)
def test_line_says_what_the_whole_model_does(stored: Preprocessing, source: Preprocessing, line: str) -> None:
    assert preprocessing_line(stored, source) == line
