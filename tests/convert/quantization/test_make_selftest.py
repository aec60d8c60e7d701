"""The generated self-test passes for its own model and fails for a changed one."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from edgevision.convert.quantization.make_selftest import MARGIN, TOLERANCE, GeneratedSelfTest, make_selftest
from edgevision.convert.quantization.synthetic_images import SIZES, random_picture
from locations import TESTS

from edgevision import selftest
from edgevision.engines.interpreter import open_interpreter
from edgevision.model import open_model
from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.decode import decode
from edgevision.preprocessing.spec import Preprocessing
from edgevision.preprocessing.transform import pixels
from edgevision.selftest import SelfTestReport
from edgevision.tflite.flatbuffer import root
from edgevision.tflite.schema import IDENTIFIER, Buffer, Model

TINY = (TESTS / "data" / "tiny.tflite").read_bytes()
RULE = Preprocessing(16, 16, mean=(127.5,), std=(127.5,))


def generate(flatbuffer: bytes, preprocessing: Preprocessing, seed: int = 0) -> GeneratedSelfTest:
    interpreter = open_interpreter(flatbuffer)
    try:
        return make_selftest(interpreter, preprocessing, "softmax", seed)
    finally:
        interpreter.close()


@pytest.fixture(scope="module")
def made() -> GeneratedSelfTest:
    return generate(TINY, RULE)


def run(folder: Path, flatbuffer: bytes, made: GeneratedSelfTest, preprocessing: Preprocessing) -> SelfTestReport:
    """Run the self-test of a file with these parts, as a device does."""
    card = ModelCard(name="m", task="classification", preprocessing=preprocessing, selftest=made.test)
    path = folder / "m.tflite"
    path.write_bytes(model_file.build(flatbuffer, card, made.files))
    with open_model(path) as model:
        return selftest.check(model)


def weights(flatbuffer: bytes) -> list[bytes]:
    """Return the constants of a model that are larger than a shape."""
    model = root(flatbuffer, IDENTIFIER, "the model")
    found = [bytes(buffer.raw(Buffer.DATA)) for buffer in model.tables(Model.BUFFERS)]
    return [data for data in found if len(data) >= 12 and not data.startswith(b"1.")]


def with_weights(flatbuffer: bytes, change: str) -> bytes:
    for data in weights(flatbuffer):
        assert flatbuffer.count(data) == 1
        new = bytes(len(data)) if change == "zeroed" else shuffled(data)
        flatbuffer = flatbuffer.replace(data, new)
    return flatbuffer


def shuffled(data: bytes) -> bytes:
    values = list(data)
    random.Random(5).shuffle(values)
    return bytes(values)


def test_self_test_has_four_to_eight_small_images_with_clear_answers(made: GeneratedSelfTest) -> None:
    cases = made.test.cases
    assert 4 <= len(cases) <= 8
    assert sum(map(len, made.files.values())) < 100_000
    assert {case.top for case in cases} == {0, 1, 2}
    assert made.margin >= MARGIN > 2 * TOLERANCE
    for case in cases:
        frame = decode(made.files[case.picture], case.picture)
        assert frame.width % 2 and frame.height % 2
        assert case.indices[0] == case.top
        assert case.scores[0] - case.scores[1] >= made.margin - 1e-5
        assert list(case.scores) == sorted(case.scores, reverse=True)


def test_own_model_passes(made: GeneratedSelfTest, tmp_path: Path) -> None:
    report = run(tmp_path, TINY, made, RULE)
    assert report.ok
    assert len(report.cases) == len(made.test.cases)


@pytest.mark.parametrize("change", ["zeroed", "shuffled"])
def test_model_with_other_weights_fails(made: GeneratedSelfTest, tmp_path: Path, change: str) -> None:
    report = run(tmp_path, with_weights(TINY, change), made, RULE)
    assert not report.ok
    assert all(case.same_tensor for case in report.cases)  # only the scores differ
    assert sum(not case.ok for case in report.cases) >= 3


def test_other_channel_order_in_preprocessing_fails(made: GeneratedSelfTest, tmp_path: Path) -> None:
    report = run(tmp_path, TINY, made, replace(RULE, order="BGR"))
    assert not any(case.same_tensor for case in report.cases)
    assert not any(case.ok for case in report.cases)


def test_other_channel_order_in_the_model_fails_by_its_scores(made: GeneratedSelfTest, tmp_path: Path) -> None:
    """Every image is chosen to distinguish red from blue, independently of the hash of the tensor."""
    swapped = replace(RULE, order="BGR")
    cases = tuple(
        case._replace(tensor_sha256=hashlib.sha256(_tensor(made, case.picture, swapped).tobytes()).hexdigest())
        for case in made.test.cases
    )
    report = run(tmp_path, TINY, replace(made, test=made.test._replace(cases=cases)), swapped)
    assert all(case.same_tensor for case in report.cases)
    assert not any(case.ok for case in report.cases)
    assert made.order_change > 2 * TOLERANCE


def _tensor(made: GeneratedSelfTest, name: str, preprocessing: Preprocessing) -> np.ndarray:
    return np.ascontiguousarray(pixels(decode(made.files[name], name), preprocessing))


@pytest.mark.parametrize("change", [{"resize": "crop"}, {"mean": (0.0,), "std": (255.0,)}, {"resize": "letterbox"}])
def test_other_geometry_or_scale_fails(made: GeneratedSelfTest, tmp_path: Path, change: dict[str, object]) -> None:
    assert not run(tmp_path, TINY, made, replace(RULE, **change)).ok  # type: ignore[arg-type]


def test_same_seed_gives_the_same_self_test(made: GeneratedSelfTest) -> None:
    again = generate(TINY, RULE)
    assert again.test == made.test
    assert again.files == made.files
    assert generate(TINY, RULE, seed=1).files != made.files


def test_real_network(shared: Path, tmp_path: Path) -> None:
    """With 1001 classes, scores of synthetic images are low, so the search has to find clear ones."""
    flatbuffer = (shared / "models" / "mobilenet_v2_1.0_224_quant.tflite").read_bytes()
    preprocessing = Preprocessing(224, 224, resize="crop", crop_fraction=0.875, mean=(128.0,), std=(128.0,))
    made = generate(flatbuffer, preprocessing)
    assert made.margin >= MARGIN
    assert len({case.top for case in made.test.cases}) >= 4
    assert run(tmp_path, flatbuffer, made, preprocessing).ok
    assert not run(tmp_path, with_some_weights_zeroed(flatbuffer), made, preprocessing).ok


def with_some_weights_zeroed(flatbuffer: bytes) -> bytes:
    """Overwrite the largest layer; one of more than fifty is enough."""
    largest = max(weights(flatbuffer), key=len)
    return flatbuffer.replace(largest, bytes([128]) * len(largest))


def test_synthetic_images_vary_in_size_and_color_and_are_reproducible() -> None:
    chance = np.random.default_rng(0)
    drawn = [random_picture(chance) for _ in range(30)]
    assert {(one.width, one.height) for one in drawn} == set(SIZES)
    for one in drawn:
        picture = one.draw()
        assert (picture.dtype, picture.shape) == (np.uint8, (one.height, one.width, 3))
        assert picture.std() > 5
        assert np.array_equal(picture, one.draw())
        assert not np.array_equal(picture, one.varied(chance, 0.3).draw())
