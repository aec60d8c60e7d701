"""Find out how many .tflite files of a folder run: as they are, after one `edgevision card`, or not at all.

    python -m tools.survey FOLDER --image PHOTO [--json OUT.json]

Each file is opened in a child process with limits of time and memory, and must predict on the photo. What is counted is
that a file runs and answers in the form of its task; whether the answers are right is the matter of tests.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from edgevision import open_model, read_model
from edgevision.errors import EdgeVisionError
from edgevision.inspection.add_card import new_card, write
from edgevision.inspection.card_options import CardOptions
from edgevision.model_file.edgetpu_part import is_compiled
from edgevision.model_file.makers.registry import plausible
from edgevision.model_file.model_file import ModelFile
from edgevision.model_file.suitability import fitting_tasks
from edgevision.types import Task, TensorSpec

AS_IS, AFTER_CARD, REFUSED, COMPILED, NOT_VISION = "as it is", "after card", "refused", "compiled", "not vision"
LIMIT_S = 180.0
MEMORY = 8 * 2**30
MIN_SIDE = 16
"""Smallest side of an input that is taken for an image (pixels)."""
USUAL = (127.5,)
"""Mean and std that are tried if a file needs them."""
SHOWN = 110
"""Longest text in the last column of the table (characters)."""


@dataclass(frozen=True)
class Found:
    """What became of one file."""

    path: str
    bytes: int
    outcome: str
    task: str = ""
    maker: str = ""
    preprocessing: str = ""
    card_options: str = ""
    """Options of `edgevision card` after which the file runs; empty if it needs none."""
    reason: str = ""
    """Why the file does not run as it is."""
    answer: str = ""


def is_vision(inputs: Sequence[TensorSpec]) -> bool:
    """Return whether a model has one input with the shape of an image, in whatever order and with whatever rank."""
    if len(inputs) != 1 or inputs[0].dtype in ("string", "int32", "int64", "bool"):
        return False
    sizes = inputs[0].shape[1:]
    if len(sizes) == 3:
        channels = [n for n in (sizes[0], sizes[-1]) if n in (1, 3)]
        return bool(channels) and (max(sizes) >= MIN_SIDE or -1 in sizes)
    side = sizes[0] if len(sizes) == 2 and sizes[0] == sizes[1] else round(max(sizes[0], 0) ** 0.5) if sizes else 0
    return side >= MIN_SIDE and (len(sizes) == 2 or side * side == sizes[0])


def examine(path: Path, image: Path, scratch: Path) -> Found:
    """Open one file and predict; if it is refused, try again with the options of a model card."""
    size = path.stat().st_size
    try:
        file = read_model(path, strict=False)
    except EdgeVisionError as error:
        return Found(str(path), size, REFUSED, reason=str(error))
    if not is_vision(file.inputs):
        return Found(str(path), size, NOT_VISION)
    if is_compiled(file.flatbuffer):
        return Found(str(path), size, COMPILED)
    try:
        return _predict(path, path, image, AS_IS, "", "")
    except EdgeVisionError as error:
        reason = str(error).removeprefix(f"{path}: ")
    for options in _options(file):
        made = scratch / "with-card.tflite"
        with suppress(EdgeVisionError):
            write(new_card(path, options), made, overwrite=True)
            return _predict(made, path, image, AFTER_CARD, _said(options), reason)
    return Found(str(path), size, REFUSED, reason=reason)


def _options(file: ModelFile) -> Iterator[CardOptions]:
    """Yield the options to try: as few as possible first, the most special maker first."""
    tasks: tuple[Task | None, ...] = (None,)
    with suppress(EdgeVisionError):
        tasks += fitting_tasks(file, file.graph())
        for task in tasks[:2]:  # unstated, then the likeliest
            yield from (CardOptions(like=name, task=task) for name in reversed(plausible(file, (*tasks, None)[1])))
    for task in tasks:
        yield CardOptions(task=task, resize="stretch")
        yield CardOptions(task=task, resize="stretch", mean=USUAL, std=USUAL)


def _said(options: CardOptions) -> str:
    given = {name: value for name, value in asdict(options).items() if value is not None}
    return " ".join(f"--{name} {value[0] if isinstance(value, tuple) else value}" for name, value in given.items())


def _predict(opened: Path, path: Path, image: Path, outcome: str, options: str, reason: str) -> Found:
    with open_model(opened) as model:
        prediction = model.predict(image)
    card = model.card
    answers = prediction.labels or prediction.objects or prediction.regions
    answer = ", ".join(f"{one.name} {getattr(one, 'score', getattr(one, 'area', 0)):.2f}" for one in answers[:3])
    maker = str(getattr(card, "maker", None) or "")
    described = card.preprocessing.describe()
    return Found(
        str(path), path.stat().st_size, outcome, card.task, maker, described, options, reason, answer or "nothing"
    )


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _in_child(path: Path, image: Path) -> Found:
    """Examine one file in a child process. A child that crashes or hangs counts as a refusal."""
    command = [sys.executable, "-P", "-m", "tools.survey", "--one", str(path), "--image", str(image)]
    here = str(Path(__file__).resolve().parent.parent)
    with tempfile.TemporaryDirectory() as state:
        variables = os.environ | {"XDG_STATE_HOME": state, "PYTHONPATH": here}
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=LIMIT_S, check=False, env=variables, preexec_fn=_limit
            )
            return Found(**json.loads(done.stdout))
        except subprocess.TimeoutExpired:
            said = f"no answer within {LIMIT_S:g} s"
        except ValueError:
            lines = done.stderr.strip().splitlines()
            said = f"the process ended with {done.returncode}: {lines[-1] if lines else 'no message'}"
    return Found(str(path), path.stat().st_size, REFUSED, reason=said)


def _table(found: Sequence[Found], folder: Path) -> Iterator[str]:
    for one in sorted(found, key=lambda one: (one.outcome, one.path)):
        last = one.answer if one.outcome == AS_IS else one.card_options or one.reason
        name = str(Path(one.path).relative_to(folder))
        yield f"{one.outcome:10} {one.task:15} {one.maker:20} {name}  {last[:SHOWN]}"
    counts = Counter(one.outcome for one in found)
    vision = counts[AS_IS] + counts[AFTER_CARD] + counts[REFUSED]
    yield f"{vision} vision files: " + ", ".join(f"{counts[kind]} {kind}" for kind in (AS_IS, AFTER_CARD, REFUSED))
    yield f"left out: {counts[COMPILED]} compiled for an Edge TPU, {counts[NOT_VISION]} without an image as input"


def main() -> int:
    """Run the survey, or one file of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="folder with .tflite files, searched recursively")
    parser.add_argument("--image", type=Path, required=True, help="photo to predict on")
    parser.add_argument("--json", type=Path, help="file for the results as JSON")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        with tempfile.TemporaryDirectory() as scratch:
            print(json.dumps(asdict(examine(given.one, given.image, Path(scratch)))))
        return 0
    if given.folder is None or not given.folder.is_dir():
        parser.error(f"not a folder: {given.folder}; give the folder with the .tflite files")
    found = []
    for path in sorted(given.folder.rglob("*.tflite")):
        found.append(_in_child(path, given.image))
        print(f"{len(found)} {found[-1].outcome} {path}", file=sys.stderr)
    print("\n".join(_table(found, given.folder)))
    if given.json is not None:
        given.json.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
