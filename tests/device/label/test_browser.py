"""The labeling page in a real Chromium: keys, undo after a reload, boxes drawn by drag and by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("websocket")
pytest.importorskip("starlette")
import chromium
from axe_core_python.base import AXE_FILE_PATH
from box_scenes import SCENES
from box_writers import draw as draw_scene
from chromium import Page, browser
from edgevision.device.label.records import MarkedBox
from label_page import LabelPage, content, draw, labeled

from edgevision import default_model
from edgevision.datasets.boxes.open_boxes import open_boxes

pytestmark = pytest.mark.skipif(chromium.PROGRAM is None, reason="Chromium is not installed; run: make packages")
PHONE, DESKTOP = (360, 740), (1280, 900)
LOADED = "document.getElementById('image').naturalWidth > 0"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Yield a tab that all tests of this module use."""
    with browser(tmp_path_factory.mktemp("chromium")) as page:
        yield page


def opened(tab: Page, page: LabelPage, size: tuple[int, int] = PHONE) -> None:
    """Load the page until the first image is shown."""
    tab.size(*size)
    tab.open_afresh(page.url)
    tab.wait(LOADED)


def shows(tab: Page, text: str) -> None:
    """Wait until the line about the image contains a text."""
    tab.wait(f"document.getElementById('about').textContent.includes({text!r})")


def paths(folder: Path) -> set[str]:
    return set(content(folder))


def axe_findings(tab: Page) -> object:
    """Return what axe finds to be more than minor in what is shown."""
    tab.js(Path(AXE_FILE_PATH).read_text() + "\n0")
    script = "axe.run({resultTypes: ['violations']}).then(r => r.violations.filter(v => v.impact !== 'minor'))"
    return tab.js(f"{script}.then(l => l.map(v => v.id + ' ' + v.nodes.map(n => n.target).join(' ')))")


def test_keys_label_discard_and_undo_even_after_a_reload(tab: Page, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    for seed, name in enumerate(("cat/a.png", "dog/b.png", "_unsure/1.png", "_unsure/2.png", "_unsure/3.png")):
        draw(folder / name, seed)
    before = content(folder)
    with labeled(folder, default_model.path()) as page:
        opened(tab, page)
        shows(tab, "_unsure/1.png · the model says")
        assert tab.js("document.documentElement.scrollWidth") <= PHONE[0]
        assert axe_findings(tab) == []
        tab.key("2")
        shows(tab, "_unsure/2.png")
        assert "dog/1.png" in paths(folder)
        tab.key("/")
        for letter in "bird":
            tab.call("Input.insertText", text=letter)
        tab.wait("document.getElementById('found').textContent === 'Enter: new class bird'")
        tab.js("document.getElementById('find').requestSubmit()")
        shows(tab, "_unsure/3.png")
        assert "bird/2.png" in paths(folder)
        tab.key("x")
        tab.wait("document.getElementById('left').textContent === 'All labeled'")
        assert ".discarded/_unsure/3.png" in paths(folder)
        tab.open(page.url)
        tab.wait("document.getElementById('undo-answer').textContent === 'Undo (3)'")
        for left in ("Undo (2)", "Undo (1)", "Undo"):
            tab.key("u")
            tab.wait(f"document.getElementById('undo-answer').textContent === {left!r}")
        assert content(folder) == before
        assert tab.problems == []
        assert all(one.startswith((page.url, "data:", "about:", "chrome")) for one in tab.requested if "label" in one)


def test_boxes_are_drawn_moved_relabeled_and_saved(tab: Page, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    draw_scene(folder / "a.jpg", SCENES[0])
    with labeled(folder, to="voc") as page:
        opened(tab, page, DESKTOP)
        left, top, width, high = tab.js(
            "(() => { const c = document.getElementById('draw').getBoundingClientRect(), w = c.width, h = c.height;"
            "const a = Math.min(w, h * 120 / 80), b = Math.min(h, w * 80 / 120);"
            "return [c.x + (w - a) / 2, c.y + (h - b) / 2, a, b]; })()"
        )

        def at(x: float, y: float) -> tuple[float, float]:
            return left + width * x / 120, top + high * y / 80

        tab.drag(at(10, 20), at(50, 60))
        tab.js(
            "(e => { e.value = 'cup'; e.dispatchEvent(new Event('input')); })(document.getElementById('class-name'))"
        )
        tab.js("document.getElementById('find').requestSubmit()")
        tab.wait("document.querySelector('#boxes button').textContent === 'cup'")
        tab.drag(at(30, 40), at(40, 45))  # inside: it moves
        tab.drag(at(60, 65), at(70, 75))  # its corner: it grows
        tab.key("b")
        tab.wait("document.querySelectorAll('#boxes li').length === 2")
        tab.key("Delete")
        tab.wait("document.querySelectorAll('#boxes li').length === 1")
        assert axe_findings(tab) == []
        tab.key("Enter")
        tab.wait("document.getElementById('left').textContent === 'All labeled'")
        found = open_boxes(folder)
        (box,) = (MarkedBox(found.labels[one.label], one.box) for one in found.images[0].boxes)
        assert box.label == "cup" and box.box == pytest.approx((20, 25, 70, 75), abs=2.5)
        tab.key("u")
        tab.wait("document.getElementById('left').textContent === '1 to label'")
        assert paths(folder) == {"a.jpg"}
        assert tab.problems == []


def test_damaged_photo_is_named_and_can_be_discarded(tab: Page, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    for seed, name in enumerate(("cat/a.png", "dog/b.png", "_unsure/2.png")):
        draw(folder / name, seed)
    (folder / "_unsure" / "1.jpg").write_bytes(b"\xff\xd8\xff")
    with labeled(folder) as page:
        tab.problems.clear()
        tab.size(*PHONE)
        tab.open(page.url)
        tab.wait("!document.getElementById('banner').hidden")
        assert tab.text("#banner") == "This image cannot be read. Discard it (X), or skip it (S)."
        tab.key("x")
        shows(tab, "_unsure/2.png")
        tab.wait(LOADED)
        assert tab.js("document.getElementById('banner').hidden")
        assert ".discarded/_unsure/1.jpg" in paths(folder)
