"""Distance of an int8 detector from its float reference by the boxes that both report, whatever their outputs look like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.engines.interpreter import Interpreter, open_interpreter
from edgevision.evaluation.detection.agreement import agree
from edgevision.evaluation.detection.overlap import iou
from edgevision.evaluation.detection.records import PredictedBoxes
from edgevision.model_file.card import ModelCard
from edgevision.postprocessing.decoder import Decoder, open_decoder
from edgevision.postprocessing.detection import DEFAULT_THRESHOLD
from edgevision.tflite.detection_op import result_outputs
from edgevision.tflite.editable_model import FlatModel
from edgevision.tflite.outputs import OutputFacts

from .distance import DETECTION, ClassificationJudge, Score

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.types import Pixels, Tensor

    Array = npt.NDArray[Any]

MIN_SCORE = 0.05
"""Score from which boxes are compared: below the thresholds in use, so that a box that is nearly reported counts, too."""
OUTPUTS_WEIGHT = 0.1
"""Weight of the outputs' own distance, which decides on images without boxes."""


class DecodedJudge:
    """Scorer of int8 detectors against one float detector on a fixed set of images.

    The distance of an image is the share of the scores that has no partner: each box of either detector counts with its
    score, less the overlap (IoU) with the best box of the same class in the other, times the ratio of their scores. A tenth of the
    distance of the outputs themselves, limited to 1, is added. ``finish`` makes a whole detector of a network.
    """

    measure = DETECTION

    def __init__(
        self,
        float_: bytes,
        pictures: Sequence[Pixels],
        normalize: Callable[[Pixels], Array],
        finish: Callable[[bytes], bytes],
        card: ModelCard,
    ) -> None:
        self._pictures, self._finish, self._card = pictures, finish, card
        self._outputs = ClassificationJudge(float_, pictures, normalize)
        self._wanted = self._boxes(float_, [normalize(picture) for picture in pictures])

    def score(self, model: FlatModel) -> Score:
        """Score an int8 model that takes uint8 images."""
        found = self._boxes(model.pack(), self._pictures)
        own = self._outputs.score(model).each
        lost = [_lost(a, b) for a, b in zip(self._wanted, found, strict=True)]
        threshold = DEFAULT_THRESHOLD if self._card.threshold is None else self._card.threshold
        same = agree(self._wanted, found, (threshold, threshold))
        return Score(np.asarray(lost) + OUTPUTS_WEIGHT * own / (1.0 + own), same.matched, same.total)

    def _boxes(self, network: bytes, inputs: Sequence[Tensor]) -> list[PredictedBoxes]:
        whole = self._finish(network)
        with closing(open_interpreter(whole)) as interpreter:
            facts = OutputFacts(operator_outputs=result_outputs(whole))
            decoder = open_decoder(self._card, interpreter.outputs, facts)
            return [self._of_image(interpreter, decoder, image) for image in inputs]

    def _of_image(self, interpreter: Interpreter, decoder: Decoder, image: Tensor) -> PredictedBoxes:
        outputs = interpreter.infer(image[np.newaxis])
        found = decoder.decode(outputs, (image.shape[1], image.shape[0]), 1, MIN_SCORE).objects
        return PredictedBoxes(
            np.asarray([one.box for one in found], np.float64).reshape(-1, 4),
            np.asarray([one.score for one in found], np.float64),
            np.asarray([one.index for one in found], np.int64),
        )


def _lost(first: PredictedBoxes, second: PredictedBoxes) -> float:
    """Return the share of the scores of both detectors that has no partner in the other, 0..1; 0 without boxes."""
    total = float(first.scores.sum() + second.scores.sum())
    if not total:
        return 0.0
    overlap = iou(first.boxes, second.boxes) * (first.classes[:, np.newaxis] == second.classes)
    ratio = np.minimum.outer(first.scores, second.scores) / np.maximum.outer(first.scores, second.scores)
    shared = overlap * ratio
    kept = (first.scores * shared.max(1, initial=0.0)).sum() + (second.scores * shared.max(0, initial=0.0)).sum()
    return 1.0 - float(kept) / total
