"""What the tests of the whole loop share: the film that a device sees, and a person who labels what it collected."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from edgevision.convert.synthetic import draw_set

from edgevision.preprocessing.decode import decode, read

KNOWN, NEW = ("apple", "banana", "mug"), "carrot"
NETWORK = (
    *("--backbone", "cnn", "--weights", "none", "--image-size", "48"),
    *("--cnn-filters", "12,16,24", "--cnn-dense", "32"),
)
FEW_EPOCHS = ("--epochs", "12", "--head-epochs", "12", "--learning-rate", "0.003", "--quiet")
SWAPPED = dict(zip(KNOWN, (*KNOWN[1:], KNOWN[0]), strict=True))
"""Wrong labels of a whole batch."""
SHOWN_S = 6
"""Seconds that each scene of a film stays; two images of a label are collected at least 5 s apart."""
START_S = 120


class Scene(NamedTuple):
    """A scene of the film."""

    shows: str
    pixels: np.ndarray


class Answered(NamedTuple):
    """What a person did on the page."""

    confirmed: int
    corrected: int
    undone: int


def draw_photos(folder: Path) -> Path:
    """Draw the photos of the first training."""
    draw_set(folder, KNOWN, 100, 1, size=96)
    return folder


def draw_film(path: Path, scenes: int = 30) -> list[Scene]:
    """Write a film, at one frame per second, of objects by turns, in scenes that no photo shows and in dim light.

    ``scenes``: number of each object.
    """
    names = (*KNOWN, NEW)
    drawn = {name: draw_set(path.parent / "scenes", (name,), scenes, (7, 7), size=96) for name in names}
    found = [
        Scene(name, (read(drawn[name][at]).pixels * 0.8).astype(np.uint8)) for at in range(scenes) for name in names
    ]
    height, width = found[0].pixels.shape[:2]
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 1, (width, height))
    for scene in found:
        for _ in range(SHOWN_S):
            video.write(scene.pixels)
    video.release()
    return found


def label_on_page(port: int, scenes: Sequence[Scene], mistakes: Mapping[str, str] | None = None) -> Answered:
    """Answer every image of a labeling page with the requests of its script; the first correction is undone once.

    ``mistakes``: object -> the wrong label that it gets.
    """
    page = _Page(port)
    confirmed = corrected = undone = 0
    status = page.get("status?refresh=1")
    shown = page.get("item?view=todo")
    while shown["item"] is not None:
        number = shown["item"]["number"]
        guess = page.get(f"items/{number}/guess")["labels"][0]["label"]
        seen = _what_shows(page.image(number), scenes)
        label = (mistakes or {}).get(seen, seen)
        answer = {"number": number, "view": "todo", "action": "label", "label": label, "alone": False}
        shown = page.post("answer", answer)
        if label == guess:
            confirmed += 1
            continue
        if not undone:
            back = page.post("undo", {})
            assert (back["action"], back["item"]["number"]) == ("label", number)
            undone += 1
            shown = page.post("answer", answer)
        corrected += 1
    status = page.get("status")
    assert status["progress"]["left"] == 0
    assert status["progress"]["answered"] == status["progress"]["images"]
    return Answered(confirmed, corrected, undone)


def _what_shows(jpeg: bytes, scenes: Sequence[Scene]) -> str:
    """Return what an image shows: that of the nearest scene."""
    seen = decode(jpeg, "the page").pixels.astype(int)
    return min(scenes, key=lambda scene: float(np.abs(scene.pixels - seen).mean())).shows


class _Page:
    """The HTTP API of a labeling page that is starting or running."""

    def __init__(self, port: int) -> None:
        self._port = port
        deadline = time.monotonic() + START_S
        while True:
            try:
                self.get("status")
                return
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, "the labeling page does not answer"
                time.sleep(0.2)

    def get(self, path: str) -> Any:
        return json.loads(self._ask("GET", path))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return json.loads(self._ask("POST", path, json.dumps(body)))

    def image(self, number: int) -> bytes:
        return self._ask("GET", f"items/{number}/image?width=1280")

    def _ask(self, method: str, path: str, body: str | None = None) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        with closing(connection):
            connection.request(method, f"/label/api/{path}", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
        assert answer.status == 200, content
        return content
