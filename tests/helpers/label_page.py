"""A labeling page on a free loopback port, and the folders that it labels."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from edgevision.device.label.guesses import Guesser
from edgevision.device.label.opened import LabelServer
from edgevision.device.label.opening import open_folder
from edgevision.device.page.address import PageAddress
from edgevision.device.page.opened import PageOptions
from page_server import Answer

from edgevision import open_model
from edgevision.preprocessing.decode import encode_png
from edgevision.types import Frame


class LabelPage(NamedTuple):
    """A running page."""

    server: LabelServer
    folder: Path

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://127.0.0.1:{self.server.port}/"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request below /label/api/."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=120)
        sent = {"Host": f"127.0.0.1:{self.server.port}", "Content-Type": "application/json", **headers}
        with closing(connection):
            connection.request(method, f"/label/api/{path}", None if body is None else json.dumps(body), sent)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())

    def get(self, path: str) -> Any:
        """Return the JSON of a GET request that must succeed."""
        answer = self.ask("GET", path)
        assert answer.status == 200, answer.body
        return answer.json

    def answer(self, action: str, number: int, **more: Any) -> Any:
        """Send an answer that must succeed; return the JSON."""
        answer = self.ask("POST", "answer", {"number": number, "action": action, **more})
        assert answer.status == 200, answer.body
        return answer.json

    def undo(self) -> Any:
        """Undo the newest answer; return the JSON."""
        answer = self.ask("POST", "undo", {})
        assert answer.status == 200, answer.body
        return answer.json


@contextmanager
def labeled(folder: Path, model: Path | None = None, to: Any = None, host: str = "127.0.0.1") -> Iterator[LabelPage]:
    """Serve a page until the end of the block; a ``host`` that is not loopback needs a token."""
    opened_model = None if model is None else open_model(model, threads=1)
    guesser = None if opened_model is None else Guesser(opened_model, folder)
    opened = open_folder(folder, guesser, to)
    opened.session.similar.run()
    server = LabelServer(PageOptions(address=PageAddress(host, 0), state=folder.parent / "state"), opened)
    try:
        yield LabelPage(server, folder)
    finally:
        server.close()
        if opened_model is not None:
            opened_model.close()


def draw(path: Path, seed: int, size: tuple[int, int] = (64, 48)) -> None:
    """Write an image of its own: clouds from a seed."""
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    pixels = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)  # noqa: TID251
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_png(Frame(pixels, "RGB")))


def content(folder: Path) -> dict[str, bytes]:
    """Return path -> content of all files of a folder but the log and its companions."""
    files = (path for path in folder.rglob("*") if path.is_file())
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    return {name: data for name, data in found.items() if not name.startswith(".edgevision-label/")}


def log_of(folder: Path) -> Path:
    """Return the log of a folder."""
    return folder / ".edgevision-label" / "log.jsonl"
