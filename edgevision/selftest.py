"""Run the self-test stored in a model file: generated images with their expected input tensors and scores."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .errors import BadImage, BadModel
from .log import Log
from .model import Model
from .model_file import model_file
from .model_file.card import SelfTestCase
from .preprocessing import decode
from .types import Frame

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
    same_top: bool
    worst: float
    """Largest difference from an expected score, 0..1."""
    ok: bool


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
        reasons = sorted({_reason(case) for case in bad})
        return f"{len(bad)} of {len(self.cases)} images differ: {', '.join(reasons)}"


def check(model: Model, files: Mapping[str, bytes] | None = None) -> SelfTestReport:
    """Run the self-test of a model's card; ``files``: the entries of its file, read again if None. Raises BadModel."""
    test = model.card.selftest
    if test is None or not test.cases:
        raise BadModel(f"{model.path} has no self-test; convert the model with edgevision to get one")
    entries = model_file.read(model.path).files if files is None else files
    _refuse_bombs(model, entries, {case.picture for case in test.cases})
    report = SelfTestReport(tuple(_run(model, entries, case, test.tolerance) for case in test.cases), test.tolerance)
    log.info("%s: %s", model.path, report.describe())
    return report


def tensor_sha256(tensor: np.ndarray) -> str:
    """Return the SHA-256 of a tensor's bytes."""
    return hashlib.sha256(np.ascontiguousarray(tensor).tobytes()).hexdigest()


def _run(model: Model, entries: Mapping[str, bytes], case: SelfTestCase, tolerance: float) -> CaseResult:
    frame = _picture(model, entries, case.picture)
    same_tensor = tensor_sha256(model.prepare(frame)) == case.tensor_sha256
    found = model.scores(frame)
    if max(case.indices, default=0) >= found.size or min(case.indices, default=0) < 0:
        raise BadModel(
            f"{model.path}: the self-test names class {max(case.indices)}, but the model has {found.size} classes"
        )
    differences = [abs(float(found[i]) - score) for i, score in zip(case.indices, case.scores, strict=True)]
    worst = max(differences, default=1.0)
    same_top = int(np.argmax(found)) == case.top
    return CaseResult(case.picture, same_tensor, same_top, worst, same_tensor and same_top and worst <= tolerance)


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


def _reason(case: CaseResult) -> str:
    if not case.same_tensor:
        return "different input tensor (preprocessing differs)"
    return "different top class" if not case.same_top else f"score off by {case.worst:.2f}"
