"""Conversion of images to tensors: geometry, channel order and exactness."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgevision.errors import BadInput
from edgevision.preprocessing.geometry import plan
from edgevision.preprocessing.spec import Preprocessing
from edgevision.preprocessing.transform import Preparation, pixels, prepare, quantize, takes_bytes
from edgevision.types import Frame, TensorSpec

BYTES = TensorSpec("in", (1, 32, 48, 3), "uint8", 1 / 127.5, 127)
CENTRED = {"mean": (127.5,), "std": (127.5,)}
GOLDEN = {
    # sha256 of the preprocessed bytes of the image below: the same on every CPU and with OpenCV 4.11 and 5
    "stretch": "2e11a84877e6260993b4058b16922db2c963787d8531fa987302b44ff4d2cafa",
    "crop": "8419250f4b76da7f4eb0ab6b7735a91907aff18a8fc3de443edf3d2793a81c0f",
    "letterbox": "3e96f0db12f218a42ca4c685649b8b56ce8bf4ca780e37faeba2f53dc5784ebf",
}


def picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Draw smooth color with a sharp grid and some noise: all content that a resize may get wrong."""
    x, y = np.arange(width), np.arange(height)[:, None]
    planes = [(x * 5 + y * 3 * (c + 1)) % 256 for c in range(3)]
    noise = np.random.default_rng(seed).integers(0, 40, (height, width, 3))
    grid = ((x // 7 + y // 5) % 2 * 60)[..., None]
    return ((np.stack(planes, -1) * 3 // 5 + grid + noise) % 256).astype(np.uint8)


rules = st.builds(
    Preprocessing,
    width=st.integers(1, 70),
    height=st.integers(1, 70),
    resize=st.sampled_from(["stretch", "crop", "letterbox"]),
    crop_fraction=st.floats(0.05, 1.0),
    fill=st.integers(0, 255),
    align=st.sampled_from(["center", "top_left"]),
    order=st.sampled_from(["RGB", "BGR"]),
)


@settings(max_examples=200, deadline=None)
@given(rules, st.integers(1, 400), st.integers(1, 400))
def test_geometry_stays_inside_frame_and_input(preprocessing: Preprocessing, width: int, height: int) -> None:
    found = plan(width, height, preprocessing)
    x, y, w, h = found.source
    assert 0 <= x and 0 <= y and w >= 1 and h >= 1 and x + w <= width and y + h <= height
    assert w % (1 << found.halvings) == 0 and h % (1 << found.halvings) == 0
    tx, ty, tw, th = found.target
    assert 0 <= tx and 0 <= ty and tx + tw <= preprocessing.width and ty + th <= preprocessing.height
    corner = found.to_frame(tx + tw, ty + th)
    assert corner == pytest.approx((x + w, y + h))


@settings(max_examples=60, deadline=None)
@given(rules, st.integers(1, 200), st.integers(1, 200))
def test_shape_and_channel_order(preprocessing: Preprocessing, width: int, height: int) -> None:
    rgb = picture(width, height)
    made = pixels(Frame(rgb, "RGB"), preprocessing)
    assert made.shape == (preprocessing.height, preprocessing.width, 3) and made.dtype == np.uint8
    swapped = Frame(np.ascontiguousarray(rgb[..., ::-1]), "BGR")
    assert np.array_equal(pixels(swapped, preprocessing), made)


def test_image_of_the_right_size_is_unchanged() -> None:
    rgb = picture(48, 32)
    for resize in ("stretch", "crop", "letterbox"):
        assert np.array_equal(pixels(Frame(rgb, "RGB"), Preprocessing(48, 32, resize=resize)), rgb)


@pytest.mark.parametrize(("factor", "rounding"), [(2, 0.5), (4, 1.0)])
def test_reduction_is_the_mean_of_blocks(factor: int, rounding: float) -> None:
    rgb = picture(32 * factor, 32 * factor)
    made = pixels(Frame(rgb, "RGB"), Preprocessing(32, 32))
    blocks = rgb.reshape(32, factor, 32, factor, 3).mean(axis=(1, 3))
    assert np.abs(made.astype(float) - blocks).max() <= rounding


def test_crop_keeps_the_center() -> None:
    rgb = np.zeros((100, 200, 3), np.uint8)
    rgb[:, 50:150] = 255
    assert pixels(Frame(rgb, "RGB"), Preprocessing(20, 20, resize="crop")).min() == 255
    wide = pixels(Frame(rgb, "RGB"), Preprocessing(20, 20, resize="stretch"))
    assert wide.min() == 0 and wide.max() == 255


def test_letterbox_fills_the_border() -> None:
    made = pixels(Frame(picture(200, 100), "RGB"), Preprocessing(40, 40, resize="letterbox", fill=9))
    assert (made[:10] == 9).all() and (made[30:] == 9).all() and (made[10:30] != 9).any()
    top = pixels(Frame(picture(200, 100), "RGB"), Preprocessing(40, 40, resize="letterbox", fill=9, align="top_left"))
    assert (top[20:] == 9).all() and (top[:20] != 9).any()


def test_gray_input_and_output() -> None:
    gray = picture(60, 40)[..., 0]
    color = pixels(Frame(gray, "GRAY"), Preprocessing(30, 20))
    assert np.array_equal(color[..., 0], color[..., 2])
    one = Preprocessing(60, 40, channels=1, order="GRAY")
    assert np.array_equal(pixels(Frame(gray, "GRAY"), one)[..., 0], gray)
    red = np.zeros((40, 60, 3), np.uint8)
    red[..., 0] = 255
    assert set(np.unique(pixels(Frame(red, "RGB"), one))) == {76}
    assert set(np.unique(pixels(Frame(red[..., ::-1].copy(), "BGR"), one))) == {76}


@pytest.mark.parametrize("order", ["RGB", "BGR", "GRAY"])
@pytest.mark.parametrize("side", [24, 48, 96, 100, 230, 10])
def test_result_survives_the_next_frame(side: int, order: str) -> None:
    """Buffers are reused from frame to frame, but a returned result never lies in them."""
    rng = np.random.default_rng(side)
    shape = (side, side) if order == "GRAY" else (side, side, 3)
    frames = [Frame(rng.integers(0, 256, shape, np.uint8), order) for _ in range(3)]
    for wanted in ("RGB", "GRAY"):
        preprocessing = Preprocessing(24, 24, channels=1 if wanted == "GRAY" else 3, order=wanted)
        results = [pixels(frame, preprocessing) for frame in frames]
        copies = [result.copy() for result in results]
        with ThreadPoolExecutor(3) as pool:
            again = list(pool.map(pixels, frames * 8, [preprocessing] * 24))
        for result, copy in zip(results * 9, copies * 9, strict=True):
            np.testing.assert_array_equal(result, copy)
        for result, copy in zip(again, copies * 8, strict=True):
            np.testing.assert_array_equal(result, copy)


def test_bytes_are_unchanged_if_the_quantization_equals_the_normalization() -> None:
    preprocessing = Preprocessing(48, 32, **CENTRED)
    assert takes_bytes(preprocessing, BYTES)
    rgb = picture(48, 32)
    assert np.array_equal(prepare(Frame(rgb, "RGB"), preprocessing, BYTES)[0], rgb)
    assert not takes_bytes(Preprocessing(48, 32, mean=(0.0,), std=(255.0,)), BYTES)


@settings(max_examples=60, deadline=None)
@given(rules, st.lists(st.tuples(st.integers(1, 200), st.integers(1, 200)), min_size=1, max_size=4), st.booleans())
def test_writing_into_memory_gives_the_same_result(
    preprocessing: Preprocessing, sizes: list[tuple[int, int]], raw: bool
) -> None:
    """Frames of different sizes and channel orders are written into the same memory, one after the other."""
    shape = (1, preprocessing.height, preprocessing.width, 3)
    spec = TensorSpec("in", shape, "uint8") if raw else TensorSpec("in", shape, "int8", 1.0, -128)
    preparation, memory = Preparation(preprocessing, spec), np.full(shape, 77, spec.dtype)
    for width, height in sizes:
        rgb = picture(width, height)
        for frame in (Frame(rgb, "RGB"), Frame(rgb, "BGR"), Frame(rgb[..., 0].copy(), "GRAY")):
            preparation.write(frame, lambda: memory)
            expected = prepare(frame, preprocessing, spec)
            assert memory.dtype == expected.dtype and np.array_equal(memory, expected)
            assert np.array_equal(preparation.prepare(frame), expected)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_table_is_within_half_a_step_of_the_formula(dtype: str) -> None:
    preprocessing = Preprocessing(48, 32, mean=(123.7, 116.8, 103.9), std=(58.4, 57.1, 57.4))
    spec = TensorSpec("in", (1, 32, 48, 3), dtype, 0.02, -3 if dtype == "int8" else 110)
    rgb = picture(48, 32)
    real = (rgb - np.array(preprocessing.mean)) / np.array(preprocessing.std)
    stored = np.clip(real / spec.scale + spec.zero_point, np.iinfo(dtype).min, np.iinfo(dtype).max)
    assert np.abs(quantize(rgb, preprocessing, spec)[0] - stored).max() <= 0.5001


def test_float_input_follows_the_formula() -> None:
    rgb = picture(48, 32)
    made = prepare(Frame(rgb, "RGB"), Preprocessing(48, 32, **CENTRED), TensorSpec("in", (1, 32, 48, 3), "float32"))
    assert made.dtype == np.float32
    assert np.allclose(made[0], rgb / 127.5 - 1.0, atol=1e-6)


@pytest.mark.parametrize("resize", GOLDEN)
def test_bytes_are_the_same_on_every_machine(resize: str) -> None:
    preprocessing = Preprocessing(48, 32, resize=resize, crop_fraction=0.875, fill=128)
    found = [
        pixels(Frame(picture(w, h), "RGB"), preprocessing).tobytes()
        for w, h in ((48, 32), (97, 61), (640, 480), (31, 200))
    ]
    assert hashlib.sha256(b"".join(found)).hexdigest() == GOLDEN[resize]


@pytest.mark.parametrize(
    ("array", "order"),
    [
        (np.zeros((4, 4), np.uint8), "RGB"),
        (np.zeros((4, 4, 3), np.float32), "RGB"),
        (np.zeros((4, 4, 4), np.uint8), "RGB"),
        (np.zeros((0, 4, 3), np.uint8), "BGR"),
        (np.zeros((4, 4, 3), np.uint8), "GRAY"),
    ],
)
def test_wrong_arrays_are_refused(array: np.ndarray, order: str) -> None:
    with pytest.raises(BadInput, match="must be uint8"):
        pixels(Frame(array, order), Preprocessing(2, 2))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bad",
    [
        {"width": 0},
        {"resize": "zoom"},
        {"crop_fraction": 1.5},
        {"std": (0.0,)},
        {"mean": (1.0, 2.0)},
        {"order": "GRAY"},
    ],
)
def test_invalid_preprocessing_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="invalid preprocessing"):
        Preprocessing(**{"width": 8, "height": 8, **bad})  # type: ignore[arg-type]


@given(rules)
def test_preprocessing_survives_json(preprocessing: Preprocessing) -> None:
    assert Preprocessing.from_json({**preprocessing.to_json(), "later_field": 1}) == preprocessing


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"height": 8}, "the preprocessing has no width"),
        ({"width": 8, "height": 8, "crop_fraction": "1"}, "invalid preprocessing crop_fraction: '1'"),
        ({"width": 8, "height": 8, "resize": ["crop"]}, r"invalid preprocessing resize: \['crop'\]"),
        ([], "the preprocessing must be a JSON object, got list"),
    ],
)
def test_preprocessing_of_a_file_names_what_is_wrong(value: object, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        Preprocessing.from_json(value)


def test_int8_input_takes_every_byte_less_128() -> None:
    """With a mean of 127.5 each byte is halfway between two stored values; none may depend on rounding."""
    preprocessing = Preprocessing(16, 16, order="GRAY", channels=1, mean=(127.5,), std=(127.5,))
    picture = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    spec = TensorSpec("image", (1, 16, 16, 1), "int8", float(np.float32(1 / 127.5)), -1)
    stored = quantize(picture, preprocessing, spec)
    assert stored.dtype == np.int8
    assert stored.reshape(-1).tolist() == list(range(-128, 128))
