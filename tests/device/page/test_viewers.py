"""As many people as may watch at once, and one more, in a real Chromium on a real loop."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest

pytest.importorskip("websocket")
import chromium
from chromium import Page, browser
from edgevision.device.page.app import STREAMS
from live_run import LiveRun, live_run

from edgevision import default_model
from edgevision.preprocessing.decode import encode_jpeg
from edgevision.types import Frame

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium.PROGRAM is None, reason="Chromium is not installed; run: make packages"),
]
RED, GREEN, BLUE = (200, 20, 20), (20, 200, 20), (20, 20, 200)
PATIENCE_S = 120
"""Seconds for anything: so many tabs keep a small machine busy."""
STRONGEST = """(() => {
  const canvas = document.createElement('canvas'), image = document.getElementById('image');
  canvas.width = canvas.height = 1;
  canvas.getContext('2d').drawImage(image, 0, 0, 1, 1);
  const color = [...canvas.getContext('2d').getImageData(0, 0, 1, 1).data].slice(0, 3);
  return color.indexOf(Math.max(...color));
})()"""
"""The strongest of red, green and blue in the image that is shown: 0, 1 or 2."""


def scene(color: tuple[int, int, int]) -> bytes:
    """Return an image of one color, as JPEG."""
    return encode_jpeg(Frame(np.full((240, 320, 3), color, np.uint8), "RGB"))


def status(run: LiveRun) -> Any:
    """Return the counts of the loop."""
    with urlopen(f"{run.url}api/status", timeout=30) as answer:
        return json.load(answer)["status"]


@contextmanager
def viewers(run: LiveRun, first: Page, count: int) -> Iterator[list[Page]]:
    """Yield tabs that show the page, each of another person."""
    with ExitStack() as stack:
        tabs = [first.other_user() for _ in range(count)]
        for tab in tabs:
            stack.callback(tab.close)
            tab.open(run.url, PATIENCE_S)
        yield tabs


def wait_for_image(tabs: Sequence[Page], color: int) -> None:
    """Wait until all tabs show an image of this color."""
    for tab in tabs:
        tab.wait("document.getElementById('image').naturalWidth > 0", PATIENCE_S)
        tab.wait(f"{STRONGEST} === {color}", PATIENCE_S)


def test_twenty_viewers_see_the_image_move_and_the_next_one_reads_why_not(tmp_path: Path) -> None:
    profile = tmp_path / "chromium"
    profile.mkdir()
    with (
        live_run(default_model.path(), scene(RED), tmp_path) as run,
        browser(profile) as first,
        viewers(run, first, STREAMS) as tabs,
    ):
        wait_for_image(tabs, 0)
        before = status(run)
        for color, shown in ((BLUE, 2), (GREEN, 1)):
            run.camera.scene = scene(color)
            wait_for_image(tabs, shown)
        after = status(run)
        assert after["frames"] > before["frames"]
        assert [tab.problems for tab in tabs] == [[]] * STREAMS

        first.open(run.url, PATIENCE_S)
        first.wait("!document.getElementById('banner').hidden", PATIENCE_S)
        assert f"{STREAMS} viewers see the image already" in first.text("#banner")
        # What the loop recognizes is shown nevertheless, and the image comes as soon as there is a place.
        first.wait("document.querySelectorAll('.score').length > 0", PATIENCE_S)
        assert first.js("document.getElementById('link').dataset.state") == "live"
        tabs[0].open("about:blank")
        wait_for_image([first], 1)
        first.wait("document.getElementById('banner').hidden", PATIENCE_S)
