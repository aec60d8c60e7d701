"""The self-test as the page runs it: images as raw pixels, since browsers decode images in their own ways, and answers.

A model file made by edgevision has images and expected answers. For any other, images are drawn here, and the runtime of
this machine gives the answers.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from edgevision.errors import BadModel
from edgevision.model_file.detector_selftest import DetectorCase, DetectorSelfTest
from edgevision.preprocessing import decode
from edgevision.selftest import check, tensor_sha256

from ..drawn_images import drawn_frames

if TYPE_CHECKING:
    from edgevision.model import Model
    from edgevision.model_file.card import SelfTest
    from edgevision.types import Frame, Pixels

CASES = 6
TRIED = 24
"""Drawn images among which the detector's are chosen."""
LISTED = 5
"""Scores that are compared."""
TOLERANCE = 0.12
"""Largest difference of a score, as in the self-tests of converted models: kernels differ by up to 0.1."""
MASK_TOLERANCE = 0.02
"""Largest share of a mask's pixels that may differ: at borders, kernels decide differently."""
MIN_IOU = 0.5
MIN_SCORE = 0.3


class WebSelfTest(NamedTuple):
    """The self-test of an app."""

    facts: dict[str, Any]
    """What the page reads."""
    packed: bytes
    """Pixels of the images, and expected masks, packed with gzip."""
    source: str
    """Where it comes from: ``model`` for the model file, else ``drawn``."""


class _Store:
    """Bytes one after the other."""

    def __init__(self) -> None:
        self.data = bytearray()

    def put(self, pixels: Pixels) -> int:
        """Append an array and return where it is."""
        at = len(self.data)
        self.data += np.ascontiguousarray(pixels).tobytes()
        return at


def make_selftest(model: Model, files: Mapping[str, bytes], name: str) -> WebSelfTest:
    """Return the self-test of a model; ``files``: entries of its file; ``name``: of the file with the images.

    Raises BadModel if this machine does not get the answers that the model file expects.
    """
    store = _Store()
    own = model.card.selftest
    if own is not None and own.cases and model.card.task != "segmentation":
        report = check(model, files)
        if not report.ok:
            raise BadModel(
                f"{model.path} fails its self-test on this machine: {report.describe()}; see edgevision doctor"
            )
        cases = _own_cases(own, files, store)
        limits = {"tolerance": own.tolerance, "min_iou": MIN_IOU, "min_score": MIN_SCORE}
        if isinstance(own, DetectorSelfTest):
            limits |= {"min_iou": own.min_iou, "min_score": own.min_score}
    else:
        cases = _drawn_cases(model, store)
        tolerance = MASK_TOLERANCE if model.card.task == "segmentation" else TOLERANCE
        limits = {"tolerance": tolerance, "min_iou": MIN_IOU, "min_score": MIN_SCORE}
    data = bytes(store.data)
    facts = {"file": name, "sha256": hashlib.sha256(data).hexdigest(), **limits, "cases": cases}
    source = "model" if own is not None and cases[0]["image"] != "drawn 1" else "drawn"
    return WebSelfTest(facts, gzip.compress(data, 9, mtime=0), source)


def _own_cases(test: SelfTest | DetectorSelfTest, files: Mapping[str, bytes], store: _Store) -> list[dict[str, Any]]:
    made = []
    for case in test.cases:
        frame = decode.decode(files[case.picture], case.picture)
        made.append(_image(case.picture, frame, case.tensor_sha256, store))
        if isinstance(case, DetectorCase):
            made[-1]["objects"] = [
                {"index": one.class_index, "score": one.score, "box": list(one.box)} for one in case.objects
            ]
        else:
            made[-1]["scores"] = {"indices": list(case.indices), "values": list(case.scores), "clear": True}
    return made


def _drawn_cases(model: Model, store: _Store) -> list[dict[str, Any]]:
    return [
        _image(f"drawn {number}", frame, tensor_sha256(model.prepare(frame)), store) | _answer(model, frame, store)
        for number, frame in enumerate(_frames(model), 1)
    ]


def _frames(model: Model) -> Sequence[Frame]:
    """Return drawn images; for a detector, those with the highest score of an object."""
    if model.card.task != "detection":
        return list(drawn_frames(0, CASES))
    tried = list(drawn_frames(0, TRIED))
    found = [model.predict(frame, threshold=MIN_SCORE).objects for frame in tried]
    best = [objects[0].score if objects else 0.0 for objects in found]
    return [tried[n] for n in np.argsort(-np.array(best), kind="stable")[:CASES]]


def _image(name: str, frame: Frame, tensor: str, store: _Store) -> dict[str, Any]:
    pixels = frame.pixels[..., ::-1] if frame.order == "BGR" else frame.pixels
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., np.newaxis], 3, axis=2)
    offset = store.put(pixels)
    return {"image": name, "width": frame.width, "height": frame.height, "offset": offset, "tensor_sha256": tensor}


def _answer(model: Model, frame: Frame, store: _Store) -> dict[str, Any]:
    if model.card.task == "detection":
        found = model.predict(frame, threshold=MIN_SCORE).objects
        return {"objects": [{"index": one.index, "score": one.score, "box": list(one.box)} for one in found]}
    if model.card.task == "segmentation":
        mask = model.predict(frame).mask
        assert mask is not None
        return {"mask": {"offset": store.put(mask), "width": mask.shape[1], "height": mask.shape[0]}}
    scores = model.scores(frame)
    order = np.argsort(-scores, kind="stable")[:LISTED]
    values = [round(float(scores[n]), 6) for n in order]
    clear = len(values) < 2 or values[0] - values[1] > 2 * TOLERANCE
    return {"scores": {"indices": order.tolist(), "values": values, "clear": clear}}
