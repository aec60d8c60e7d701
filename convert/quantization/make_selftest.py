"""Generator of the self-test in a model file: synthetic images with clear results that any machine must reproduce.

An image is good if its top class leads by more than kernels differ between CPUs, and if swapping red and blue changes
the scores by more than that. The search tries many random images, then improves the best ones by small variations. The
user's photos are never used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgevision.engines.interpreter import Interpreter
from edgevision.log import Log
from edgevision.model_file.card import SelfTest, SelfTestCase
from edgevision.postprocessing import classification
from edgevision.preprocessing.decode import decode, encode_png
from edgevision.preprocessing.spec import Preprocessing
from edgevision.preprocessing.transform import pixels, quantize
from edgevision.types import Frame

from .synthetic_images import ProbePicture, random_picture

if TYPE_CHECKING:
    import numpy.typing as npt

    Scores = npt.NDArray[np.float32]

log = Log("edgevision.convert")
TOLERANCE = 0.12
"""Largest allowed difference of a score; kernels differ by up to 0.1 between CPUs (measured on int8 MobileNets)."""
MARGIN = 0.3
"""Lead of the top class to aim for; it stays positive if the best score loses and the second gains the tolerance."""
ORDER_CHANGE = 2 * TOLERANCE
"""Change of a recorded score to aim for when red and blue are swapped."""
CASES = 6
MIN_CASES = 4
LISTED = 5
"""Number of scores recorded per image."""
CANDIDATES = 160
CLIMBS = 8
"""Number of candidates that are improved by small variations."""
STEPS = 40
TRIALS = CANDIDATES + CLIMBS * STEPS
"""Maximum number of images tried."""
MAX_PNG = 16_000
"""Maximum size of an image in bytes; six take less than 100 kB."""


@dataclass(frozen=True, slots=True)
class GeneratedSelfTest:
    """A self-test and its images."""

    test: SelfTest
    files: dict[str, bytes]
    """PNG data by entry name in the model file."""
    margin: float
    """Smallest lead of a top class, 0..1."""
    order_change: float
    """Largest change of a recorded score when red and blue are swapped, 0..1; 0 for grayscale models."""


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    picture: ProbePicture
    scores: Scores
    swapped: float
    """Largest change of a recorded score when red and blue are swapped."""
    gray: bool
    """Whether the model has one channel and thus no channel order."""

    @property
    def top(self) -> int:
        return int(np.argmax(self.scores))

    @property
    def margin(self) -> float:
        best = np.sort(self.scores)[-2:]
        return float(best[-1] - best[0]) if best.size == 2 else float(best[0])

    @property
    def worth(self) -> float:
        """Quality of the image; 2 or more meets both aims. Excess in one aim does not make up for the other."""
        order = 1.0 if self.gray else min(self.swapped / ORDER_CHANGE, 1.0)
        return min(self.margin / MARGIN, 1.0) + order + 0.1 * self.margin

    @property
    def good(self) -> bool:
        """Whether both aims are met."""
        return self.worth >= 2.0


class _Search:
    """Scores candidates with the int8 model itself, as a device does."""

    def __init__(self, interpreter: Interpreter, preprocessing: Preprocessing, activation: str) -> None:
        self._interpreter = interpreter
        self._rule = preprocessing
        self._activation = activation

    def found(self, picture: ProbePicture) -> _Found:
        drawn = picture.draw()
        scores = self._scores(drawn)
        swapped, gray = 0.0, self._rule.channels == 1
        if not gray:
            other = self._scores(np.ascontiguousarray(drawn[..., ::-1]))
            swapped = float(np.abs(other - scores)[np.argsort(-scores, kind="stable")[:LISTED]].max())
        return _Found(picture, scores, swapped, gray)

    def _scores(self, drawn: npt.NDArray[np.uint8]) -> Scores:
        return self.frame_scores(Frame(drawn, "RGB"))

    def frame_scores(self, frame: Frame) -> Scores:
        return classification.scores(
            self._interpreter.infer(self.tensor(frame))[0], self._interpreter.outputs[0], self._activation
        )

    def tensor(self, frame: Frame) -> npt.NDArray[np.generic]:
        return quantize(pixels(frame, self._rule), self._rule, self._interpreter.inputs[0])


def make_selftest(
    interpreter: Interpreter,
    preprocessing: Preprocessing,
    activation: str,
    seed: int = 0,
    step: Callable[[int], None] = lambda done: None,
) -> GeneratedSelfTest:
    """Generate the self-test of an int8 model; the same model and seed give the same test. Raises EngineError.

    ``step`` is called with the number of trials done, up to TRIALS.
    """
    chance = np.random.default_rng(seed)
    search = _Search(interpreter, preprocessing, activation)
    found: list[_Found] = []
    while len(found) < CANDIDATES and not _enough(found):
        found.append(search.found(random_picture(chance)))
        step(len(found))
    for number, start in enumerate(_starts(found)):
        found.append(_climb(search, start, chance))
        step(CANDIDATES + (number + 1) * STEPS)
    chosen = _pick(found)
    log.debug(
        "self-test: %d of %d images tried, %d with clear scores",
        len(chosen),
        len(found),
        sum(one.good for one in chosen),
    )
    files = {f"selftest_{n + 1}.png": encode_png(Frame(one.picture.draw(), "RGB")) for n, one in enumerate(chosen)}
    cases = tuple(_case(search, name, data) for name, data in files.items())
    return GeneratedSelfTest(
        SelfTest(cases, TOLERANCE), files, min(one.margin for one in chosen), max(one.swapped for one in chosen)
    )


def _enough(found: list[_Found]) -> bool:
    """Return whether there are enough good images for all cases, with different top classes as far as classes exist."""
    good = [one for one in found if one.good]
    return len(good) >= CASES and len({one.top for one in good}) >= min(CASES, good[0].scores.size)


def _starts(found: list[_Found]) -> list[_Found]:
    """Return the best candidate of each top class, best first, followed by the next best."""
    ranked = sorted(found, key=lambda one: -one.worth)
    first: dict[int, _Found] = {}
    for one in ranked:
        first.setdefault(one.top, one)
    rest = [one for one in ranked if first[one.top] is not one]
    return [*first.values(), *rest][:CLIMBS]


def _climb(search: _Search, start: _Found, chance: np.random.Generator) -> _Found:
    """Improve an image by random variations that keep its top class."""
    best = start
    for number in range(STEPS):
        if best.good:
            break
        tried = search.found(best.picture.varied(chance, 0.3 if number % 3 == 0 else 0.1))
        if tried.top == start.top and tried.worth > best.worth:
            best = tried
    return best


def _pick(found: list[_Found]) -> list[_Found]:
    """Return up to CASES images, the best of each top class first; weak images only to reach MIN_CASES."""
    ranked = sorted(found, key=lambda one: -one.worth)
    chosen: list[_Found] = []
    for repeats in range(CASES):
        for one in ranked:
            enough = len(chosen) >= (CASES if one.good else MIN_CASES)
            if enough or any(one is other for other in chosen):
                continue
            if sum(one.top == other.top for other in chosen) == repeats and _png_size(one) <= MAX_PNG:
                chosen.append(one)
    return chosen


def _png_size(one: _Found) -> int:
    return len(encode_png(Frame(one.picture.draw(), "RGB")))


def _case(search: _Search, name: str, data: bytes) -> SelfTestCase:
    """Return the test case with the model's scores for the image as stored in the file."""
    frame = decode(data, name)
    tensor = np.ascontiguousarray(search.tensor(frame))
    scores = search.frame_scores(frame)
    order = np.argsort(-scores, kind="stable")[:LISTED]
    return SelfTestCase(
        picture=name,
        tensor_sha256=hashlib.sha256(tensor.tobytes()).hexdigest(),
        top=int(order[0]),
        scores=tuple(round(float(scores[i]), 6) for i in order),
        indices=tuple(int(i) for i in order),
    )
