"""Networks that find key points of people, against an independent reading of the same numbers, and on real files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from raw_outputs import photo_of_whole_blocks, raw_outputs

from edgevision import open_model
from edgevision.errors import BadModel
from edgevision.inspection import add_card
from edgevision.inspection.card_options import CardOptions
from edgevision.model_file import model_file
from edgevision.model_file.suitability import refuse_unusable
from edgevision.output_layouts.coco_keypoints import COCO_KEYPOINTS
from edgevision.output_layouts.layout import OutputView
from edgevision.output_layouts.pose import person
from edgevision.output_layouts.registry import open_layout, readable, recognize
from edgevision.types import TensorSpec

FILES = "files/google-coral+"
MOVENET = f"{FILES}test_data/movenet_single_pose_lightning_ptq.tflite"
POSENET = f"{FILES}project-posenet/models/mobilenet/components/posenet_mobilenet_v1_075_353_481_quant.tflite"
HEAT_MAPS = "files/openmv+openmv/lib/models/movenet_singlepose_192.tflite"
HOPPER = {"nose": (267, 231), "left_eye": (310, 190), "right_eye": (223, 190)}
"""Places of the face in grace_hopper.bmp, by eye (pixels)."""


def view(*shapes: tuple[int, ...], dtype: str = "float32", scale: float = 0.0, zero: int = 0) -> OutputView:
    specs = tuple(TensorSpec(f"out:{n}", shape, dtype, scale, zero) for n, shape in enumerate(shapes))
    return OutputView(specs, 192, 256)


def test_person_is_the_hull_of_its_confident_points() -> None:
    points = np.array([[10, 20, 0.9], [50, 30, 0.5], [30, 90, 0.4], [999, 999, 0.1], [5, np.nan, 0.9]], np.float32)
    found = person(points, 0.5)
    assert found.boxes.tolist() == [[10, 20, 50, 90]]
    assert found.scores[0] == pytest.approx(0.6)
    assert found.keypoints is not None and found.keypoints.values.shape == (1, 5, 3)
    assert not person(points, 0.7).scores.size
    assert not person(points[:2], 0.1).scores.size  # two points are too few


def test_single_pose_is_read_as_y_x_and_score() -> None:
    values = np.random.default_rng(1).uniform(0.3, 0.9, (1, 1, 17, 3)).astype(np.float32)
    (layout,) = recognize(view((1, 1, 17, 3)))
    found = layout.read([values], 0.1)
    assert layout.name == "movenet"
    assert found.keypoints is not None and found.keypoints.names == COCO_KEYPOINTS
    expected = [(x * 192, y * 256, score) for y, x, score in values[0, 0].tolist()]
    np.testing.assert_allclose(found.keypoints.values[0], expected, rtol=1e-5)
    assert found.scores[0] == pytest.approx(values[..., 2].mean(), abs=1e-5)


def test_several_poses_have_boxes_of_their_own() -> None:
    values = np.random.default_rng(2).uniform(0, 1, (1, 6, 56)).astype(np.float32)
    values[0, :, 55] = 0.9, 0.1, 0.6, 0.2, 0.3, 0.5
    (layout,) = recognize(view((1, 6, 56)))
    found = layout.read([values], 0.45)
    assert [round(float(score), 3) for score in found.scores] == [0.9, 0.6, 0.5]
    for box, points, row in zip(
        found.boxes, found.keypoints.values if found.keypoints else (), values[0, [0, 2, 5]], strict=True
    ):
        top, left, bottom, right = row[51:55].tolist()
        np.testing.assert_allclose(box, (left * 192, top * 256, right * 192, bottom * 256), rtol=1e-5)
        np.testing.assert_allclose(points, [(x * 192, y * 256, s) for y, x, s in row[:51].reshape(17, 3)], rtol=1e-5)


def posenet_by_hand(maps: np.ndarray, offsets: np.ndarray, width: int, height: int) -> list[tuple[float, float, float]]:
    """Return x, y and score of each point of one person."""
    rows, columns, count = maps.shape
    points = []
    for point in range(count):
        cells = [(float(maps[row, column, point]), row, column) for row in range(rows) for column in range(columns)]
        raw, row, column = max(cells, key=lambda cell: cell[0])
        y = row * (height - 1) / (rows - 1) + offsets[row, column, point]
        x = column * (width - 1) / (columns - 1) + offsets[row, column, point + count]
        points.append((x, y, 1 / (1 + math.exp(-raw))))
    return points


@pytest.mark.parametrize("more", [(), ((1, 9, 7, 64),), ((1, 9, 7, 32), (1, 9, 7, 32))])
def test_posenet_reads_the_best_cell_and_its_offset(more: tuple[tuple[int, ...], ...]) -> None:
    rng = np.random.default_rng(3)
    maps, offsets = (
        rng.normal(0, 2, (1, 9, 7, 17)).astype(np.float32),
        rng.normal(0, 9, (1, 9, 7, 34)).astype(np.float32),
    )
    others = [np.zeros(shape, np.float32) for shape in more]
    (layout,) = recognize(view(*more, maps.shape, offsets.shape))
    found = layout.read([*others, maps, offsets], 0.3)
    assert layout.name == "posenet" and found.keypoints is not None
    np.testing.assert_allclose(
        found.keypoints.values[0], posenet_by_hand(maps[0], offsets[0], 192, 256), rtol=1e-4, atol=1e-3
    )


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16"])
def test_quantized_heat_maps_give_the_real_places(dtype: str) -> None:
    stored = np.random.default_rng(4).integers(np.iinfo(dtype).min, np.iinfo(dtype).max, (1, 9, 7, 17)).astype(dtype)
    span, zero = np.iinfo(dtype).max - np.iinfo(dtype).min, int(np.iinfo(dtype).min)
    shown = view((1, 9, 7, 17), dtype=dtype, scale=1 / span, zero=zero)
    found = open_layout(shown, "heat-maps").read([stored], 0.3)
    assert found.keypoints is not None
    for n, (x, y, score) in enumerate(found.keypoints.values[0].tolist()):
        row, column = np.argwhere(stored[0, ..., n] == stored[0, ..., n].max())[0]
        assert (x, y) == pytest.approx(((column + 0.5) * 192 / 7, (row + 0.5) * 256 / 9), rel=1e-5)
        assert score == pytest.approx((int(stored[0, row, column, n]) - zero) / span, abs=1e-3)


@pytest.mark.parametrize("count", [14, 17])
def test_heat_maps_alone_are_read_only_if_the_user_says_so(count: int) -> None:
    shown = view((1, 48, 48, count))._replace(width=192, height=192)
    assert recognize(shown) == []
    assert "heat-maps" in readable(shown)
    with pytest.raises(BadModel, match=r"edgevision card --layout: heat-maps"):
        open_layout(shown)


def opened(survey: Path, name: str, tmp_path: Path, layout: str | None = None) -> Path:
    wish = CardOptions(task="detection" if layout else None, layout=layout, resize="letterbox")
    add_card.write(add_card.new_card(survey / name, wish), tmp_path / "m.tflite")
    return tmp_path / "m.tflite"


@pytest.mark.parametrize(("name", "layout"), [(MOVENET, None), (POSENET, None), (HEAT_MAPS, "heat-maps")])
def test_real_files_find_a_face_at_its_place(
    survey: Path, shared: Path, tmp_path: Path, name: str, layout: str | None
) -> None:
    pictures = shared / "data" / "pictures"
    with open_model(opened(survey, name, tmp_path, layout), threads=1) as model:
        (one,) = model.predict(pictures / "grace_hopper.bmp").objects
        assert model.predict(pictures / "owl.jpg").objects == ()
    places = {point.name: (point.x, point.y) for point in one.keypoints}
    assert one.name == "person"
    assert all(math.dist(places[point], place) < 25 for point, place in HOPPER.items())


def test_real_movenet_agrees_with_an_independent_reading(survey: Path, shared: Path, tmp_path: Path) -> None:
    frame = photo_of_whole_blocks(shared / "data" / "pictures" / "grace_hopper.bmp")
    with open_model(opened(survey, MOVENET, tmp_path), threads=1) as model:
        (one,) = model.predict(frame).objects
        image = model.prepare(frame)
    (output,) = raw_outputs(survey / MOVENET, image)
    long = max(frame.width, frame.height)
    width = round(frame.width * 192 / long)
    expected = [
        ((x * 192 - (192 - width) // 2) * frame.width / width, y * long, score) for y, x, score in output[0, 0].tolist()
    ]
    found = [(point.x, point.y, point.score) for point in one.keypoints]
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_real_posenet_agrees_with_an_independent_reading(survey: Path, shared: Path, tmp_path: Path) -> None:
    frame = photo_of_whole_blocks(shared / "data" / "pictures" / "grace_hopper.bmp")
    with open_model(opened(survey, POSENET, tmp_path), threads=1) as model:
        (one,) = model.predict(frame).objects
        image = model.prepare(frame)
    outputs = {output.shape[3]: output[0] for output in raw_outputs(survey / POSENET, image)}
    width = round(frame.width * 353 / frame.height)
    step = frame.height / 353
    expected = [
        ((x - (481 - width) // 2) * frame.width / width, y * step, score)
        for x, y, score in posenet_by_hand(outputs[17], outputs[34], 481, 353)
    ]
    found = [(point.x, point.y, point.score) for point in one.keypoints]
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_posenet_with_its_decoder_is_refused_with_a_way_out(survey: Path) -> None:
    name = "project-posenet/models/mobilenet/posenet_mobilenet_v1_075_353_481_quant_decoder.tflite"
    file = model_file.read(survey / f"{FILES}{name}")
    with pytest.raises(BadModel, match="PosenetDecoderOp; use the same network without it"):
        refuse_unusable(file, file.graph())
