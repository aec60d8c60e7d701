"""Float against int8 on the same pictures: how often they answer alike, and what that costs in right answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edgevision import metrics
from edgevision.card import ModelCard
from edgevision.errors import BadModel, BadPicture
from edgevision.interpreter import Interpreter
from edgevision.preprocess import pixels, quantize
from edgevision.stats import Difference, Share, paired_difference, share
from edgevision.tasks import classification
from edgevision.tensors import TensorSpec

from .calibrate import Skipped
from .disagreements import Disagreement, Surest
from .float_model import FloatModel
from .heldout import HeldOut, Judged

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.data import Frame, Pixels

    Scores = npt.NDArray[np.float32]

CHECKED = 8
"""Pictures on which the float .tflite, which is quick and small, must answer as Keras itself does."""
MAX_DIFFERENCE = 1e-3
"""Of a score between Keras and the float .tflite (measured: 1e-5)."""
STRETCHED = 100
"""Pictures that are also judged stretched, as other tools show them to the model."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was measured on the held-out pictures; None where nothing could be."""

    pictures: int
    agreement: Share | None
    """Same best answer; of equal scores the lowest index counts as best, on both sides."""
    ties: int
    """Pictures whose best int8 score is shared by several classes."""
    divergence: float | None
    """Mean Kullback-Leibler divergence of the int8 scores from the float ones, in nats; None for several labels."""
    float_accuracy: Share | None
    int8_accuracy: Share | None
    drop: Difference | None
    """float minus int8 accuracy, on the same pictures, 0..1."""
    skipped: tuple[Skipped, ...]
    disagreements: tuple[Disagreement, ...] = ()
    """The surest of them."""
    stretched: Share | None = None
    """Same int8 answer when the picture is stretched to the input, on the first pictures; None where that is the rule."""


def compare(
    model: FloatModel,
    float_model: Interpreter,
    int8_model: Interpreter,
    card: ModelCard,
    heldout: HeldOut,
    step: Callable[[int], None] = lambda done: None,
) -> Comparison:
    """Runs both models over the held-out pictures; ``step`` hears how many are done. Raises BadModel, EngineError."""
    skipped: list[Skipped] = []
    kept: list[Judged] = []
    tops: list[tuple[int, int]] = []
    ties, divergence = 0, 0.0
    surest, stretched = Surest(card.rule), _Stretched(int8_model, card)
    for judged, frame in _read(heldout, skipped):
        picture = pixels(frame, card.rule)
        wanted = scores_of(float_model, picture, card)
        if len(kept) < CHECKED:
            _check(model, picture, wanted, card)
        got = scores_of(int8_model, picture, card)
        kept.append(judged)
        tops.append((int(np.argmax(wanted)), int(np.argmax(got))))
        ties += int(np.count_nonzero(got == got.max()) > 1)
        divergence += float(metrics.divergence(wanted[np.newaxis], got[np.newaxis])[0])
        surest.consider(judged.path, judged.labels, picture, wanted, got)
        stretched.consider(frame, got)
        step(len(kept) + len(skipped))
    # The scores of several independent labels are no distribution.
    mean = divergence / len(kept) if kept and card.task == "classification" else None
    found = _summary(kept, tops, ties, mean, skipped)
    return replace(found, disagreements=tuple(surest.kept), stretched=share(stretched.same, stretched.total))


def scores_of(interpreter: Interpreter, picture: Pixels, card: ModelCard) -> Scores:
    """The scores 0..1 of all classes for prepared pixels (height, width, channels), by the device's own code."""
    tensor = quantize(picture, card.rule, interpreter.inputs[0])
    return classification.scores(interpreter.infer(tensor)[0], interpreter.outputs[0], card.activation)


def _check(model: FloatModel, picture: Pixels, wanted: Scores, card: ModelCard) -> None:
    """The float .tflite stands for the Keras model only where the two agree. Raises BadModel."""
    output = model.outputs(picture[np.newaxis])
    spec = TensorSpec("scores", output.shape, "float32")
    difference = float(np.abs(classification.scores(output, spec, card.activation) - wanted).max())
    if not difference <= MAX_DIFFERENCE:  # also where it is no number
        raise BadModel(
            f"the converted model answers unlike the Keras model (a score is off by {difference:.3g}), "
            "before any quantization: an operator of it cannot be converted faithfully"
        )


def _read(heldout: HeldOut, skipped: list[Skipped]) -> Iterator[tuple[Judged, Frame]]:
    for judged in heldout.pictures:
        try:
            frame = judged.read()
        except BadPicture as error:
            skipped.append(Skipped(judged.path, str(error).removeprefix(f"{judged.path}: ")))
            continue
        yield judged, frame


class _Stretched:
    """How often the answer stays the same where a tool stretches the whole picture whatever the rule says."""

    def __init__(self, model: Interpreter, card: ModelCard) -> None:
        self._model, self._card = model, card
        self._rule = replace(card.rule, resize="stretch")
        self.same = self.total = 0

    def consider(self, frame: Frame, by_rule: Scores) -> None:
        """Judges one picture, up to STRETCHED; ``by_rule``: its scores when prepared by the rule."""
        if self._card.rule.resize == "stretch" or self.total == STRETCHED:
            return
        found = scores_of(self._model, pixels(frame, self._rule), self._card)
        self.total += 1
        self.same += int(np.argmax(found) == np.argmax(by_rule))


def _summary(
    kept: list[Judged], tops: list[tuple[int, int]], ties: int, divergence: float | None, skipped: list[Skipped]
) -> Comparison:
    same = sum(a == b for a, b in tops)
    rights = [
        (a in judged.labels, b in judged.labels) for judged, (a, b) in zip(kept, tops, strict=True) if judged.labels
    ]
    counts = {pair: rights.count(pair) for pair in ((True, True), (True, False), (False, True), (False, False))}
    drop = None
    if rights:
        # The drop is float minus int8, so the int8 model is the first of the two.
        drop = paired_difference(counts[True, True], counts[False, True], counts[True, False], counts[False, False])
    return Comparison(
        pictures=len(kept),
        agreement=share(same, len(kept)),
        ties=ties,
        divergence=divergence,
        float_accuracy=share(sum(a for a, _ in rights), len(rights)),
        int8_accuracy=share(sum(b for _, b in rights), len(rights)),
        drop=drop,
        skipped=tuple(skipped),
    )
