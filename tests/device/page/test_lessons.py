"""Classes taught from the page: from the running loop and from collected images."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("starlette")
from edgevision.convert.quantization.embedding_output import add_embedding, references
from edgevision.device.stream.control import LoopControl
from page_server import RunningPage, served

from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard
from edgevision.postprocessing import feature_vector
from edgevision.preprocessing import decode
from edgevision.preprocessing.spec import Preprocessing
from edgevision.preprocessing.transform import pixels
from edgevision.types import Frame, Prediction

COLORS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
YELLOW = (250, 240, 20)


def shown(color: tuple[int, int, int], seed: int = 0) -> Frame:
    """Return a frame of one color with noise."""
    noise = np.random.default_rng(seed).integers(-40, 41, (40, 60, 3))
    return Frame(np.clip(np.array(color) + noise, 0, 255).astype(np.uint8), "RGB", seed)


@pytest.fixture(scope="module")
def model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model of red, green and blue, with its features as a second output."""
    file = model_file.read(data / "tiny.tflite")
    made = add_embedding(file.flatbuffer)
    spec = file.inputs[0]
    known = Preprocessing(spec.shape[2], spec.shape[1], mean=(float(spec.zero_point),), std=(1 / spec.scale,))
    frames = [shown(color, seed) for seed in range(6) for color in COLORS.values()]
    vectors = references(made.flatbuffer, made.output, known, (pixels(frame, known) for frame in frames))
    card = ModelCard("colors", "classification", known, tuple(COLORS), embedding=made.output)
    path = tmp_path_factory.mktemp("model") / "colors.tflite"
    model_file.write(path, made.flatbuffer, card, {feature_vector.REFERENCES: vectors})
    return path


@pytest.fixture()
def page(tmp_path: Path, model: Path) -> Iterator[RunningPage]:
    with served(tmp_path, model=model) as found:
        yield found


def until_done(page: RunningPage, show: bool = False) -> dict[str, object]:
    """Return the state after a lesson; ``show``: give the page new frames meanwhile."""
    deadline, seed = time.monotonic() + 120, 0
    while time.monotonic() < deadline:
        seed += 1
        state = page.get("/api/teach").json
        if not state["running"]:
            return dict(state)
        if show:
            page.live.write(shown(YELLOW, seed), Prediction("classification"))
        time.sleep(0.02)
    raise AssertionError("the lesson did not end")


def best(page: RunningPage) -> str:
    data = decode.encode_png(shown(YELLOW, 99))
    return str(page.post("/api/predict", data).json["labels"][0]["name"])


def test_class_is_taught_from_the_running_loop_and_forgotten(page: RunningPage) -> None:
    assert page.get("/api/teach").json["available"] is True
    assert best(page) != "yellow"
    assert page.post("/api/teach", {"class": "yellow", "count": 3}).status == 202
    assert page.post("/api/teach", {"class": "other"}).status == 400  # one at a time
    state = until_done(page, show=True)
    assert (state["state"], state["error"], state["frames"]) == ("done", None, 3)
    assert state["classes"] == [{"name": "yellow", "frames": 3}]
    assert best(page) == "yellow"
    assert page.post("/api/teach/forget", {"class": "yellow"}).json["classes"] == []
    assert best(page) != "yellow"
    assert page.post("/api/teach/forget", {"class": "yellow"}).status == 404


def test_class_is_taught_from_collected_images(page: RunningPage) -> None:
    for seed in range(4):
        page.live.write(shown(YELLOW, seed), Prediction("classification"))
        page.post("/api/collect", {"class": "yellow"})
    assert page.post("/api/teach", {"class": "yellow", "from": "collected"}).status == 202
    assert until_done(page)["classes"] == [{"name": "yellow", "frames": 4}]
    assert best(page) == "yellow"


@pytest.mark.parametrize(
    "body",
    [
        {"class": "red"},
        {"class": ""},
        {"class": "a\nb"},
        {"class": "x", "from": "collected"},
        {"class": "../x", "from": "collected"},
        {"class": "x", "from": "elsewhere"},
        {"class": "x", "count": 0},
    ],
)
def test_lesson_that_cannot_start_is_refused(page: RunningPage, body: dict[str, object]) -> None:
    assert page.post("/api/teach", body).status == 400
    assert page.get("/api/teach").json["running"] is False


def test_model_without_embedding_cannot_be_taught(tmp_path: Path) -> None:
    with served(tmp_path) as page:
        available = page.get("/api/teach").json["available"]
        assert page.post("/api/teach", {"class": "x"}).status == (202 if available else 400)


def test_control_refuses_values_out_of_range() -> None:
    control = LoopControl()
    for call, value in ((control.set_smooth, 0), (control.set_threshold, 1.5), (control.set_roi, (0.5, 0, 1, 1))):
        with pytest.raises(ValueError):
            call(value)  # type: ignore[operator]
