"""Training images are byte-identical to the device's, wherever they are cached."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from edgevision.convert.training.input.image_cache import PixelSource, free_memory, open_pixels

from edgevision.datasets.dataset import Item, open_dataset
from edgevision.preprocessing.spec import Preprocessing
from edgevision.preprocessing.transform import prepare
from edgevision.types import TensorSpec

pytestmark = pytest.mark.tensorflow
RULES = [
    Preprocessing(24, 24, mean=(127.5,), std=(127.5,)),
    Preprocessing(32, 16, resize="crop", crop_fraction=0.875, mean=(0.0,), std=(255.0,)),
    Preprocessing(16, 32, resize="letterbox", fill=114, mean=(127.5,), std=(127.5,)),
    Preprocessing(20, 20, channels=1, order="GRAY", mean=(100.0,), std=(58.0,)),
]


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> tuple[Item, ...]:
    """Photos of several sizes and formats."""
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(3)
    for number, (width, height) in enumerate([(64, 48), (33, 77), (200, 120), (24, 24), (17, 9), (300, 401)]):
        place = folder / f"class{number % 2}"
        place.mkdir(exist_ok=True)
        small = random.integers(0, 256, (6, 6, 3), np.uint8)
        picture = cv2.resize(small, (width, height))  # noqa: TID251
        cv2.imwrite(str(place / f"{number}.{('jpg', 'png')[number % 2]}"), picture)
    return open_dataset(folder).items


def _examples(pixels: PixelSource, preprocessing: Preprocessing) -> Any:
    from edgevision.convert.training.input.batches import Examples

    n = len(pixels)
    targets = np.eye(n, dtype=np.float32)
    return Examples(pixels, preprocessing, np.arange(n), targets, np.arange(1, n + 1, dtype=np.float32))


def _prepared(items: Sequence[Item], preprocessing: Preprocessing) -> np.ndarray:
    """Preprocess the images with the device's own function."""
    spec = TensorSpec("input", (1, preprocessing.height, preprocessing.width, preprocessing.channels), "float32")
    return np.concatenate([prepare(item.read(), preprocessing, spec) for item in items])


@pytest.mark.parametrize("preprocessing", RULES, ids=Preprocessing.describe)
@pytest.mark.parametrize("place", ["memory", "disk", "none"])
def test_training_batch_equals_device_preprocessing(
    items: tuple[Item, ...], preprocessing: Preprocessing, place: str, tmp_path: Path
) -> None:
    from edgevision.convert.training.input.batches import pictures, source_of

    pixels = open_pixels(items, preprocessing, place, tmp_path, pytest.fail)
    assert pixels.place == place
    order = np.array([4, 0, 5, 2, 1, 3])
    examples, expected = _examples(pixels, preprocessing), _prepared(items, preprocessing)
    found = list(source_of(examples, 4).batches(order))
    assert [len(x) for x, _, _ in found] == [4, 2]
    for number, part in enumerate(("pictures", "targets", "weights")):
        whole = np.concatenate([batch[number].numpy() for batch in found])
        wanted = {"pictures": expected, "targets": examples.targets, "weights": examples.weights}[part][order]
        assert whole.dtype == np.float32
        assert whole.tobytes() == np.ascontiguousarray(wanted).tobytes()
    assert np.concatenate(list(pictures(examples, 4))).tobytes() == expected.tobytes()
    pixels.close()


def test_close_frees_disk_space(items: tuple[Item, ...], tmp_path: Path) -> None:
    maps = Path("/proc/self/maps")
    pixels = open_pixels(items, RULES[0], "disk", tmp_path / "cache", pytest.fail)
    assert not list((tmp_path / "cache").iterdir())  # it has no name
    assert str(tmp_path / "cache") in maps.read_text()
    pixels.close()
    assert str(tmp_path / "cache") not in maps.read_text()


def test_two_trainings_share_a_cache_folder_without_sharing_pixels(items: tuple[Item, ...], tmp_path: Path) -> None:
    first = open_pixels(items, RULES[0], "disk", tmp_path, pytest.fail)
    second = open_pixels(items[::-1], RULES[0], "disk", tmp_path, pytest.fail)
    order = np.arange(len(items))
    np.testing.assert_array_equal(first.rows(order), second.rows(order[::-1]))
    assert (first.rows(order) != second.rows(order)).any()


def test_link_in_the_cache_folder_is_not_followed(items: tuple[Item, ...], tmp_path: Path) -> None:
    target = tmp_path / "important.txt"
    target.write_text("keep")
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "pixels.cache").symlink_to(target)
    open_pixels(items, RULES[0], "disk", cache, pytest.fail).close()
    assert target.read_text() == "keep"


def test_full_disk_disables_the_cache_with_a_note(
    items: tuple[Item, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    said: list[str] = []
    pixels = open_pixels(items, RULES[0], "disk", tmp_path, said.append)
    assert pixels.place == "none"
    assert list(tmp_path.iterdir()) == []
    assert "on disk: No space left on device" in said[0]
    assert "every epoch decodes the images again" in said[1]
    np.testing.assert_array_equal(
        pixels.rows(np.array([2]))[0],
        open_pixels(items, RULES[0], "memory", tmp_path, said.append).rows(np.array([2]))[0],
    )


def test_low_memory_moves_the_cache_to_disk(
    items: tuple[Item, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgevision.convert.training.input import image_cache

    monkeypatch.setattr(image_cache, "free_memory", lambda: 1000)
    said: list[str] = []
    assert open_pixels(items, RULES[0], "auto", tmp_path, said.append).place == "disk"
    assert said[0].startswith("cannot cache the preprocessed images") and " in memory: " in said[0]


def test_free_memory_is_plausible() -> None:
    assert 1 << 20 < free_memory() < 1 << 46


def test_progress_counts_up_to_the_number_of_images(items: tuple[Item, ...], tmp_path: Path) -> None:
    done: list[int] = []
    open_pixels(items, RULES[0], "memory", tmp_path, pytest.fail, done.append)
    assert done[-1] == len(items)
    assert done == sorted(done)


def test_augmented_images_stay_in_range_and_depend_on_the_seed() -> None:
    from edgevision.convert.training.config.augmentation import PRESETS
    from edgevision.convert.training.input.augmentation import augmenter, reseed

    preprocessing = RULES[0]
    x = np.random.default_rng(0).uniform(-1, 1, (8, 24, 24, 3)).astype(np.float32)
    model = augmenter(PRESETS["strong"], preprocessing)
    np.testing.assert_array_equal(np.asarray(model(x, training=False)), x)
    reseed(model, 5, 1)
    first, second = np.asarray(model(x, training=True)), np.asarray(model(x, training=True))
    reseed(model, 5, 1)
    again = np.asarray(model(x, training=True))
    reseed(model, 5, 2)
    other = np.asarray(model(x, training=True))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, other)
    assert first.min() >= -1.0 and first.max() <= 1.0
    assert np.abs(first - x).mean() > 0.05


def test_empty_augmentation_changes_nothing() -> None:
    from edgevision.convert.training.config.augmentation import Augmentation
    from edgevision.convert.training.input.augmentation import augmenter

    pictures = np.random.default_rng(0).random((2, RULES[0].height, RULES[0].width, 3), np.float32)
    np.testing.assert_array_equal(augmenter(Augmentation(), RULES[0])(pictures, training=True), pictures)


@pytest.mark.parametrize(("flip", "axis"), [("horizontal", 1), ("vertical", 0)])
def test_flips_are_exact_and_affect_about_half(flip: str, axis: int) -> None:
    from edgevision.convert.training.config.augmentation import Augmentation
    from edgevision.convert.training.input.augmentation import augmenter, reseed

    x = np.random.default_rng(1).uniform(-1, 1, (64, 24, 24, 3)).astype(np.float32)
    model = augmenter(Augmentation(flip=flip), RULES[0])
    reseed(model, 1)
    y = np.asarray(model(x, training=True))
    same = [np.allclose(a, b, atol=1e-5) for a, b in zip(x, y, strict=True)]
    mirrored = [np.allclose(np.flip(a, axis), b, atol=1e-5) for a, b in zip(x, y, strict=True)]
    assert all(a != b for a, b in zip(same, mirrored, strict=True))
    assert 16 <= sum(mirrored) <= 48


def test_translation_and_rotation_move_the_content() -> None:
    """A bright dot in the center stays put when rotated and moves when translated, within the limit."""
    from edgevision.convert.training.config.augmentation import Augmentation
    from edgevision.convert.training.input.augmentation import augmenter, reseed

    x = np.full((32, 25, 25, 3), -1, np.float32)
    x[:, 12, 12] = 1
    preprocessing = Preprocessing(25, 25, mean=(127.5,), std=(127.5,))
    turned = augmenter(Augmentation(rotation=90), preprocessing)
    reseed(turned, 1)
    np.testing.assert_allclose(np.asarray(turned(x, training=True))[:, 12, 12], 1, atol=1e-4)
    moved = augmenter(Augmentation(translation=0.2), preprocessing)
    reseed(moved, 1)
    y = np.asarray(moved(x, training=True))[..., 0]
    places = np.array([np.unravel_index(one.argmax(), one.shape) for one in y])
    assert np.abs(places - 12).max() in (4, 5)
    assert len({tuple(place) for place in places}) > 10
