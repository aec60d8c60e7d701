"""The segmentation decoder: argmax in the graph or here, every resize, labels, real photos."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from command_line import edgevision
from documents import parse
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgevision import open_model
from edgevision.errors import BadInput, BadModel
from edgevision.inspection import add_card
from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard
from edgevision.model_file.labels import fit_labels
from edgevision.next_command import run_command
from edgevision.postprocessing.decoder import open_decoder
from edgevision.postprocessing.segmentation import UNSEEN, over_frame, stretch
from edgevision.preprocessing import decode as pictures
from edgevision.preprocessing.geometry import plan
from edgevision.preprocessing.spec import Preprocessing, Resize
from edgevision.types import Prediction, TensorSpec

NAMES = ("red", "green", "blue")
SEGMENTERS = ("segmenter", "segmenter_scores")
"""Files in tests/data: argmax in the graph, and scores for each class."""
DEEPLAB = "deeplabv3_mnv2_dm05_pascal_quant.tflite"

# Outlines in the photos, drawn by hand, in pixels.
BIRD = (
    "36,108 60,103 70,90 82,82 100,79 120,82 140,92 155,103 160,112 166,117 180,117 200,122 220,130 245,141 270,152 "
    "290,160 310,170 340,180 380,182 420,188 450,195 470,202 484,212 482,223 455,222 420,216 380,210 345,206 335,203 "
    "310,198 275,201 272,215 265,230 245,248 225,257 205,263 190,263 188,285 165,283 150,296 125,315 124,303 140,285 "
    "160,275 180,260 165,250 140,232 115,212 100,195 88,170 85,160 78,145 68,130 60,118 45,112"
)
PEOPLE = (
    "14,43 25,38 32,28 42,18 52,16 62,22 68,38 74,48 74,62 72,75 71,100 73,120 75,128 100,135 82,140 75,152 70,172 "
    "60,176 45,176 40,185 33,195 29,208 28,222 25,238 18,245 8,235 10,220 20,212 25,195 32,178 42,160 48,150 36,150 "
    "38,140 30,133 20,120 15,110 15,95 20,83 22,78 32,70 38,65 32,58 20,55",
    "72,48 78,40 76,34 85,26 92,22 100,28 106,38 110,50 110,62 108,70 118,72 121,80 117,95 122,108 122,118 116,124 "
    "104,128 98,134 75,130 72,110 70,95 70,80 75,70 75,60",
    "91,165 95,155 105,152 113,147 125,144 138,148 147,156 147,165 145,180 146,188 142,192 140,202 132,203 140,210 "
    "146,220 150,240 153,257 68,257 72,232 78,215 88,205 88,195 92,190 93,178",
)
HORSE = (
    "0,145 35,143 100,138 110,132 140,128 150,132 185,136 195,136 200,122 208,130 211,134 230,136 237,150 245,160 "
    "257,178 257,257 0,257"
)


def has_card(source: Path, folder: Path, resize: Resize, labels: str = "red\ngreen\nblue\n") -> Path:
    """Write a copy with a model card; return its path."""
    names, path = folder / "names.txt", folder / "carded.tflite"
    names.write_text(labels, encoding="utf-8")
    wish = add_card.CardOptions(task="segmentation", labels=names, resize=resize)
    add_card.write(add_card.new_card(source, wish), path)
    return path


def striped(width: int, height: int) -> np.ndarray:
    """Return an image that is red, green and blue from left to right: a quarter, a half, a quarter."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 4, 0] = pixels[:, width // 4 : 3 * width // 4, 1] = pixels[:, 3 * width // 4 :, 2] = 255
    return pixels


@pytest.mark.parametrize("name", SEGMENTERS)
@pytest.mark.parametrize(
    ("resize", "shape", "shares"),
    [
        ("stretch", (16, 16), {"green": 0.5, "red": 0.25, "blue": 0.25}),
        # The border of the letterbox is not part of the frame.
        ("letterbox", (8, 16), {"green": 0.5, "red": 0.25, "blue": 0.25}),
        # The middle square of a frame that is twice as wide as high shows only the green half.
        ("crop", (16, 32), {"green": 0.5}),
    ],
)
def test_mask_and_regions_cover_the_frame(
    data: Path, tmp_path: Path, name: str, resize: Resize, shape: tuple[int, int], shares: dict[str, float]
) -> None:
    with open_model(has_card(data / f"{name}.tflite", tmp_path, resize), threads=1) as model:
        found = model.predict(striped(128, 64))
    assert found.task == "segmentation"
    assert {region.name: region.area for region in found.regions} == shares
    assert found.mask is not None
    assert found.mask.shape == shape
    assert found.mask.dtype == np.uint8
    assert [region.pixels for region in found.regions] == [round(share * found.mask.size) for share in shares.values()]
    assert [NAMES[region.index] for region in found.regions] == [region.name for region in found.regions]
    seen = found.mask[:, found.mask.shape[1] // 2 - 1]
    assert (seen == 1).all()
    if resize == "crop":
        assert (found.mask[:, :8] == UNSEEN).all()
        assert (found.mask[:, 24:] == UNSEEN).all()


def decode(output: np.ndarray, spec: TensorSpec, card: ModelCard, threshold: float | None = None) -> Prediction:
    return open_decoder(card, [spec]).decode([output], (8, 8), 5, threshold)


def card(activation: str = "none", labels: tuple[str, ...] = ()) -> ModelCard:
    return ModelCard("test", "segmentation", Preprocessing(8, 8), labels, activation)


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_ties_of_quantized_scores_go_to_lowest_class(dtype: str) -> None:
    spec = TensorSpec("out", (1, 2, 2, 3), dtype, 0.1, 3)
    output = np.array([[[[5, 5, 1], [0, 9, 9]], [[1, 2, 3], [7, 7, 7]]]], dtype)
    assert decode(output, spec, card()).mask.tolist() == [[0, 1], [2, 0]]


@pytest.mark.parametrize(
    ("activation", "spec", "values"),
    [
        ("sigmoid", TensorSpec("out", (1, 2, 2, 1), "float32"), [0.49, 0.5, 0.9, 0.1]),
        ("sigmoid_logits", TensorSpec("out", (1, 2, 2), "float32"), [-0.1, 0.0, 5.0, -200.0]),
        ("sigmoid", TensorSpec("out", (1, 2, 2, 1), "uint8", 1 / 256, 0), [127, 128, 255, 0]),
    ],
)
def test_single_plane_has_two_classes(activation: str, spec: TensorSpec, values: list[float]) -> None:
    output = np.array(values, spec.dtype).reshape(spec.shape)
    found = decode(output, spec, card(activation, ("nothing", "road")))
    assert found.mask.tolist() == [[0, 1], [1, 0]]
    assert [(region.name, region.area) for region in found.regions] == [("nothing", 0.5), ("road", 0.5)]
    assert decode(output, spec, card(activation), threshold=0.95).regions[0].pixels >= 3
    with pytest.raises(BadModel, match="a single plane of scores, got 3"):
        decode(output, spec, card(activation, NAMES))


@pytest.mark.parametrize("shape", [(1, 10), (2, 8, 8, 3), (1, 8, 8, 256), (1, 2, 8, 8, 3)])
def test_output_of_other_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadModel, match=r"to be a mask|256 classes; a mask supports at most 255"):
        open_decoder(card(), [TensorSpec("out", shape, "float32")])


def test_classes_out_of_range_are_refused() -> None:
    spec = TensorSpec("out", (1, 1, 2), "int64")
    with pytest.raises(BadModel, match="got 3 to 255"):
        decode(np.array([[[3, 255]]]), spec, card())
    assert decode(np.array([[[3, 254]]]), spec, card()).mask.tolist() == [[3, 254]]


RULES = st.builds(
    Preprocessing,
    width=st.integers(1, 200),
    height=st.integers(1, 200),
    resize=st.sampled_from(["stretch", "crop", "letterbox"]),
    align=st.sampled_from(["center", "top_left"]),
    crop_fraction=st.floats(0.1, 1.0),
)


@given(
    RULES,
    st.tuples(st.integers(1, 600), st.integers(1, 600)),
    arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)), elements=st.integers(0, 20)),
)
def test_any_mask_covers_the_frame(preprocessing: Preprocessing, size: tuple[int, int], classes: np.ndarray) -> None:
    mask = over_frame(classes, preprocessing, size)
    assert min(mask.shape) >= 1
    seen = mask[mask != UNSEEN]
    assert seen.size > 0
    assert set(seen.tolist()) <= set(classes.reshape(-1).tolist())
    if preprocessing.resize != "crop":
        assert seen.size == mask.size
        # The mask keeps the model's resolution.
        assert mask.shape[0] <= classes.shape[0]
        assert mask.shape[1] <= classes.shape[1]
    else:
        assert mask.shape[0] <= max(size[1], classes.shape[0] * size[1]) + 2
        x, y, w, h = plan(*size, preprocessing).source
        centre = mask[int((y + h / 2) / size[1] * mask.shape[0]), int((x + w / 2) / size[0] * mask.shape[1])]
        assert centre != UNSEEN


@given(arrays(np.uint8, (3, 5)), st.integers(1, 6))
def test_stretch_by_integer_factor_repeats_pixels(mask: np.ndarray, factor: int) -> None:
    stretched = stretch(mask, 5 * factor, 3 * factor)
    assert np.array_equal(stretched, mask.repeat(factor, axis=0).repeat(factor, axis=1))
    assert np.array_equal(stretch(stretched, 5, 3), mask)


# Labels.


@pytest.mark.parametrize("name", SEGMENTERS)
def test_note_below_labels_is_ignored(data: Path, tmp_path: Path, name: str) -> None:
    path = has_card(data / f"{name}.tflite", tmp_path, "stretch", "red\ngreen\nblue\n\nand a note\nof two lines\n")
    assert model_file.read(path).labels == NAMES


@pytest.mark.parametrize("name", SEGMENTERS)
def test_labels_of_another_model_are_refused(data: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="2 labels, but the model has 3 classes"):
        has_card(data / f"{name}.tflite", tmp_path, "stretch", "red\ngreen\n")


@given(st.lists(st.text(max_size=4), max_size=8).map(tuple), st.integers(1, 6))
def test_labels_are_only_shortened_at_an_empty_line(labels: tuple[str, ...], classes: int) -> None:
    found = fit_labels(labels, classes, "segmentation")
    assert found == labels[: len(found)]
    assert len(found) in (len(labels), classes)
    assert found == labels or labels[classes] == ""


# The real segmenter.


def filled(shape: tuple[int, int], *outlines: str) -> np.ndarray:
    """Return the area inside the outlines as a mask of 0 and 1."""
    mask = np.zeros(shape, np.uint8)
    for outline in outlines:
        points = [[int(v) for v in point.split(",")] for point in outline.split()]
        cv2.fillPoly(mask, [np.array(points, np.int32)], 1)
    return mask


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Return the intersection over union of two masks."""
    return float(np.count_nonzero(a & b) / np.count_nonzero(a | b))


@pytest.fixture
def deeplab(shared: Path, tmp_path: Path) -> Path:
    """Return the real segmenter with a model card, made with the command line."""
    models, out = shared / "models", tmp_path / "deeplab.tflite"
    line = ["card", str(models / DEEPLAB), "--task", "segmentation", "--resize", "stretch"]
    line += ["--labels", str(models / "pascal_voc_segmentation_labels.txt"), "-o", str(out)]
    done = edgevision(*line)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"next: {run_command(out)}"
    assert len(model_file.read(out).labels) == 21
    return out


def test_real_photos_are_segmented_well(shared: Path, deeplab: Path) -> None:
    folder = shared / "data" / "pictures"
    riders = filled((257, 257), *PEOPLE)
    expected = {
        "bird.bmp": {"bird": (filled((343, 512), BIRD), 0.8)},
        "segmentation_input.jpg": {
            "person": (riders, 0.7),
            "horse": (filled((257, 257), HORSE) & ~riders & 1, 0.7),
        },
    }
    with open_model(deeplab, threads=1) as model:
        for name, things in expected.items():
            frame = pictures.read(folder / name)
            found = model.predict(frame)
            assert found.mask is not None
            assert found.regions[0].name == "background"
            large = [region for region in found.regions if region.area > 0.02 and region.name != "background"]
            assert {region.name for region in large} == set(things)
            mask = stretch(found.mask, frame.width, frame.height)
            for region in large:
                outline, least = things[region.name]
                assert overlap((mask == region.index).astype(np.uint8), outline) >= least


def test_run_prints_regions(shared: Path, deeplab: Path) -> None:
    source = shared / "data" / "pictures" / "bird.bmp"
    done = edgevision("run", deeplab, "--source", source, "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    record = parse(done.stdout, "run_line")
    assert record["task"] == "segmentation"
    assert [region["name"] for region in record["regions"]][:2] == ["background", "bird"]
    assert record["regions"][1]["area"] == pytest.approx(0.18, abs=0.03)
