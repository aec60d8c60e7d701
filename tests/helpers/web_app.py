"""Exported web apps: the archives of LiteRT.js, a server for the files, and films for Chromium's fake camera."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromium import Page
from edgevision.device.export.records import Exported, ExportRequest
from edgevision.device.export.web import runtime
from edgevision.device.export.web.export import export_web
from locations import ROOT

from edgevision.types import Frame

ENVIRONMENT = ROOT / ".cache" / "envs" / "litertjs"
FAKE_CAMERA = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")


def litertjs_folder() -> Path:
    """Return a folder with the archives of LiteRT.js, or skip the test."""
    for folder in (ENVIRONMENT, runtime.cache_folder()):
        if all((folder / package.file).is_file() for package in (runtime.CORE, runtime.UTILS)):
            return folder
    pytest.skip("LiteRT.js is not on this machine; run: make env-litertjs")


def exported(model: Path, folder: Path) -> Exported:
    """Export a model to a folder."""
    return export_web(ExportRequest(model, folder, False, {"runtime": litertjs_folder()}))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port of this machine, as any static host does; yield the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def write_film(path: Path, frames: Sequence[np.ndarray[Any, Any]], rate: int) -> None:
    """Write RGB frames as YUV4MPEG2, which Chromium's fake camera plays again and again."""
    height, width = frames[0].shape[:2]
    with path.open("wb") as stream:
        stream.write(f"YUV4MPEG2 W{width} H{height} F{rate}:1 Ip A1:1 C420jpeg\n".encode())
        for frame in frames:
            red, green, blue = (frame[..., n].astype(float) for n in range(3))
            luma = 16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255
            blueness = 128 + (-37.797 * red - 74.203 * green + 112 * blue) / 255
            redness = 128 + (112 * red - 93.786 * green - 18.214 * blue) / 255
            planes = (luma, blueness[::2, ::2], redness[::2, ::2])
            stream.write(
                b"FRAME\n" + b"".join(plane.round().clip(0, 255).astype(np.uint8).tobytes() for plane in planes)
            )


def start(page: Page, url: str) -> None:
    """Open an app and wait until its self-test is done."""
    page.open(url)
    page.wait("['passed', 'failed'].includes(document.getElementById('self-test').dataset.state)")


def predict(page: Page, frame: Frame, threshold: float) -> Any:
    """Return the app's answer for a frame, with the digests of the model's input and outputs, by a model of its own."""
    pass_frame(page, frame)
    call = f"testModel.predict(frame, {threshold}, true)"
    answer = page.js(f"{call}.then(a => ({{...a, mask: a.mask ? btoa(letters(a.mask)) : null}}))")
    if answer["mask"] is not None:
        mask = np.frombuffer(base64.b64decode(answer["mask"]), np.uint8)
        answer["mask"] = mask.reshape(answer["maskHeight"], answer["maskWidth"])
    return answer


def pass_frame(page: Page, frame: Frame) -> None:
    """Make an RGB frame the page's variable ``frame``, as ImageData."""
    rgba = np.dstack([frame.pixels, np.full(frame.pixels.shape[:2], 255, np.uint8)])
    page.js(
        f"window.bytes = atob('{_base64(rgba)}');"
        f"window.frame = new ImageData({frame.width}, {frame.height});"
        "for (let i = 0; i < bytes.length; i++) frame.data[i] = bytes.charCodeAt(i); delete window.bytes"
    )


def open_test_model(page: Page) -> None:
    """Open the app's model a second time, for ``predict``."""
    page.js(
        "window.letters = array => Array.from(array, n => String.fromCharCode(n)).join('');"
        "import('./app/model.js').then(async m => { window.testModel = new m.Model(); await testModel.open(); return 1; })"
    )


def _base64(pixels: np.ndarray[Any, Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(pixels).tobytes()).decode()
