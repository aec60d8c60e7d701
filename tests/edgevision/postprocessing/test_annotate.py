"""Predictions drawn on frames: right position and color, never outside, readable at any size, in any script."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgevision.postprocessing import annotate as drawing
from edgevision.postprocessing import text as lettering
from edgevision.postprocessing.annotate import annotate, colour
from edgevision.postprocessing.segmentation import UNSEEN
from edgevision.types import Detection, Frame, Keypoint, Label, LineCount, Order, Prediction, Region, ZoneOccupancy


@pytest.fixture(params=["own font", "line font"])
def font(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run a test with OpenCV 5's font (if this is OpenCV 5), and with OpenCV 4's line font."""
    if request.param == "line font":
        monkeypatch.setattr(lettering, "_font", lambda: None)
    lettering.label.cache_clear()
    yield request.param
    lettering.label.cache_clear()


def plain(width: int, height: int, order: Order = "RGB", value: int = 100) -> Frame:
    shape = (height, width) if order == "GRAY" else (height, width, 3)
    return Frame(np.full(shape, value, np.uint8), order, index=7, source="here")


def detection(*boxes: tuple[float, float, float, float], name: str = "cat", index: int = 3) -> Prediction:
    return Prediction("detection", objects=tuple(Detection(index, name, 0.9, box) for box in boxes))


def painted(frame: Frame, ink: tuple[int, int, int]) -> np.ndarray:
    """Return where a frame has exactly this color (red, green, blue)."""
    pixels = frame.pixels if frame.order == "RGB" else frame.pixels[..., ::-1]
    return (pixels == ink).all(axis=-1)


@pytest.mark.parametrize("order", ["RGB", "BGR", "GRAY"])
def test_box_is_drawn_in_place_on_a_copy(font: str, order: Order) -> None:
    frame = plain(640, 480, order)
    drawn = annotate(frame, detection((100.0, 120.0, 300.0, 400.0)))
    assert (frame.pixels == 100).all()
    assert drawn.order == ("BGR" if order == "BGR" else "RGB")
    assert (drawn.width, drawn.height, drawn.index, drawn.source) == (640, 480, 7, "here")
    ink = painted(drawn, colour(3))
    for y, x in ((120, 200), (400, 200), (250, 100), (250, 300)):
        assert ink[y, x]
    assert not ink[130:390, 110:290].any()
    # The name is on the class's color, right above the box.
    label = ink[120 - 24 : 118, 100:150]
    assert label.mean() > 0.4
    assert (drawn.pixels[98:118, 100:160] == 0).all(axis=-1).any()


def test_boxes_are_enlarged_with_small_frames(font: str) -> None:
    drawn = annotate(plain(100, 60), detection((20.0, 20.0, 80.0, 50.0)))
    assert (drawn.width, drawn.height) == (400, 240)
    ink = painted(drawn, colour(3))
    assert ink[80, 200]
    assert ink[150, 80]
    assert not ink[140:190, 100:300].any()


@pytest.mark.parametrize("size", [(64, 64), (320, 240), (1280, 720), (3840, 2160)])
def test_text_scales_with_the_image(font: str, size: tuple[int, int]) -> None:
    found = Prediction("classification", (Label(3, "cat", 0.9),))
    drawn = annotate(plain(*size), found)
    rows = np.flatnonzero(painted(drawn, colour(3))[:, 1])
    tall = rows[-1] + 1
    assert tall >= 14
    assert 0.03 <= tall / min(drawn.width, drawn.height) <= 0.1


def test_enlargement_of_a_frame_is_limited() -> None:
    drawn = annotate(plain(3000, 2), Prediction("classification"))
    assert (drawn.width, drawn.height) == (3000, 2)


@pytest.mark.parametrize(
    "box", [(0, 0, 639, 100), (0, 0, 640, 480), (600, 440, 640, 480), (0, 470, 20, 480), (630, 0, 640, 10)]
)
def test_labels_stay_in_the_image(font: str, box: tuple[float, float, float, float]) -> None:
    drawn = annotate(plain(640, 480), detection(box, name="a rather long name for a small thing"))
    assert painted(drawn, colour(3)).sum() > 12 * 200


def test_labels_at_the_same_place_do_not_overlap() -> None:
    box = (100.0, 100.0, 500.0, 300.0)
    found = tuple(Detection(n, f"thing {n}", 0.9 - n / 10, box) for n in range(3))
    drawn = annotate(plain(640, 480), Prediction("detection", objects=found))
    for n, thing in enumerate(found):
        whole = lettering.label(f"{thing.name} {thing.score:.2f}", 17, colour(n))
        assert painted(drawn, colour(n)).sum() >= (whole == colour(n)).all(axis=-1).sum()


def test_lines_and_zones_are_drawn_where_they_are() -> None:
    line = LineCount("door", (0.5, 1.0), (0.5, 0.0), forward=1, backward=0)
    zone = ZoneOccupancy("yard", ((0.6, 0.2), (0.9, 0.2), (0.9, 0.8), (0.6, 0.8)), tracks=())
    drawn = annotate(plain(640, 480), Prediction("detection", counts=(line,), zones=(zone,))).pixels
    white = (drawn == 255).all(axis=-1)
    assert white[60:, 320].all()
    assert white[96:384, 383].all()
    assert white[96, 390:570].all()
    assert white[240, 322:340].all()  # the arrow points to the right of the line, seen from its start
    assert not white[200:300, 300:315].any()


def test_tracked_object_is_labeled_with_its_number() -> None:
    found = Detection(0, "cat", 0.9, (10.0, 10.0, 50.0, 50.0), track=12)
    assert found.title == "cat #12"


def test_mask_colors_only_its_classes() -> None:
    mask = np.array([[0, 2], [UNSEEN, 2]], np.uint8)
    regions = (Region(2, "dog", 0.5, 2), Region(0, "background", 0.25, 1))
    drawn = annotate(plain(600, 400), Prediction("segmentation", regions=regions, mask=mask))
    assert (drawn.pixels[100:190, 50:290] == 100).all()
    assert (drawn.pixels[210:, :290] == 100).all()
    inside = drawn.pixels[50:390, 320:590]
    mixed = [round(100 * (1 - drawing.MASK_OPACITY) + c * drawing.MASK_OPACITY) for c in colour(2)]
    assert (inside == mixed).all()
    # An opaque edge, and a list of the classes without the background.
    assert painted(drawn, colour(2))[100:300, 298:303].any(axis=1).all()
    assert painted(drawn, colour(2))[2, 2]
    assert not painted(drawn, colour(0)).any()


def test_mask_of_an_object_colors_only_the_object() -> None:
    mask = np.zeros((4, 4), np.uint8)
    mask[1:3, 1:3] = 1
    mask[0, 0] = mask[1, 3] = UNSEEN
    found = Detection(3, "cat", 0.9, (100.0, 100.0, 400.0, 300.0), mask=mask)
    drawn = annotate(plain(400, 400), Prediction("detection", objects=(found,)))
    mixed = [round(100 * (1 - drawing.MASK_OPACITY) + c * drawing.MASK_OPACITY) for c in colour(3)]
    assert (drawn.pixels[140:290, 120:290] == mixed).all()
    assert painted(drawn, colour(3))[150:280, 299].all()  # the edge
    assert (drawn.pixels[140:290, 310:390] == 100).all()


def test_key_points_are_joined_by_a_skeleton() -> None:
    points = (
        Keypoint("left_shoulder", 100.0, 200.0, 0.9),
        Keypoint("right_shoulder", 300.0, 200.0, None),
        Keypoint("left_elbow", 100.0, 300.0, 0.1),  # not sure enough
        Keypoint("tail", 350.0, 350.0, 0.9),
        Keypoint("nose", 1e12, -1e12, 0.9),  # far outside
    )
    found = Detection(3, "person", 0.9, (50.0, 50.0, 390.0, 390.0), keypoints=points)
    ink = painted(annotate(plain(400, 400), Prediction("detection", objects=(found,))), colour(3))
    assert ink[200, 110:290].all()
    assert ink[350, 350]
    assert not ink[300, 60:380].any()


def test_labels_of_a_classifier_are_drawn_as_a_list(font: str) -> None:
    labels = tuple(Label(n, f"class {n}", 0.5) for n in range(3))
    drawn = annotate(plain(640, 480), Prediction("classification", labels))
    first = [int(np.flatnonzero(painted(drawn, colour(n))[:, 1])[0]) for n in range(3)]
    assert first == sorted(first)
    assert first[0] == 0
    unknown = annotate(plain(640, 480), Prediction("classification"))
    assert painted(unknown, drawing.UNKNOWN_PAPER)[1, 1]


@pytest.mark.parametrize("text", ["Löwe", "猫", "a\nb\x1b[31m", "", "x" * 500])
def test_any_name_is_drawn_in_one_line(font: str, text: str) -> None:
    drawn = lettering.label(text, 20, (200, 200, 0))
    assert drawn.shape[0] == 28
    assert drawn.shape[1] <= 80 * 20
    if text:
        assert (drawn != (200, 200, 0)).any()
    plainer = {"Löwe": "Lowe", "猫": "?"}.get(text)
    if font == "line font" and plainer:
        assert np.array_equal(drawn, lettering.label(plainer, 20, (200, 200, 0)))


@given(st.integers(0, 10_000))
def test_text_has_contrast_and_neighboring_colors_differ(index: int) -> None:
    paper = colour(index)
    ink = lettering.ink_on(paper)
    assert abs(sum(ink) - sum(paper)) > 200
    assert max(abs(a - b) for a, b in zip(paper, colour(index + 1), strict=True)) > 40


@settings(max_examples=40)
@given(
    st.integers(1, 500),
    st.integers(1, 500),
    st.lists(st.tuples(*[st.floats(0, 1)] * 4, st.text(max_size=90)), max_size=6),
)
def test_any_boxes_can_be_drawn(width: int, height: int, found: list[tuple[float, float, float, float, str]]) -> None:
    objects = tuple(
        Detection(n, name, 0.5, (min(a, c) * width, min(b, d) * height, max(a, c) * width, max(b, d) * height))
        for n, (a, b, c, d, name) in enumerate(found)
    )
    drawn = annotate(plain(width, height), Prediction("detection", objects=objects))
    assert drawn.width % width == 0
    assert drawn.height % height == 0
    assert drawn.pixels.dtype == np.uint8
