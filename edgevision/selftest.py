"""Run the self-test stored in a model file: generated images with their expected input tensors, and scores or objects."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .datasets.boxes.placement import overlap
from .errors import BadImage, BadModel
from .log import Log
from .model import Model
from .model_file import model_file
from .model_file.card import SelfTest, SelfTestCase
from .model_file.detector_selftest import DetectorCase, DetectorSelfTest, ExpectedObject
from .preprocessing import decode
from .types import Detection, Frame

log = Log("edgevision.selftest")
PNG = b"\x89PNG\r\n\x1a\n"
MAX_PIXELS = 2**25
"""Largest number of pixels of all images of a self-test; the converter's six have less than 2 million."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """Result of one case."""

    picture: str
    same_tensor: bool
    """Whether the prepared input tensor is identical, byte for byte."""
    worst: float
    """Largest difference from an expected score, 0..1."""
    reason: str
    """What is not as expected; empty if everything is."""

    @property
    def ok(self) -> bool:
        """Whether the result is as expected."""
        return not self.reason


class Difference(NamedTuple):
    """How the objects that were found differ from the expected ones."""

    worst: float
    """Largest difference from an expected score, 0..1."""
    reason: str
    """What is not as expected; empty if everything is."""


@dataclass(frozen=True, slots=True)
class SelfTestReport:
    """Result of the whole self-test."""

    cases: tuple[CaseResult, ...]
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether this machine reproduces the results of the converter."""
        return all(case.ok for case in self.cases)

    def describe(self) -> str:
        """Return one line that says what failed, or that everything passed."""
        bad = [case for case in self.cases if not case.ok]
        if not bad:
            worst = max(case.worst for case in self.cases)
            count = len(self.cases)
            return f"{count} of {count} images as expected; scores within {worst:.3f} (allowed {self.tolerance:g})"
        reasons = sorted({case.reason for case in bad})
        return f"{len(bad)} of {len(self.cases)} images differ: {', '.join(reasons)}"


def check(model: Model, files: Mapping[str, bytes] | None = None) -> SelfTestReport:
    """Run the self-test of a model's card; ``files``: the entries of its file, read again if None. Raises BadModel."""
    test = model.card.selftest
    if test is None or not test.cases:
        raise BadModel(f"{model.path} has no self-test; convert the model with edgevision to get one")
    entries = model_file.read(model.path).files if files is None else files
    _refuse_bombs(model, entries, {case.picture for case in test.cases})
    report = SelfTestReport(tuple(_results(model, entries, test)), test.tolerance)
    log.info("%s: %s", model.path, report.describe())
    return report


def compare_objects(
    expected: Sequence[ExpectedObject], found: Sequence[Detection], tolerance: float, min_iou: float, min_score: float
) -> Difference:
    """Compare the objects in an image with the expected ones, all with a score of at least ``min_score``.

    Each expected object must have a partner of its class with nearly its score, and so must each found one, unless its
    score is less than ``tolerance`` above ``min_score``. Two may share a partner: where boxes overlap, the smallest
    difference of a kernel decides which one remains.
    """
    worst, reason = 0.0, ""
    for one in expected:
        off = min((abs(other.score - one.score) for other in found if _same_place(one, other, min_iou)), default=None)
        if off is None:
            return Difference(1.0, "an object is missing or at another place")
        worst = max(worst, off)
    if worst > tolerance:
        reason = f"score off by {worst:.2f}"
    for extra in found:
        if extra.score >= min_score + tolerance and not any(_same_place(one, extra, min_iou) for one in expected):
            reason = reason or f"an object too many, with a score of {extra.score:.2f}"
    return Difference(worst, reason)


def _same_place(expected: ExpectedObject, found: Detection, min_iou: float) -> bool:
    return expected.class_index == found.index and overlap(expected.box, found.box) >= min_iou


def tensor_sha256(tensor: np.ndarray) -> str:
    """Return the SHA-256 of a tensor's bytes."""
    return hashlib.sha256(np.ascontiguousarray(tensor).tobytes()).hexdigest()


def _results(model: Model, entries: Mapping[str, bytes], test: SelfTest | DetectorSelfTest) -> Iterator[CaseResult]:
    """Yield the result of each case. Raises BadModel."""
    for case in test.cases:
        frame = _picture(model, entries, case.picture)
        same_tensor = tensor_sha256(model.prepare(frame)) == case.tensor_sha256
        if isinstance(case, DetectorCase):
            assert isinstance(test, DetectorSelfTest)
            found = _objects(model, frame, case, test)
        else:
            found = _scores(model, frame, case, test.tolerance)
        reason = found.reason if same_tensor else "different input tensor (preprocessing differs)"
        yield CaseResult(case.picture, same_tensor, found.worst, reason)


def _scores(model: Model, frame: Frame, case: SelfTestCase, tolerance: float) -> Difference:
    found = model.scores(frame)
    if max(case.indices, default=0) >= found.size or min(case.indices, default=0) < 0:
        raise BadModel(
            f"{model.path}: the self-test names class {max(case.indices)}, but the model has {found.size} classes"
        )
    differences = [abs(float(found[i]) - score) for i, score in zip(case.indices, case.scores, strict=True)]
    worst = max(differences, default=1.0)
    if int(np.argmax(found)) != case.top:
        return Difference(worst, "different top class")
    return Difference(worst, "" if worst <= tolerance else f"score off by {worst:.2f}")


def _objects(model: Model, frame: Frame, case: DetectorCase, test: DetectorSelfTest) -> Difference:
    if model.card.task != "detection":
        raise BadModel(f"{model.path}: the self-test is one of a detector, but the task is {model.card.task}")
    lowest = max(0.0, test.min_score - test.tolerance)
    found = model.predict(frame, threshold=lowest).objects
    return compare_objects(case.objects, found, test.tolerance, test.min_iou, test.min_score)


def _refuse_bombs(model: Model, entries: Mapping[str, bytes], names: set[str]) -> None:
    """Raise BadModel for images that are not PNG files, or larger than those of a self-test."""
    pixels = 0
    for name in names & entries.keys():
        head = entries[name][:24]
        if len(head) < 24 or not head.startswith(PNG):
            raise BadModel(f"{model.path}: the self-test image {name} is damaged: it is not a PNG file")
        width, height = struct.unpack(">II", head[16:24])
        pixels += width * height
    if pixels > MAX_PIXELS:
        raise BadModel(
            f"{model.path}: the self-test images have {pixels / 1e6:.0f} million pixels, at most {MAX_PIXELS / 1e6:.0f} are "
            "allowed; corrupt or malicious file"
        )


def _picture(model: Model, entries: Mapping[str, bytes], name: str) -> Frame:
    try:
        return decode.decode(entries[name], name)
    except KeyError:
        raise BadModel(f"{model.path}: the self-test image {name} is missing from the file") from None
    except BadImage as error:
        raise BadModel(f"{model.path}: the self-test image is damaged: {error}") from None
