"""``train --channels 1``: gray from the photos to the scores, and the tasks that need color."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from box_scenes import Scene
from box_writers import write_voc
from edgevision.convert.training.config.augmentation import Augmentation
from edgevision.convert.training.continuation.earlier_model import open_earlier
from edgevision.convert.training.distillation.copies import copy_maker
from edgevision.convert.training.network.backbones import BackboneSpec
from edgevision.convert.training.network.head import goal_of
from edgevision.convert.training.network.network import open_network
from small_training import TINY, make_photos, run

from edgevision.errors import BadInput
from edgevision.preprocessing.transform import pixels
from edgevision.types import Frame

pytestmark = pytest.mark.tensorflow
GRAY = replace(TINY, channels=1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a gray network that tells dark from bright discs."""
    folder = tmp_path_factory.mktemp("gray")
    return run(make_photos(folder / "photos", ("blue", "white"), 30), folder / "runs", GRAY)


def test_gray_network_learns_and_says_that_it_is_gray(trained: Any) -> None:
    from edgevision.convert.keras_files.scan import scan

    card = scan(trained.model).card
    assert card is not None and (card.preprocessing.channels, card.preprocessing.order) == (1, "GRAY")
    assert trained.evaluation.metrics.accuracy.value > 0.8
    assert "16x16 gray" in trained.plan.choice.describe()
    assert (trained.folder / "samples.png").is_file() and "16x16 GRAY" in (trained.folder / "report.html").read_text()


def test_training_continues_in_gray(trained: Any) -> None:
    assert open_earlier(trained.folder).network.channels == 1


def test_student_of_a_color_teacher_sees_gray_as_on_the_device() -> None:
    choice = BackboneSpec("cnn", 16, cnn_filters=(4,), cnn_dense=4)
    teacher = open_network(choice, goal_of(("a", "b"), False), "none", 0.1)
    student = replace(choice, channels=1).preprocessing("stretch")
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    maker = copy_maker(teacher, student, Augmentation())
    shown = maker.shrink((image[np.newaxis].astype(np.float32) - 127.5) / 127.5).numpy()
    assert np.array_equal(shown[0], pixels(Frame(image, "RGB"), student))


def test_tasks_that_need_color_are_refused(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", ("blue",), 2)
    with pytest.raises(BadInput, match="--channels 1 is for classifiers, but models that find anomalies need color"):
        run(photos, tmp_path / "runs", replace(GRAY, task="anomaly"))
    boxes = write_voc(tmp_path / "boxes", [Scene("one", 64, 48, (("cup", (4, 4, 40, 40)),))])
    with pytest.raises(BadInput, match="--channels 1 is for classifiers, but detectors need color"):
        run(boxes, tmp_path / "runs", GRAY)
