"""A classifier in Chromium: the app of ``edgevision export --to web`` beside TensorFlow.js and its MobileNet package.

    npm pack @tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0 @tensorflow-models/mobilenet@2.1.1
    python benchmarks/web.py MODEL.tflite --tfjs FOLDER --tfjs-model FOLDER [--photo FILE] [--rounds 5]

--tfjs has these three archives. --tfjs-model is the same network as a graph model of ``tensorflowjs_converter`` (a Keras model
needs ``model.export(FOLDER)`` first): the package fetches its own weights from a host, which a benchmark without a network
cannot do. It wants 1001 classes and inputs from -1 to 1, so MobileNet with 1001 ImageNet classes is what can be compared.

Three figures for each, from one browser and the same photo, in turns so that other work on the machine hits all alike:

start: from opening the page in a new profile until the first answer (s): scripts, runtime, model, and for the app the
    self-test, too. The server is on this machine; a network would add the time for some 4 MB to all pages.
later start: the same when the page is opened again in that profile.
answer: from an ImageData of 1280x720 to the class (ms), p50 of all calls, preparation included.

Prints a table in Markdown and the ratios.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from edgevision.preprocessing.decode import read
from edgevision.types import Frame

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "helpers"))
from chromium import Page, browser  # the drivers of the tests
from web_app import exported, open_test_model, pass_frame, served, start

CALLS = 20
"""Calls in each round, after two that are not counted."""
APP = "edgevision (LiteRT.js, int8)"
SIZE = (1280, 720)
ARCHIVES = ("tensorflow-tfjs-4", "tensorflow-tfjs-backend-wasm-4", "tensorflow-models-mobilenet-2")
BACK_ENDS = ("wasm", "cpu")
"""Back ends of TensorFlow.js that need no GPU; a headless browser has none to measure webgl with."""
PAGE = """<!doctype html><meta charset="utf-8"><title>TensorFlow.js</title>
<script src="tfjs/dist/tf.min.js"></script><script src="wasm/dist/tf-backend-wasm.min.js"></script>
<script src="mobilenet/dist/mobilenet.min.js"></script>
<script>
window.ready = (async () => {
  tf.wasm.setWasmPaths('wasm/dist/');
  await tf.setBackend('BACK_END');
  await tf.ready();
  window.net = await mobilenet.load({version: 1, alpha: 0.25, modelUrl: 'model/model.json', inputRange: [-1, 1]});
  window.readyMs = performance.now();
})();
</script>"""
ANSWER_TFJS = "net.classify(window.frame, 1)"
ANSWER_APP = "testModel.predict(window.frame, 0, false)"


class Measured(NamedTuple):
    """What one page took."""

    start_s: float
    later_s: float
    answers_ms: list[float]
    label: str
    """The class of the photo."""


def main() -> None:
    """Measure all pages in turns and print the table."""
    arguments = _arguments()
    frame = _frame(arguments.photo)
    found: dict[str, list[Measured]] = {}
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        sites = {APP: Path(scratch) / "app"}
        exported(arguments.model, Path(scratch) / "app")
        for name in BACK_ENDS:
            sites[f"TensorFlow.js {name}, float"] = _tfjs_site(Path(scratch) / name, name, arguments)
        urls = {name: stack.enter_context(served(folder)) for name, folder in sites.items()}
        for number in range(arguments.rounds):
            for place, (name, url) in enumerate(urls.items()):
                with _page(Path(scratch) / f"profile-{number}-{place}") as page:
                    found.setdefault(name, []).append(_measure(page, url, frame, name == APP))
    _print(found)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="edgevision's web app beside TensorFlow.js")
    parser.add_argument("model", type=Path)
    parser.add_argument("--tfjs", type=Path, required=True, help="folder with the npm archives")
    parser.add_argument("--tfjs-model", type=Path, required=True, help="folder with model.json")
    parser.add_argument("--photo", type=Path, help="a photo; without it, noise")
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def _tfjs_site(folder: Path, back_end: str, arguments: argparse.Namespace) -> Path:
    """Write the page of TensorFlow.js and return its folder."""
    folder.mkdir()
    for name, start_of_file in zip(("tfjs", "wasm", "mobilenet"), ARCHIVES, strict=True):
        (archive,) = arguments.tfjs.glob(f"{start_of_file}*.tgz")
        with tarfile.open(archive) as stream:
            stream.extractall(folder / name, filter="data")
        for part in (folder / name / "package").iterdir():
            part.rename(folder / name / part.name)
    (folder / "model").symlink_to(arguments.tfjs_model.resolve())
    (folder / "index.html").write_text(PAGE.replace("BACK_END", back_end))
    return folder


@contextmanager
def _page(profile: Path) -> Iterator[Page]:
    """Start a browser with an empty cache."""
    profile.mkdir()
    with browser(profile) as page:
        yield page


def _frame(photo: Path | None) -> Frame:
    """Return the photo, or noise, in the size of a camera's frame, as RGB."""
    if photo is None:
        return Frame(np.random.default_rng(0).integers(0, 256, (*SIZE[::-1], 3), np.uint8), "RGB")
    frame = read(photo)
    pixels = frame.pixels[..., ::-1] if frame.order == "BGR" else frame.pixels
    larger = cv2.resize(pixels, SIZE, interpolation=cv2.INTER_AREA)  # noqa: TID251  # a camera frame, not a tensor
    return Frame(np.ascontiguousarray(larger), "RGB")


def _measure(page: Page, url: str, frame: Frame, is_app: bool) -> Measured:
    """Open a page twice, wait for its first answer, and time more of them."""
    first_s, later_s = (_start(page, url, frame, is_app) for _ in range(2))
    call = ANSWER_APP if is_app else ANSWER_TFJS
    page.js(_timed(call, 1))
    answers = page.js(_timed(call, CALLS))
    label = page.js(f"{call}.then(a => a.labels ? a.labels[0].name : a[0].className)")
    return Measured(first_s, later_s, answers, str(label))


def _start(page: Page, url: str, frame: Frame, is_app: bool) -> float:
    """Open a page and return the seconds until its first answer."""
    if is_app:
        start(page, url)
        ready_ms = page.js("performance.now()")
        page.wait("navigator.serviceWorker.ready.then(() => true)")  # so that the next start is one from its cache
        open_test_model(page)
    else:
        page.open(url)
        ready_ms = page.js("ready.then(() => readyMs)")
    pass_frame(page, frame)
    (answer_ms,) = page.js(_timed(ANSWER_APP if is_app else ANSWER_TFJS, 1))
    return float(ready_ms + answer_ms) / 1000


def _timed(call: str, times: int) -> str:
    """Return a script that gives the milliseconds of each call."""
    return (
        f"(async () => {{ const taken = []; for (let i = 0; i < {times}; i++) {{ const before = performance.now();"
        f" await {call}; taken.push(performance.now() - before); }} return taken; }})()"
    )


def _print(found: dict[str, list[Measured]]) -> None:
    """Print the table and the ratios to the first row."""
    print("| page | start, later start, medians (s) | answer, p50 (ms) | class |")
    print("|---|---|---|---|")
    figures = {}
    for name, rounds in found.items():
        first = statistics.median(one.start_s for one in rounds)
        later = statistics.median(one.later_s for one in rounds)
        answer = statistics.median(ms for one in rounds for ms in one.answers_ms)
        figures[name] = (first, later, answer)
        print(f"| {name} | {first:.2f}, {later:.2f} | {answer:.1f} | {rounds[0].label} |")
    (own, base), *others = figures.items()
    for name, theirs in others:
        first, later, answer = (their / mine for their, mine in zip(theirs, base, strict=True))
        print(f"{name} / {own}: start {first:.2f}, later start {later:.2f}, answer {answer:.2f}")


if __name__ == "__main__":
    main()
