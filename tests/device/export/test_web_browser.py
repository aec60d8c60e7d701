"""The exported app in a real Chromium, with a film as its camera."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

pytest.importorskip("websocket")
import chromium
from axe_core_python.base import AXE_FILE_PATH
from chromium import Page, browser
from locations import ROOT
from small_detector import colors_detector, red_at
from web_app import FAKE_CAMERA, exported, open_test_model, predict, served, start, write_film

from edgevision import open_model
from edgevision.inspection import add_card
from edgevision.preprocessing.decode import decode
from edgevision.preprocessing.spec import Preprocessing
from edgevision.preprocessing.transform import prepare
from edgevision.types import Frame, TensorSpec

pytestmark = pytest.mark.skipif(chromium.PROGRAM is None, reason="Chromium is not installed; run: make packages")

DATA = ROOT / "tests" / "data"
COLORS = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200)}
RATE, SECONDS_EACH = 10, 1
TOP = "document.querySelector('#answer .what')?.textContent"


class App(NamedTuple):
    """An exported classifier of three colors, served, and a browser whose camera shows red, green and blue in turn."""

    page: Page
    url: str
    folder: Path
    model: Path


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("app")
    model = _classifier(folder)
    exported(model, folder / "site")
    noise = np.random.default_rng(1).integers(-15, 15, (240, 320, 1))
    scenes = [np.clip(np.array(color) + noise, 0, 255).astype(np.uint8) for color in COLORS.values()]
    write_film(folder / "film.y4m", [scene for scene in scenes for _ in range(RATE * SECONDS_EACH)], RATE)
    film = f"--use-file-for-fake-video-capture={folder / 'film.y4m'}"
    with served(folder / "site") as url, browser(tmp_path_factory.mktemp("chromium"), *FAKE_CAMERA, film) as page:
        page.size(360, 740)
        start(page, url)
        yield App(page, url, folder, model)


def _classifier(folder: Path) -> Path:
    names = folder / "labels.txt"
    names.write_text("".join(f"{name}\n" for name in COLORS))
    options = add_card.CardOptions(labels=names, resize="stretch", mean=(127.5,), std=(127.5,), task="classification")
    add_card.write(add_card.new_card(DATA / "tiny.tflite", options), folder / "colors.tflite")
    return folder / "colors.tflite"


def test_app_passes_its_self_test_and_asks_only_its_own_host(app: App) -> None:
    assert app.page.text("#self-test") == "self-test passed"
    assert "input bytes equal" in app.page.js("document.getElementById('self-test').title")
    app.page.wait(f"{TOP} !== undefined")
    assert app.page.problems == []
    assert all(one.startswith((app.url, "data:", "blob:", "about:", "chrome")) for one in app.page.requested)


def test_labels_follow_the_film(app: App) -> None:
    app.page.wait(f"{TOP} === 'red'")
    for color in ("green", "blue", "red"):
        app.page.wait(f"{TOP} === '{color}'")


def test_frozen_frame_is_saved_with_its_label_and_answered_alike_by_run(app: App, tmp_path: Path) -> None:
    app.page.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    app.page.wait(f"{TOP} === 'green'")
    app.page.tap("#freeze")
    app.page.wait("!document.getElementById('still').hidden")
    label = app.page.js(TOP)
    score = app.page.js("document.querySelector('#answer .score').textContent")
    app.page.tap("#save")
    saved = _downloaded(tmp_path)
    assert saved.name.startswith(f"{label}-")
    with open_model(app.model) as model:
        best = model.predict(saved).labels[0]
    assert (best.name, f"{best.score:.2f}") == (label, score)
    app.page.tap("#freeze")
    app.page.wait("document.getElementById('still').hidden")


def _downloaded(folder: Path) -> Path:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = list(folder.glob("*.png"))
        if found and not list(folder.glob("*.crdownload")):
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"nothing was saved: {list(folder.iterdir())}")


def test_threshold_above_every_score_means_unknown(app: App) -> None:
    slider = "document.getElementById('threshold')"
    app.page.js(f"{slider}.value = 1; {slider}.dispatchEvent(new Event('input')); 0")
    app.page.wait("document.querySelector('#answer .unknown')?.textContent === 'unknown'")
    app.page.js(f"{slider}.value = 0; {slider}.dispatchEvent(new Event('input')); 0")


def test_photo_that_is_no_image_is_explained(app: App, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    node = app.page.call(
        "DOM.querySelector", nodeId=app.page.call("DOM.getDocument")["root"]["nodeId"], selector="#file"
    )
    app.page.call("DOM.setFileInputFiles", files=[str(broken)], nodeId=node["nodeId"])
    app.page.wait("!document.getElementById('problem').hidden")
    assert (
        app.page.text("#problem")
        == "Broken.jpg is not an image that this browser can read; choose a JPEG, PNG or WebP file"
    )


def test_page_is_accessible_and_fits_a_phone(app: App) -> None:
    app.page.js(Path(AXE_FILE_PATH).read_text() + "\n0")
    script = "axe.run({resultTypes: ['violations']}).then(r => r.violations.filter(v => v.impact !== 'minor'))"
    assert app.page.js(f"{script}.then(l => l.map(v => v.id + ' ' + v.nodes.map(n => n.target).join(' ')))") == []
    assert app.page.js("document.documentElement.scrollWidth") <= 360


def test_app_starts_without_a_network(app: App) -> None:
    app.page.wait("navigator.serviceWorker.controller !== null")
    app.page.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
    try:
        start(app.page, app.url)
        app.page.wait(f"{TOP} !== undefined")
    finally:
        online = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        app.page.call("Network.emulateNetworkConditions", offline=False, **online)
        app.page.problems.clear()


def test_input_tensors_are_equal_byte_for_byte(app: App) -> None:
    chance = np.random.default_rng(0)
    script = """(async cases => {
      const {prepare} = await import('./app/preparation.js'), {sha256} = await import('./app/sha256.js');
      return cases.map(({pixels, width, height, preprocessing, input}) => {
        const data = Uint8ClampedArray.from(atob(pixels), letter => letter.charCodeAt(0));
        const tables = input.tables.map(table => Uint8Array.from(table));
        return sha256(prepare({data, width, height}, {preprocessing, input: {...input, tables}}));
      });
    })(%s)"""
    cases, expected = zip(*(_case(chance) for _ in range(80)), strict=True)
    assert app.page.js(script % json.dumps(cases)) == list(expected)


def _case(chance: np.random.Generator) -> tuple[dict[str, object], str]:
    """Return a random image and preprocessing, and the digest of the tensor that Python makes of them."""
    import base64

    from edgevision.selftest import tensor_sha256

    width, height, to_width, to_height = (int(n) for n in chance.integers(1, [260, 260, 70, 70]))
    gray = bool(chance.random() < 0.3)
    preprocessing = Preprocessing(
        width=to_width,
        height=to_height,
        channels=1 if gray else 3,
        resize=chance.choice(["stretch", "crop", "letterbox"]).item(),
        crop_fraction=float(chance.uniform(0.3, 1.0)),
        fill=int(chance.integers(256)),
        align=chance.choice(["center", "top_left"]).item(),
        order="GRAY" if gray else chance.choice(["RGB", "BGR"]).item(),
    )
    pixels = chance.integers(0, 256, (height, width, 3), dtype=np.uint8)
    spec = TensorSpec("image", (1, to_height, to_width, preprocessing.channels), "uint8")
    tensor = prepare(Frame(pixels, "RGB"), preprocessing, spec)
    rgba = np.dstack([pixels, np.full((height, width), 255, np.uint8)])
    case: dict[str, object] = {
        "pixels": base64.b64encode(rgba.tobytes()).decode(),
        "width": width,
        "height": height,
        "preprocessing": preprocessing.to_json(),
        "input": {"dtype": "uint8", "channels_first": False, "tables": [list(range(256))] * preprocessing.channels},
    }
    return case, tensor_sha256(tensor)


def test_numbers_are_rounded_like_in_python(app: App) -> None:
    chance = np.random.default_rng(0)
    random = [*chance.random(300), *(chance.random(300) * 500).astype(np.float32)]
    ties = [n / 256 for n in range(257)] + [n / 16 for n in range(400)]  # exactly between two decimal numbers
    values = [float(value) for value in (*random, *ties)]
    script = "import('./app/values.js').then(({rounded}) => %s.map(value => [rounded(value, 3), rounded(value, 6)]))"
    expected = [[round(value, 3), round(value, 6)] for value in values]
    assert app.page.js(script % json.dumps(values)) == expected


def test_failed_self_test_is_shown(app: App) -> None:
    facts = app.folder / "site" / "model" / "facts.json"
    good = facts.read_text()
    changed = json.loads(good)
    changed["selftest"]["cases"][0]["tensor_sha256"] = "0" * 64
    facts.write_text(json.dumps(changed | {"version": "changed"}))
    other = app.page.other_user()
    try:
        start(other, app.url)
        assert other.text("#self-test") == "self-test failed"
        said = "images differ: different input tensor (preprocessing differs)"
        other.wait(f"document.getElementById('problem').innerText.includes('{said}')")
    finally:
        facts.write_text(good)
        other.close()


@pytest.mark.parametrize("task", ["detection", "segmentation"])
def test_small_models_answer_like_python(app: App, task: str, tmp_path: Path) -> None:
    model_path = colors_detector(tmp_path) if task == "detection" else _segmenter(tmp_path)
    exported(model_path, tmp_path / "site")
    with served(tmp_path / "site") as url, open_model(model_path) as model:
        tab = app.page.other_user()
        start(tab, url)
        assert tab.text("#self-test") == "self-test passed"
        open_test_model(tab)
        for column in (0, 3, 7):
            frame = decode(red_at(column), "red")
            frame = Frame(
                np.ascontiguousarray(frame.pixels[..., ::-1]) if frame.order == "BGR" else frame.pixels, "RGB"
            )
            _require_equal(predict(tab, frame, 0.3), model.predict(frame, threshold=0.3))
        tab.close()


def _segmenter(folder: Path) -> Path:
    names = folder / "labels.txt"
    names.write_text("red\ngreen\nblue\n")
    options = add_card.CardOptions(labels=names, resize="crop", task="segmentation")
    add_card.write(add_card.new_card(DATA / "segmenter_scores.tflite", options), folder / "segmenter.tflite")
    return folder / "segmenter.tflite"


def _require_equal(answer: dict[str, object], expected: object) -> None:
    """Fail unless an answer of the page is that of Python."""
    from edgevision.types import Prediction

    assert isinstance(expected, Prediction)
    if expected.mask is not None:
        assert np.array_equal(answer["mask"], expected.mask)  # type: ignore[arg-type]
        regions = [{"index": one.index, "name": one.name, "area": one.area} for one in expected.regions]
        assert answer["regions"] == regions
        return
    objects = [{"index": o.index, "name": o.name, "score": o.score, "box": list(o.box)} for o in expected.objects]
    assert objects and answer["objects"] == objects
