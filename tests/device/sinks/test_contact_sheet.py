"""``--contact-sheet``: which frames it keeps, and that boxes, masks and labels are at the right positions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from edgevision.device.sinks.contact_sheet import COLUMNS, GAP, ROWS, TILE, ContactSheet
from edgevision.device.sinks.even_sample import EvenSampler
from edgevision.device.sinks.jsonl import run_lengths
from hypothesis import given
from hypothesis import strategies as st

from edgevision.errors import BadInput
from edgevision.postprocessing import annotate
from edgevision.preprocessing import decode
from edgevision.types import Detection, Frame, Label, Prediction

ROOM = COLUMNS * ROWS


@given(st.integers(2, 9), st.integers(0, 500))
def test_sampler_keeps_evenly_spaced_items(size: int, count: int) -> None:
    even: EvenSampler[int] = EvenSampler(size)
    for number in range(count):
        if even.wants():
            even.keep(number)
    kept = even.kept()
    assert len(kept) == min(count, size)
    steps = np.diff(kept)
    assert not len(steps) or steps.max() <= 2 * steps.min()
    assert not kept or kept[0] == 0


def frame(index: int, level: int = 60, size: tuple[int, int] = (640, 480)) -> Frame:
    return Frame(np.full((size[1], size[0], 3), level, np.uint8), "BGR", index, 0.1 * index, "test:")


def sees(name: int) -> Prediction:
    return Prediction("classification", (Label(name, f"class {name}", 0.9),))


def sheet_of(path: Path) -> np.ndarray:
    """Return the pixels of a sheet, (height, width, 3), BGR."""
    return decode.read(path).pixels


def tiles(path: Path) -> int:
    """Count the tiles of a sheet: their centers differ from the background color."""
    drawn = sheet_of(path)
    step_x, step_y = TILE[0] + GAP, (drawn.shape[0] - GAP) // max(1, round(drawn.shape[0] / (TILE[1] + 36)))
    paper = drawn[2, 2]
    found = 0
    for y in range(GAP + TILE[1] // 2, drawn.shape[0], step_y):
        found += sum(bool((drawn[y, x] != paper).any()) for x in range(GAP + TILE[0] // 2, drawn.shape[1], step_x))
    return found


def test_frames_with_a_changed_prediction_have_priority(tmp_path: Path) -> None:
    """A visitor in one frame of a thousand is on the sheet."""
    path = tmp_path / "sheet.png"
    sheet = ContactSheet(path)
    for index in range(1000):
        visitor = index == 777
        sheet.write(frame(index, 250 if visitor else 60), sees(1 if visitor else 0))
    sheet.close()
    sheet.close()
    assert tiles(path) == ROOM
    drawn = sheet_of(path)
    bright = sum(
        int(drawn[GAP + TILE[1] // 2 + row * 396, GAP + TILE[0] // 2 + column * (TILE[0] + GAP), 0]) > 200
        for row in range(ROWS)
        for column in range(COLUMNS)
    )
    assert bright == 1


def test_sheet_contains_all_of_few_frames(tmp_path: Path) -> None:
    sheet = ContactSheet(tmp_path / "sheet.png")
    for index in range(3):
        sheet.write(frame(index), sees(0))
    sheet.close()
    assert tiles(tmp_path / "sheet.png") == 3


def test_sheet_format_is_jpeg_or_png_only(tmp_path: Path) -> None:
    sheet = ContactSheet(tmp_path / "sheet.JPG")
    sheet.write(frame(0), sees(0))
    sheet.close()
    assert (tmp_path / "sheet.JPG").read_bytes().startswith(b"\xff\xd8")
    with pytest.raises(BadInput, match="'sheet\\.gif'"):
        ContactSheet(tmp_path / "sheet.gif")


def test_no_sheet_is_written_without_frames(tmp_path: Path) -> None:
    ContactSheet(tmp_path / "sheet.png").close()
    assert not (tmp_path / "sheet.png").exists()


@pytest.mark.parametrize(("size", "scale"), [((1280, 720), 0.375), ((640, 480), 0.75), ((100, 80), 3.0)])
def test_boxes_are_at_the_right_position(tmp_path: Path, size: tuple[int, int], scale: float) -> None:
    """A box in the lower right quarter of the frame is in the lower right quarter of its tile, which may be enlarged."""
    width, height = size
    box = (width * 0.5, height * 0.5, width * 0.9, height * 0.9)
    found = Prediction("detection", objects=(Detection(3, "", 0.9, box),))
    sheet = ContactSheet(tmp_path / "sheet.png")
    sheet.write(frame(0, 60, size), found)
    sheet.close()
    drawn = sheet_of(tmp_path / "sheet.png").astype(int)[..., ::-1]
    coloured = np.abs(drawn - annotate.colour(3)).sum(axis=2) < 60
    ys, xs = np.nonzero(coloured[GAP : GAP + round(height * scale), GAP : GAP + round(width * scale)])
    assert xs.min() == pytest.approx(width * scale * 0.5, abs=8)
    assert xs.max() == pytest.approx(width * scale * 0.9, abs=8)
    assert ys.max() == pytest.approx(height * scale * 0.9, abs=8)


def test_gray_frames_are_drawn(tmp_path: Path) -> None:
    gray = replace(frame(0), pixels=np.full((480, 640), 77, np.uint8), order="GRAY")
    sheet = ContactSheet(tmp_path / "sheet.png")
    sheet.write(gray, sees(0))
    sheet.close()
    assert tuple(sheet_of(tmp_path / "sheet.png")[GAP + 200, GAP + 240]) == (77, 77, 77)


@given(st.data())
def test_run_lengths_restore_the_mask(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 12))
    values = data.draw(st.lists(st.sampled_from([0, 0, 3, 255]), min_size=height * width, max_size=height * width))
    mask = np.array(values, np.uint8).reshape(height, width)
    record = run_lengths(mask)
    counts = record["counts"]
    assert (record["width"], record["height"], record["encoding"]) == (width, height, "rle-row-major")
    assert [c for c, n in zip(counts[::2], counts[1::2], strict=True) for _ in range(n)] == values
    assert all(a != b for a, b in zip(counts[::2], counts[2::2], strict=False))
