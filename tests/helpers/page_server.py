"""A live page on a free loopback port with the bundled default model, fed by the test instead of a loop."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple

import numpy as np
from edgevision.device.label.collected import collected_page
from edgevision.device.loop.fakes import FakeCamera
from edgevision.device.outputs.clip_list import ClipList
from edgevision.device.outputs.counts import Counts
from edgevision.device.page.address import PageAddress
from edgevision.device.page.opened import OpenPage, PageOptions, open_page
from edgevision.device.page.shared_model import SharedModel
from edgevision.device.stream.control import LoopControl
from edgevision.device.telemetry.run_stats import RunStats

from edgevision import open_model
from edgevision.preprocessing import decode
from edgevision.types import Frame, Label, Prediction


class Answer(NamedTuple):
    """A response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class RunningPage(NamedTuple):
    """A running page."""

    live: OpenPage
    control: LoopControl
    folder: Path
    stats: RunStats

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, host: str | None = None
    ) -> Answer:
        """Send a request; a body that is not bytes is sent as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.live.port, timeout=120)
        sent = dict(headers or {})
        sent["Host"] = host or f"127.0.0.1:{self.live.port}"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **more: Any) -> Answer:
        """Send a GET request."""
        return self.ask("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Answer:
        """Send a POST request."""
        return self.ask("POST", path, body, **more)

    def show(self, index: int = 0, name: str = "cat", size: tuple[int, int] = (64, 48)) -> Frame:
        """Give the page a frame as the loop does."""
        pixels = np.full((size[1], size[0], 3), index % 256, np.uint8)
        frame = Frame(pixels, "RGB", index, source="test:")
        self.live.write(frame, Prediction("classification", (Label(0, name, 0.9),)))
        return frame


@contextmanager
def served(
    folder: Path,
    host: str = "127.0.0.1",
    save: Callable[[dict[str, Any]], Path] | None = None,
    certificate: str | None = None,
    model: Path | None = None,
    clips: Sequence[ClipList] = (),
) -> Iterator[RunningPage]:
    """Serve a page until the end of the block; a ``host`` that is not loopback needs a token."""
    with open_model(model, threads=1) as opened:
        control, stats = LoopControl(0.3, 1), RunStats()
        options = PageOptions(
            address=PageAddress(host, 0),
            tls=certificate,
            state=folder / "state",
            collect=folder / "photos",
            name="cam",
        )
        counts = Counts(None, lambda: control.shapes) if opened.card.task == "detection" else None
        model_in_use = SharedModel(opened)
        live = open_page(
            options,
            model_in_use,
            FakeCamera("ok"),
            stats,
            control,
            save,
            clips=clips,
            counts=counts,
            labeling=partial(collected_page, model_in_use),
        )
        try:
            yield RunningPage(live, control, folder, stats)
        finally:
            live.close()


@contextmanager
def showing(page: RunningPage) -> Iterator[None]:
    """Give a page ten frames per second until the end of the block."""
    ended = Event()

    def show() -> None:
        for index in count(1):
            if ended.wait(0.1):
                return
            page.show(index)

    thread = Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def photo() -> bytes:
    """Return a small JPEG."""
    return decode.encode_jpeg(Frame(np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8), "RGB"))
