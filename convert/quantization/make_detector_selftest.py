"""Generator of the self-test of a detector: synthetic images in which any machine must find the same objects.

A detector finds some of its objects in random shapes, and more surely in variations of the best ones. An image is used if
its objects stay where they are when the pixels change a little: where two boxes compete for one place, the kernels of
another CPU may choose the other one. The user's photos are never used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from edgevision.engines.interpreter import Interpreter
from edgevision.log import Log
from edgevision.model_file.card import ModelCard
from edgevision.model_file.detector_selftest import DetectorCase, DetectorSelfTest, ExpectedObject
from edgevision.postprocessing.decoder import Decoder
from edgevision.preprocessing.decode import decode, encode_png
from edgevision.preprocessing.transform import pixels, quantize
from edgevision.selftest import compare_objects, tensor_sha256
from edgevision.types import Frame

from .make_selftest import MAX_PNG, TOLERANCE
from .synthetic_images import ProbePicture, random_picture

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.types import Detection, Pixels

log = Log("edgevision.convert")
MIN_IOU = 0.5
"""Least overlap with the expected box. Between kernels, boxes overlap by 0.77 or more (measured on three int8 detectors)."""
MIN_SCORE = 0.3
"""Score from which objects are listed: well above the tolerance, so that a model that finds nothing fails."""
CLEAR = 0.5
"""Score of the best object to aim for."""
CASES = 4
CANDIDATES = 120
CLIMBS = 6
"""Number of candidates that are improved by small variations."""
STEPS = 30
TRIALS = CANDIDATES + CLIMBS * STEPS
"""Largest number of images tried, apart from the changed ones."""
CHANGES = 4
"""Number of changed versions of an image in which its objects must stay."""
NOISE = 2
"""Largest change of a pixel in them."""
STABLE_IOU = 0.75
"""Least overlap of boxes in them; scores may differ by half the tolerance."""


@dataclass(frozen=True, slots=True)
class GeneratedDetectorSelfTest:
    """A self-test and its images."""

    test: DetectorSelfTest
    files: dict[str, bytes]
    """PNG data by entry name in the model file."""

    @property
    def objects(self) -> int:
        """Number of objects in all images."""
        return sum(len(case.objects) for case in self.test.cases)


class _Found:
    """An image, and what the detector finds in it."""

    def __init__(self, search: _Search, picture: ProbePicture) -> None:
        self.picture = picture
        self.pixels = picture.draw()
        self.objects = search.objects(self.pixels)
        self._search = search

    @property
    def best(self) -> float:
        """Score of the best object; 0 if none is listed."""
        return self.objects[0].score if self.objects else 0.0

    @property
    def top(self) -> int:
        """Class of the best object; -1 without one."""
        return self.objects[0].index if self.objects else -1

    @cached_property
    def good(self) -> bool:
        """Whether the image may be used."""
        return self.best >= MIN_SCORE and len(encode_png(Frame(self.pixels))) <= MAX_PNG and self._stable()

    @property
    def clear(self) -> bool:
        """Whether nothing better has to be looked for."""
        return self.best >= CLEAR and self.good

    def _stable(self) -> bool:
        expected = _expected(self.objects)
        chance = np.random.default_rng(0)
        for _ in range(CHANGES):
            noise = chance.integers(-NOISE, NOISE + 1, self.pixels.shape)
            found = self._search.objects((self.pixels + noise).clip(0, 255).astype(np.uint8), MIN_SCORE - TOLERANCE)
            if compare_objects(expected, found, TOLERANCE / 2, STABLE_IOU, MIN_SCORE).reason:
                return False
        return True


class _Search:
    """Runs the int8 detector itself, as a device does."""

    def __init__(self, interpreter: Interpreter, decoder: Decoder, card: ModelCard) -> None:
        self._interpreter, self._decoder, self._rule = interpreter, decoder, card.preprocessing

    def objects(self, drawn: Pixels, threshold: float = MIN_SCORE) -> tuple[Detection, ...]:
        return self.frame_objects(Frame(drawn, "RGB"), threshold)

    def frame_objects(self, frame: Frame, threshold: float = MIN_SCORE) -> tuple[Detection, ...]:
        outputs = self._interpreter.infer(self.tensor(frame))
        return self._decoder.decode(outputs, (frame.width, frame.height), 1, threshold).objects

    def tensor(self, frame: Frame) -> npt.NDArray[np.generic]:
        return quantize(pixels(frame, self._rule), self._rule, self._interpreter.inputs[0])


def make_detector_selftest(
    interpreter: Interpreter,
    decoder: Decoder,
    card: ModelCard,
    seed: int = 0,
    step: Callable[[int], None] = lambda done: None,
) -> GeneratedDetectorSelfTest | None:
    """Generate the self-test of an int8 detector; None if it finds nothing in any image. Raises EngineError.

    The same model and seed give the same test. ``step`` is called with the number of trials done, up to TRIALS.
    """
    chance = np.random.default_rng(seed)
    search = _Search(interpreter, decoder, card)
    found: list[_Found] = []
    while len(found) < CANDIDATES and not _enough(found, len(card.labels)):
        found.append(_Found(search, random_picture(chance)))
        step(len(found))
    for number, start in enumerate(_starts(found)):
        found.append(_climb(search, start, chance))
        step(CANDIDATES + (number + 1) * STEPS)
    chosen = _pick(found)
    log.debug("self-test: %d of %d images tried, %d with a clear object", len(chosen), len(found), _clear(chosen))
    if not chosen:
        return None
    files = {f"selftest_{n + 1}.png": encode_png(Frame(one.pixels, "RGB")) for n, one in enumerate(chosen)}
    cases = tuple(_case(search, name, data) for name, data in files.items())
    return GeneratedDetectorSelfTest(DetectorSelfTest(cases, TOLERANCE, MIN_IOU, MIN_SCORE), files)


def _clear(found: Sequence[_Found]) -> int:
    return sum(one.clear for one in found)


def _enough(found: Sequence[_Found], classes: int) -> bool:
    """Return whether there is a clear image for each case, with different classes as far as there are any."""
    clear = {id(one): one.top for one in found if one.best >= CLEAR and one.clear}
    return len(clear) >= CASES and len(set(clear.values())) >= min(CASES, max(classes, 1))


def _starts(found: Sequence[_Found]) -> list[_Found]:
    """Return what to improve: the best candidate of each class that has no clear one, best first, then the next best."""
    if _clear(found) >= CASES:
        done = {one.top for one in found if one.clear}
        return list(_best_of_each([one for one in found if one.top not in done]))[:CLIMBS]
    first = _best_of_each(found)
    rest = [one for one in sorted(found, key=lambda one: -one.best) if one not in first]
    return [one for one in (*first, *rest) if not one.clear][:CLIMBS]


def _best_of_each(found: Sequence[_Found]) -> list[_Found]:
    """Return the best image of each class, best first."""
    first: dict[int, _Found] = {}
    for one in sorted(found, key=lambda one: -one.best):
        first.setdefault(one.top, one)
    return list(first.values())


def _climb(search: _Search, start: _Found, chance: np.random.Generator) -> _Found:
    """Improve an image by random variations that keep its class."""
    best = start
    for number in range(STEPS):
        if best.clear:
            break
        tried = _Found(search, best.picture.varied(chance, 0.3 if number % 3 == 0 else 0.1))
        if tried.top != start.top and start.top >= 0:
            continue
        if tried.best > best.best and (tried.good or not best.good):
            best = tried
    return best


def _pick(found: Sequence[_Found]) -> list[_Found]:
    """Return up to CASES images that may be used, the best of each class first."""
    ranked = sorted(found, key=lambda one: -one.best)
    chosen: list[_Found] = []
    for repeats in range(CASES):
        for one in ranked:
            fresh = one not in chosen and sum(one.top == other.top for other in chosen) == repeats
            if len(chosen) < CASES and fresh and one.good:
                chosen.append(one)
    return chosen


def _expected(objects: Sequence[Detection]) -> tuple[ExpectedObject, ...]:
    return tuple(ExpectedObject(one.index, one.score, one.box) for one in objects)


def _case(search: _Search, name: str, data: bytes) -> DetectorCase:
    """Return the test case with the objects that the model finds in the image as stored in the file."""
    frame = decode(data, name)
    return DetectorCase(name, tensor_sha256(search.tensor(frame)), _expected(search.frame_objects(frame)))
