"""CSV cells: no formulas for a spreadsheet, and the same text again when read."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgevision.datasets.csv_labels import Row, format_rows, parse_rows
from edgevision.files.csv_cells import dumps, escape, unescape

FORMULAS = ["=HYPERLINK(1)", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", "＝1", "'=1"]


@pytest.mark.parametrize("cell", FORMULAS)
def test_formula_is_escaped(cell: str) -> None:
    assert escape(cell) == f"'{cell}" and unescape(escape(cell)) == cell


@pytest.mark.parametrize("cell", ["", "a=b", "0.5", "cats/1.png", "it's", "'quoted'", "a-b", "''"])
def test_other_text_stays_as_it_is(cell: str) -> None:
    assert escape(cell) == cell == unescape(cell)


@given(st.text("'=+-@a\t|", max_size=6))
def test_every_text_is_read_again(cell: str) -> None:
    ((read,),) = (
        csv.reader(
            io.StringIO(
                dumps(
                    [
                        [
                            cell,
                        ]
                    ]
                )
            )
        )
        if cell
        else (("",),)
    )
    assert unescape(read) == cell and not read.startswith(("=", "+", "-", "@", "\t"))


def test_split_file_with_formulas_is_read_again() -> None:
    rows = [
        Row("=cmd()/1.png", ("=cmd()",), "train", "g1", 2),
        Row("-a/+b.png", ("-a", "@b"), "test", "", 3),
        Row("'=x/1.png", ("'=x",), None, "", 4),
    ]
    text = format_rows(rows)
    cells = [cell for line in csv.reader(io.StringIO(text)) for cell in line]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
    assert parse_rows(text, "split.csv") == rows
