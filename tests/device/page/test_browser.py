"""The live page in a real Chromium, on a real loop with a network camera."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from command_line import edgevision

pytest.importorskip("websocket")
import chromium
from axe_core_python.base import AXE_FILE_PATH
from chromium import Page, browser
from documents import parse
from edgevision.device.telemetry.release_status import ReleaseStatus
from live_run import LiveRun, live_run
from locations import ROOT
from page_server import served, showing
from small_anomaly import blue_ground_model, ground
from small_detector import colors_detector, red_at

from edgevision.preprocessing.decode import encode_jpeg
from edgevision.types import Frame

pytestmark = pytest.mark.skipif(chromium.PROGRAM is None, reason="Chromium is not installed; run: make packages")

TINY = ROOT / "tests" / "data" / "tiny.tflite"
EMBEDDER = ROOT / "tests" / "data" / "embedder.tflite"
ASSETS = ROOT / "device" / "page" / "assets"
RED, GREEN, BLUE = (200, 20, 20), (20, 200, 20), (20, 20, 200)
SIZES = ((360, 740), (768, 1024), (1280, 900))
MAX_PAGE_BYTES = 150_000


def scene(color: tuple[int, int, int]) -> bytes:
    """Return an image of one color with some texture, as JPEG."""
    noise = np.random.default_rng(1).integers(-15, 15, (240, 320, 1))
    pixels = np.clip(np.array(color) + noise, 0, 255).astype(np.uint8)
    return encode_jpeg(Frame(pixels, "RGB"))


def with_card(folder: Path, *labels: str) -> Path:
    """Return a model that recognizes red, green and blue, with these names for them."""
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels))
    given = ["--mean", "127.5", "--std", "127.5", "--labels", str(folder / "labels.txt")]
    return made(TINY, folder / "colors.tflite", "classification", *given)


def made(graph: Path, target: Path, task: str, *arguments: str) -> Path:
    """Return a model file with a model card."""
    done = edgevision("card", graph, "--task", task, "--resize", "stretch", *arguments, "-o", target)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRun]:
    """Yield a loop that all tests of this module use."""
    folder = tmp_path_factory.mktemp("run")
    with live_run(with_card(folder, "red", "green", "blue"), scene(RED), folder) as running:
        yield running


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Yield a tab that all tests of this module use."""
    with browser(tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest.fixture
def page(tab: Page, run: LiveRun) -> Page:
    """Return the page as it is after loading, on a phone."""
    run.camera.unplug(False)
    run.camera.scene = scene(RED)
    tab.size(*SIZES[0])
    tab.open(run.url)
    tab.js("localStorage.clear()")
    tab.open_afresh(run.url)
    tab.wait("document.getElementById('link').dataset.state === 'live'")
    tab.wait("document.getElementById('image').naturalWidth > 0")
    return tab


def select(page: Page, view: str) -> None:
    """Open one of the views."""
    page.tap(f"#tab-{view}")
    page.wait(f"!document.getElementById('{view}').hidden")


STRONGEST = (
    "(() => { const c = document.createElement('canvas'); c.width = c.height = 1; const i = document.getElementById('image');"
    "const p = c.getContext('2d'); p.drawImage(i, i.naturalWidth / 2, i.naturalHeight / 2, 1, 1, 0, 0, 1, 1);"
    "const d = [...p.getImageData(0, 0, 1, 1).data].slice(0, 3); return d.indexOf(Math.max(...d)); })()"
)
"""The strongest of red, green and blue in the middle of the image that is shown: 0, 1 or 2."""
FRAMES = "fetch('/api/status').then(a => a.json()).then(s => s.status.frames)"
"""Number of frames that the loop has recognized."""


def axe_findings(page: Page) -> object:
    """Return what axe finds to be more than minor in what is shown."""
    page.js(Path(AXE_FILE_PATH).read_text() + "\n0")
    script = "axe.run({resultTypes: ['violations']}).then(r => r.violations.filter(v => v.impact !== 'minor'))"
    return page.js(f"{script}.then(l => l.map(v => v.id + ' ' + v.nodes.map(n => n.target).join(' ')))")


def settings(page: Page) -> dict[str, object]:
    """Return the settings of the loop."""
    found = page.js("fetch('/api/status').then(a => a.json()).then(s => s.settings)")
    assert isinstance(found, dict)
    return found


def test_page_loads_without_problems_and_only_from_the_device(page: Page, run: LiveRun) -> None:
    page.wait("document.querySelectorAll('.score').length > 0")
    for view in ("label", "review", "health", "settings", "events"):
        select(page, view)
    assert page.problems == []
    assert all(address.startswith((run.url, "data:", "about:", "chrome")) for address in page.requested)


def test_policy_blocks_inline_script(page: Page) -> None:
    page.js("document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.harm = 1'}))")
    assert page.js("window.harm") is None
    assert any("Content Security Policy" in problem for problem in page.problems)


def test_page_is_smaller_than_its_budget() -> None:
    assert sum(path.stat().st_size for path in ASSETS.iterdir()) < MAX_PAGE_BYTES


def test_image_and_labels_follow_the_scene(page: Page, run: LiveRun) -> None:
    page.wait("document.querySelector('.score .name')?.textContent === 'red'")
    page.wait(f"{STRONGEST} === 0")
    run.camera.scene = scene(BLUE)
    page.wait("document.querySelector('.score .name')?.textContent === 'blue'")
    page.wait("document.getElementById('timeline').innerText.includes('blue')")
    page.wait(f"{STRONGEST} === 2")


def test_event_opens_its_image(page: Page, run: LiveRun) -> None:
    run.camera.scene = scene(GREEN)
    page.wait("document.querySelector('#timeline li:first-child .what')?.textContent.includes('green')")
    page.wait("document.querySelector('#timeline .thumb img')?.naturalWidth > 0")
    page.tap("#timeline .thumb")
    page.wait("document.getElementById('viewer').open && document.querySelector('#viewer img').naturalWidth > 0")
    page.tap("#viewer-close")
    page.wait("!document.getElementById('viewer').open")
    assert page.problems == []


def test_clip_of_an_event_is_played_from_the_timeline(tab: Page, tmp_path: Path) -> None:
    model = with_card(tmp_path, "red", "green", "blue")
    with live_run(model, scene(RED), tmp_path, "--to", f"clips:{tmp_path / 'clips'},before=20,after=2") as running:
        tab.size(*SIZES[0])
        tab.open_afresh(running.url)
        tab.wait("document.querySelector('.score .name')?.textContent === 'red'")
        tab.wait(
            f"{FRAMES}.then(n => n >= 20)"
        )  # of at most ten a second: the clip begins two seconds before the event
        running.camera.scene = scene(GREEN)
        tab.wait("document.querySelector('#timeline .play[aria-label*=green]') !== null")
        assert tab.js("document.documentElement.scrollWidth") <= SIZES[0][0]
        assert axe_findings(tab) == []
        tab.tap("#timeline .play[aria-label*=green]")
        video = "document.querySelector('#viewer video')"
        tab.wait(f"{video}?.currentTime > 0.5")
        assert tab.js(f"{video}.videoWidth") > 0
        assert tab.js(f"{video}.duration") >= 1
        tab.js(f"(v => {{ v.pause(); v.currentTime = 0.2; }})({video})")
        tab.wait(f"!{video}.seeking && Math.abs({video}.currentTime - 0.2) < 0.05")
        assert axe_findings(tab) == []
        tab.tap("#viewer-close")
        tab.wait(f"{video} === null")
        assert tab.problems == []


def test_tap_saves_an_image_and_undo_removes_it(page: Page, run: LiveRun) -> None:
    select(page, "label")
    page.tap("#classes button[data-name='green']")
    page.wait("document.getElementById('toast').innerText.includes('Saved as green')")
    (path,) = (run.photos / "green").iterdir()
    assert path.read_bytes()[:2] == b"\xff\xd8"
    page.wait("document.querySelector(\"#classes button[data-name='green'] .count\").textContent === '1'")
    page.tap("#undo")
    page.wait("document.getElementById('toast').innerText.includes('Undone')")
    assert list((run.photos / "green").iterdir()) == []


def test_new_class_and_review(page: Page, run: LiveRun) -> None:
    select(page, "label")
    page.js("document.getElementById('class-name').value = 'brick'")
    page.tap("#new-class button")
    page.wait("document.querySelector(\"#classes button[data-name='brick']\") !== null")
    assert len(list((run.photos / "brick").iterdir())) == 1
    select(page, "review")
    page.wait("[...document.querySelectorAll('#folder option')].some(o => o.value === 'brick')")
    page.js("const f = document.getElementById('folder'); f.value = 'brick'; f.dispatchEvent(new Event('change'))")
    page.wait("document.querySelector('#grid .open img')?.naturalWidth > 0")
    page.tap("#grid .open")
    page.wait("document.getElementById('viewer-body').innerText.includes('The model says red')")
    page.tap("#viewer .primary")
    page.wait("document.getElementById('toast').innerText.includes('Moved to red')")
    assert list((run.photos / "brick").iterdir()) == []
    shown = "document.getElementById('folder').value === 'brick' && document.querySelectorAll('#grid li').length === "
    page.wait(f"{shown} 0")
    page.tap("#undo")
    page.wait(f"{shown} 1")
    page.tap("#grid .danger")
    page.wait("document.getElementById('toast').innerText.includes('Discarded')")
    assert list((run.photos / "brick").iterdir()) == []


def test_region_is_drawn_with_a_finger_and_saved(page: Page, run: LiveRun) -> None:
    select(page, "settings")
    page.tap("#region-draw")
    page.wait("!document.getElementById('draw').hidden")
    x, y = page.center("#draw")
    page.drag((x - 50, y - 40), (x + 50, y + 40))
    page.tap("#region-apply")
    page.wait("document.getElementById('region-text').innerText.includes('part')")
    roi = settings(page)["roi"]
    assert isinstance(roi, list)
    assert 0.2 < roi[0] < 0.5
    assert 0.2 < roi[2] < 0.6
    page.tap("#save")
    page.wait("document.getElementById('toast').innerText.includes('Saved to')")
    assert "roi" in (run.folder / "run.toml").read_text()
    page.tap("#region-clear")
    page.wait("document.getElementById('region-text').innerText.includes('whole')")
    assert settings(page)["roi"] is None


def test_region_is_moved_by_keys(page: Page) -> None:
    select(page, "settings")
    page.tap("#region-draw")
    page.wait("document.activeElement.id === 'draw'")
    page.key("ArrowRight")
    page.tap("#region-apply")
    page.wait("document.getElementById('region-text').innerText.includes('part')")
    assert settings(page)["roi"] == pytest.approx([0.22, 0.2, 0.6, 0.6])
    page.tap("#region-clear")
    page.wait("document.getElementById('region-text').innerText.includes('whole')")


def test_threshold_and_smoothing_apply_at_once(page: Page) -> None:
    select(page, "settings")
    for name, value in (("threshold", 0.9), ("smooth", 4), ("threshold", 0.1), ("smooth", 1)):
        page.js(
            f"(() => {{ const i = document.getElementById('{name}'); i.value = {value}; i.dispatchEvent(new Event('input')); }})()"
        )
        page.wait(f"fetch('/api/status').then(a => a.json()).then(s => s.settings.{name} === {value})")


def test_pause_is_shown(page: Page) -> None:
    page.tap("#pause")
    page.wait("document.getElementById('link').dataset.state === 'paused'")
    assert "Paused" in page.text("#banner")
    page.tap("#pause")
    page.wait("document.getElementById('link').dataset.state === 'live'")


def test_lost_camera_is_shown_until_it_is_back(page: Page, run: LiveRun) -> None:
    run.camera.unplug()
    page.wait("document.getElementById('link').dataset.state === 'camera'")
    assert "camera" in page.text("#banner")
    assert page.text("#scores") == "No predictions"
    run.camera.unplug(False)
    page.wait("document.getElementById('link').dataset.state === 'live'")


def test_tabs_follow_arrow_keys(page: Page) -> None:
    page.js("document.getElementById('tab-events').focus()")
    page.key("ArrowLeft")
    assert page.js("document.activeElement.id") == "tab-settings"
    assert page.js("!document.getElementById('settings').hidden && document.getElementById('events').hidden")


def test_theme_button_overrides_the_system(page: Page) -> None:
    back = "getComputedStyle(document.body).backgroundColor"
    light = page.js(back)
    page.tap("#theme")
    page.tap("#theme")
    assert page.js("document.documentElement.dataset.theme") == "dark"
    assert page.js(back) != light


def test_manifest_makes_the_page_installable(page: Page) -> None:
    found = page.call("Page.getAppManifest")
    assert found["errors"] == []
    manifest = json.loads(found["data"])
    assert manifest["display"] == "standalone"
    for icon in manifest["icons"]:
        assert page.js(f"fetch({json.dumps(icon['src'])}).then(a => a.ok)")


@pytest.mark.parametrize(("width", "dark"), [(360, False), (1280, True)])
def test_axe_finds_nothing_serious(page: Page, width: int, dark: bool) -> None:
    page.size(width, 900, dark=dark)
    for view in ("events", "label", "review", "health", "settings"):
        select(page, view)
        assert axe_findings(page) == [], view


@pytest.mark.parametrize("width", [width for width, _ in SIZES])
def test_nothing_is_wider_than_the_screen(page: Page, width: int) -> None:
    page.size(width, 740)
    for view in ("events", "label", "review", "health", "settings"):
        select(page, view)
        page.wait(f"document.documentElement.scrollWidth <= {width}")  # the new size is laid out with the next frame


def test_hostile_class_name_is_only_text(page: Page, run: LiveRun) -> None:
    select(page, "label")
    hostile = '<img src=x onerror="window.harm=1">'
    page.js(f"document.getElementById('class-name').value = {json.dumps(hostile)}")
    page.tap("#new-class button")
    page.wait("!document.getElementById('toast').hidden")
    assert page.js("window.harm") is None
    assert page.js("document.querySelectorAll('main img[src=x]').length") == 0
    assert not re.search("[<>]", "".join(str(path) for path in run.photos.rglob("*.jpg"))) or page.problems == []


def test_hostile_label_of_a_model_is_only_text(tab: Page, tmp_path: Path) -> None:
    hostile = "<img src=x onerror=window.harm=1>/#+../" + "x" * 180
    with live_run(with_card(tmp_path, hostile, "green", "blue"), scene(RED), tmp_path) as running:
        tab.size(*SIZES[0])
        tab.open_afresh(running.url)
        tab.wait("document.querySelector('.score .name')?.textContent.startsWith('<img src=x')")
        for view in ("label", "health", "events"):
            select(tab, view)
            assert tab.js("document.documentElement.scrollWidth") <= SIZES[0][0], view
        assert tab.js("window.harm") is None
        assert tab.problems == []


def test_hostile_label_is_short_and_without_control_characters(page: Page) -> None:
    script = "import('/assets/dom.js').then(m => m.clean('a\\u0000\\u202e<b>' + 'x'.repeat(10000)))"
    shown = page.js(script)
    assert isinstance(shown, str)
    assert shown.startswith("a <b>xxx")
    assert len(shown) == 80


def test_lost_connection_is_shown(tab: Page, tmp_path: Path) -> None:
    with live_run(with_card(tmp_path, "red", "green", "blue"), scene(RED), tmp_path) as running:
        tab.open(running.url)
        tab.wait("document.getElementById('link').dataset.state === 'live'")
    lost = "document.getElementById('link').dataset.state === 'lost'"
    tab.wait(f"{lost} && document.getElementById('banner').innerText.includes('connection')")


NOTE_WHAT_IS_FREED = """(() => {
  const close = EventSource.prototype.close;
  let closed = false;
  EventSource.prototype.close = function () { closed = true; close.call(this); };
  addEventListener("pagehide", () => { sessionStorage.freed = closed && !document.getElementById("image").hasAttribute("src"); });
})()"""


def test_page_that_is_left_frees_its_connections_and_comes_back(tab: Page, tmp_path: Path) -> None:
    """Otherwise the pages that the browser keeps to go back to would use up all its connections to the device."""
    live = (
        "document.getElementById('link').dataset.state === 'live' && document.getElementById('image').naturalWidth > 0"
    )
    with served(tmp_path) as device, showing(device):
        tab.open(f"http://127.0.0.1:{device.live.port}/")
        tab.wait(live)
        tab.js(NOTE_WHAT_IS_FREED)
        tab.open("about:blank")
        tab.js("history.back()")
        tab.wait(f"location.protocol === 'http:' && {live}")
        assert tab.js("sessionStorage.freed") == "true"


def test_token_is_asked_for_and_a_viewer_sees_no_controls(tab: Page, tmp_path: Path) -> None:
    model = with_card(tmp_path, "red", "green", "blue")
    with live_run(model, scene(RED), tmp_path, host="0.0.0.0") as running:
        tokens = json.loads((tmp_path / "state" / "page-tokens.json").read_text())
        tab.size(*SIZES[0])
        tab.open(running.url)
        tab.wait("!document.getElementById('login').hidden")
        assert tab.js("document.getElementById('page').hidden")
        tab.js("document.getElementById('token').value = 'wrong'")
        tab.tap("#login .primary")
        tab.wait("document.getElementById('login-error').innerText.includes('wrong token')")
        tab.js(f"document.getElementById('token').value = {json.dumps(tokens['admin'])}")
        tab.tap("#login .primary")
        tab.wait("document.getElementById('link').dataset.state === 'live'")
        tab.wait("document.getElementById('login').hidden && !document.getElementById('pause').hidden")
        tab.call("Network.clearBrowserCookies")
        tab.open(f"{running.url}?again#token={tokens['viewer']}")
        tab.wait("document.getElementById('link').dataset.state === 'live'")
        assert "token" not in tab.js("location.href")
        tab.wait("[...document.querySelectorAll('[data-control]')].every(e => e.hidden)")
        tab.wait("document.getElementById('image').naturalWidth > 0")
    tab.call("Network.clearBrowserCookies")


WATCH_PROGRESS = """(() => {
  const progress = document.getElementById('teach-progress');
  new MutationObserver(() => { window.sawProgress ||= !progress.hidden; }).observe(progress, { attributes: true });
})()"""
"""Notes that the progress of a lesson was shown, which may be over before anybody looks."""


def test_class_is_taught_and_forgotten(tab: Page, tmp_path: Path) -> None:
    noise = np.random.default_rng(2).integers(0, 255, (240, 320, 3)).astype(np.uint8)
    model = made(EMBEDDER, tmp_path / "embedder.tflite", "embedding")
    with live_run(model, encode_jpeg(Frame(noise, "RGB")), tmp_path) as running:
        tab.size(*SIZES[0])
        tab.open(running.url)
        tab.wait("document.getElementById('link').dataset.state === 'live'")
        select(tab, "label")
        tab.wait("!document.getElementById('teach').hidden")
        tab.js("document.getElementById('teach-name').value = 'noise'")
        tab.js(WATCH_PROGRESS)
        tab.tap("#teach-form button")
        tab.wait("window.sawProgress")
        tab.wait("document.getElementById('teach-note').innerText.includes('noise is taught')")
        tab.wait("document.querySelector('#taught li')?.innerText.includes('noise')")
        tab.js("window.confirm = () => true")
        tab.tap("#taught .danger")
        tab.wait("document.querySelectorAll('#taught li').length === 0")


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRun]:
    """Yield a loop with a detector that finds a red square."""
    folder = tmp_path_factory.mktemp("counting")
    with live_run(colors_detector(folder), red_at(1), folder, "--fps", "3") as running:
        yield running


WATCH_FRAMES = """(() => {
  window.source = new EventSource('/api/events');
  window.source.addEventListener('frame', (message) => {
    const found = JSON.parse(message.data).objects ?? [];
    window.seen = found.length ? (found[0].box[0] + found[0].box[2]) / 2 / JSON.parse(message.data).width : null;
  });
})()"""
"""Notes where the first object of the newest frame is, as a fraction of the width."""


def opened(tab: Page, run: LiveRun) -> None:
    """Open the page of a run on its settings, on a phone."""
    tab.size(*SIZES[0])
    tab.open_afresh(run.url)
    tab.wait("document.getElementById('link').dataset.state === 'live'")
    tab.wait("document.getElementById('image').naturalWidth > 0")
    select(tab, "settings")
    tab.wait("!document.getElementById('shapes').hidden")


def test_line_is_drawn_with_a_finger_counts_and_is_saved(tab: Page, counting: LiveRun) -> None:
    opened(tab, counting)
    tab.tap("#line-draw")
    tab.wait("document.activeElement.id === 'draw'")
    x, y = tab.center("#draw")
    tab.drag((x, y + 60), (x, y - 60))  # from the bottom to the top: forward is to the right
    tab.js("document.getElementById('shape-name').value = 'door'")
    assert axe_findings(tab) == []
    tab.tap("#shape-apply")
    tab.wait("document.getElementById('shape-list').innerText.includes('door')")
    (line,) = settings(tab)["count_lines"]  # type: ignore[misc]
    *numbers, name = line.split(",")
    assert name == "door"
    x0, y0, x1, y1 = map(float, numbers)
    assert (x0, x1) == (pytest.approx(0.5, abs=0.02), pytest.approx(0.5, abs=0.02))
    assert y0 > 0.6 > 0.4 > y1
    tab.js(WATCH_FRAMES)
    for column in (1, 1, 1, 1, 2, 3, 4, 5, 6, 6):
        counting.camera.scene = red_at(column)
        tab.js("window.seen = null")
        tab.wait(f"window.seen && Math.abs(window.seen - {(column + 0.5) / 8}) < 0.06")
    tab.wait("document.getElementById('counts').innerText.includes('1 forward, 0 backward')")
    tab.wait("document.getElementById('scores').innerText.includes('red #')")
    select(tab, "events")
    tab.wait("document.getElementById('timeline').innerText.includes('crossed door forward')")
    select(tab, "settings")
    tab.tap("#save")
    tab.wait("document.getElementById('toast').innerText.includes('Saved to')")
    assert f'count_lines = ["{line}"]' in (counting.folder / "run.toml").read_text()
    tab.tap("#shape-list .danger")
    tab.wait("document.querySelectorAll('#shape-list li').length === 0")
    assert settings(tab)["count_lines"] == []
    assert tab.problems == []


def test_zone_is_drawn_with_keys_and_edited(tab: Page, counting: LiveRun) -> None:
    counting.camera.scene = red_at(3)
    opened(tab, counting)
    tab.tap("#zone-draw")
    tab.wait("document.activeElement.id === 'draw'")
    for key in ("ArrowLeft", " ", "ArrowUp"):
        tab.key(key)
    tab.tap("#shape-apply")
    tab.wait("document.getElementById('shape-list').innerText.includes('zone1')")
    assert settings(tab)["zones"] == ["0.23,0.25,0.75,0.23,0.75,0.75,0.25,0.75,zone1"]
    tab.wait("document.getElementById('counts').innerText.includes('1 inside')")
    tab.tap("#shape-list button")
    tab.wait("!document.getElementById('draw').hidden")
    tab.tap("#shape-change")  # removes the chosen corner
    tab.tap("#shape-apply")
    tab.wait("document.getElementById('shape-list').innerText.includes('3 corners')")
    tab.js("document.getElementById('shape-name').value = ''")
    assert settings(tab)["zones"] == ["0.75,0.23,0.75,0.75,0.25,0.75,zone1"]
    tab.tap("#shape-list .danger")
    tab.wait("document.getElementById('counts-card').hidden")
    assert tab.problems == []


def test_wrong_line_is_explained_and_can_be_corrected(tab: Page, counting: LiveRun) -> None:
    opened(tab, counting)
    tab.tap("#line-draw")
    tab.js("document.getElementById('shape-name').value = '<b>x</b>'")
    tab.tap("#shape-apply")
    tab.wait("document.getElementById('settings-error').innerText.includes('is not a name')")
    tab.tap("#shape-cancel")
    tab.wait("document.getElementById('draw').hidden")
    assert settings(tab)["count_lines"] == []


def test_classifier_has_no_lines(page: Page) -> None:
    select(page, "settings")
    assert page.js("document.getElementById('shapes').hidden && document.getElementById('counts-card').hidden")


def test_release_of_the_device_is_shown_in_its_own_card(tab: Page, tmp_path: Path) -> None:
    with served(tmp_path) as device:
        device.stats.release = lambda: ReleaseStatus(
            "door-0123456789ab", "reverted", "2026-01-31T12:00:00Z", None, "door-ba9876543210", "too slow: 1.0 frames/s"
        )
        device.show(0)
        tab.size(*SIZES[0])
        tab.open(f"http://127.0.0.1:{device.live.port}/")
        tab.wait("document.getElementById('link').dataset.state === 'live'")
        select(tab, "health")
        tab.wait("document.getElementById('release').innerText.includes('door-0123456789ab')")
        shown = tab.text("#release")
        assert "door-0123456789ab" in shown and "Runs again" in shown and "2026" in shown
        assert "door-ba9876543210: too slow: 1.0 frames/s" in shown
        tab.wait(f"document.documentElement.scrollWidth <= {SIZES[0][0]}")
        parse(device.get("/api/status").body, "page_status")


def test_run_without_a_release_shows_no_card(page: Page) -> None:
    select(page, "health")
    assert page.js("document.getElementById('release-card').hidden")


def test_heat_map_of_an_anomaly_is_red_on_the_image(tab: Page, tmp_path: Path) -> None:
    color = (
        "((x, y) => { const c = document.createElement('canvas'), i = document.getElementById('image');"
        "c.width = c.height = 1; const p = c.getContext('2d');"
        "p.drawImage(i, i.naturalWidth * x, i.naturalHeight * y, 1, 1, 0, 0, 1, 1);"
        "const [r, g, b] = p.getImageData(0, 0, 1, 1).data; return r > g && r > b ? 'red' : b > g ? 'blue' : 'green'; })"
    )
    with live_run(blue_ground_model(tmp_path), ground(), tmp_path) as run:
        tab.size(*SIZES[0])
        tab.open_afresh(run.url)
        tab.wait(f"document.getElementById('image').naturalWidth > 0 && {color}(0.25, 0.3) === 'blue'")
        tab.wait("document.querySelector('.score')?.innerText.includes('Normal')")
        run.camera.scene = ground((40, 60, 120, 140))
        tab.wait(f"{color}(0.25, 0.3) === 'red'")
        assert tab.js(f"{color}(0.75, 0.75)") == "blue"
        tab.wait("document.querySelector('.score')?.innerText.includes('Anomalous')")
        select(tab, "events")
        tab.wait("document.getElementById('timeline').innerText.toLowerCase().includes('anomaly')")
    assert not tab.problems
