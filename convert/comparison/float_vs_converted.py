"""Comparison of the float and the converted model on the same images: agreement and loss of accuracy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edgevision.engines.interpreter import Interpreter
from edgevision.errors import BadImage, BadModel
from edgevision.evaluation import metrics
from edgevision.evaluation.intervals import Difference, Proportion, paired_difference, proportion
from edgevision.model_file.card import ModelCard
from edgevision.postprocessing import classification
from edgevision.preprocessing.transform import pixels, quantize
from edgevision.types import TensorSpec

from ..images.calibration import Skipped
from ..images.heldout import HeldOut, LabelledImage
from ..source_model.flatbuffer_model import SourceNetwork
from .balance import ClassBalance, class_balance
from .chance import ChanceLevel, chance_level
from .disagreements import Disagreement, TopDisagreements

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.types import Frame, Pixels

    Scores = npt.NDArray[np.float32]

N_FIDELITY_IMAGES = 8
"""Number of images on which the float .tflite must match the source model; it then stands in for it, being faster."""
MAX_DIFFERENCE = 1e-3
"""Largest allowed score difference between the source model and the float .tflite (measured: 1e-5)."""
STRETCHED = 100
"""Number of images that are also scored stretched, as other tools feed them to the model."""


@dataclass(frozen=True, slots=True)
class FidelityComparison:
    """Measurements on the held-out images; None where there was nothing to measure."""

    pictures: int
    agreement: Proportion | None
    """Share of images with the same top class; between equal scores the lowest index wins, in both models."""
    ties: int
    """Number of images whose best score of the converted model is shared by several classes."""
    divergence: float | None
    """Mean Kullback-Leibler divergence of the converted scores from the float scores, in nats; None for multi-label models."""
    float_accuracy: Proportion | None
    converted_accuracy: Proportion | None
    drop: Difference | None
    """Float minus converted accuracy on the same images, 0..1."""
    skipped: tuple[Skipped, ...]
    disagreements: tuple[Disagreement, ...] = ()
    """The disagreements in which both models are most confident."""
    stretched: Proportion | None = None
    """Share of the first images whose converted top class survives stretching; None if stretching is the preprocessing."""
    chance: ChanceLevel | None = None
    """The float accuracy, if it cannot be told from guessing."""
    balance: ClassBalance | None = None
    """What always giving one answer would reach on the same images, and the mean recall of the classes."""
    trained_on: TrainedOnComparison | None = None
    """The same figures on images that the model was trained on, which are in none of the others; None without such."""


@dataclass(frozen=True, slots=True)
class TrainedOnComparison:
    """Figures on images that the model was trained on; they say little about new images."""

    train: int
    """Number of images that the model was trained on."""
    val: int
    """Number of images that chose between its weights."""
    agreement: Proportion | None
    float_accuracy: Proportion | None
    converted_accuracy: Proportion | None


def compare(
    model: SourceNetwork,
    float_model: Interpreter,
    converted: Interpreter,
    card: ModelCard,
    heldout: HeldOut,
    step: Callable[[int], None] = lambda done: None,
) -> FidelityComparison:
    """Run both models on the held-out images and compare their scores.

    Images that the model was trained on are counted apart, unless there are no others. ``step`` is called with
    the number of images done. Raises BadModel, EngineError.
    """
    skipped: list[Skipped] = []
    kept: list[LabelledImage] = []
    tops: list[tuple[int, int]] = []
    known: list[tuple[LabelledImage, tuple[int, int]]] = []
    ties, divergence = 0, 0.0
    surest, stretched = TopDisagreements(card.preprocessing), _Stretched(converted, card)
    for judged, frame in _read(heldout, skipped):
        picture = pixels(frame, card.preprocessing)
        wanted = scores_of(float_model, picture, card)
        if len(kept) + len(known) < N_FIDELITY_IMAGES:
            _check(model, picture, wanted, card)
        got = scores_of(converted, picture, card)
        top = (int(np.argmax(wanted)), int(np.argmax(got)))
        step(len(kept) + len(known) + len(skipped) + 1)
        if judged.part and not heldout.only_trained_on:
            known.append((judged, top))
            continue
        kept.append(judged)
        tops.append(top)
        ties += int(np.count_nonzero(got == got.max()) > 1)
        divergence += float(metrics.divergence(wanted[np.newaxis], got[np.newaxis])[0])
        surest.consider(judged.path, judged.labels, picture, wanted, got)
        stretched.consider(frame, got)
    # The scores of a multi-label model are not a probability distribution.
    mean = divergence / len(kept) if kept and card.task == "classification" else None
    found = _summary(kept, tops, ties, mean, skipped)
    by_chance = None
    balance = None
    if card.task == "classification":
        classes = max(2, float_model.outputs[0].shape[-1])
        every = [*zip(kept, tops, strict=True), *known]
        by_chance = chance_level([one for one, _ in every], [top for _, (top, _) in every], classes)
        balance = class_balance(kept, tops)
    return replace(
        found,
        disagreements=tuple(surest.kept),
        stretched=proportion(stretched.same, stretched.total),
        chance=by_chance,
        balance=balance,
        trained_on=_trained_on(known or (list(zip(kept, tops, strict=True)) if heldout.only_trained_on else [])),
    )


def _trained_on(known: list[tuple[LabelledImage, tuple[int, int]]]) -> TrainedOnComparison | None:
    """Return the figures on images that the model was trained on."""
    if not known:
        return None
    found = _summary([one for one, _ in known], [top for _, top in known], 0, None, [])
    parts = [one.part for one, _ in known]
    return TrainedOnComparison(
        parts.count("train"), parts.count("val"), found.agreement, found.float_accuracy, found.converted_accuracy
    )


def scores_of(interpreter: Interpreter, picture: Pixels, card: ModelCard) -> Scores:
    """Return the scores 0..1 of all classes for preprocessed pixels (height, width, channels).

    Uses the same code as the device.
    """
    tensor = quantize(picture, card.preprocessing, interpreter.inputs[0])
    return classification.scores(interpreter.infer(tensor)[0], interpreter.outputs[0], card.activation)


def _check(model: SourceNetwork, picture: Pixels, wanted: Scores, card: ModelCard) -> None:
    """Check that the float .tflite matches the source model on one image. Raises BadModel if it does not."""
    output = model.outputs(picture[np.newaxis])
    spec = TensorSpec("scores", output.shape, "float32")
    difference = float(np.abs(classification.scores(output, spec, card.activation) - wanted).max())
    if not difference <= MAX_DIFFERENCE:  # also true for NaN
        raise BadModel(
            "the float TFLite model does not match the source model "
            f"(largest score difference {difference:.3g}, before quantization): "
            "TensorFlow Lite converts one of its operators incorrectly"
        )


def _read(heldout: HeldOut, skipped: list[Skipped]) -> Iterator[tuple[LabelledImage, Frame]]:
    for judged in heldout.pictures:
        try:
            frame = judged.read()
        except BadImage as error:
            skipped.append(Skipped(judged.path, str(error).removeprefix(f"{judged.path}: ")))
            continue
        yield judged, frame


class _Stretched:
    """Counts how often the top class stays the same if a tool ignores the preprocessing and stretches the image."""

    def __init__(self, model: Interpreter, card: ModelCard) -> None:
        self._model, self._card = model, card
        self._rule = replace(card.preprocessing, resize="stretch")
        self.same = self.total = 0

    def consider(self, frame: Frame, by_rule: Scores) -> None:
        """Score one image stretched, up to STRETCHED images; ``by_rule``: its scores with the model's preprocessing."""
        if self._card.preprocessing.resize == "stretch" or self.total == STRETCHED:
            return
        found = scores_of(self._model, pixels(frame, self._rule), self._card)
        self.total += 1
        self.same += int(np.argmax(found) == np.argmax(by_rule))


def _summary(
    kept: list[LabelledImage], tops: list[tuple[int, int]], ties: int, divergence: float | None, skipped: list[Skipped]
) -> FidelityComparison:
    same = sum(a == b for a, b in tops)
    rights = [
        (a in judged.labels, b in judged.labels) for judged, (a, b) in zip(kept, tops, strict=True) if judged.labels
    ]
    counts = {pair: rights.count(pair) for pair in ((True, True), (True, False), (False, True), (False, False))}
    drop = None
    if rights:
        # The drop is float minus converted, so the converted model comes first.
        drop = paired_difference(counts[True, True], counts[False, True], counts[True, False], counts[False, False])
    return FidelityComparison(
        pictures=len(kept),
        agreement=proportion(same, len(kept)),
        ties=ties,
        divergence=divergence,
        float_accuracy=proportion(sum(a for a, _ in rights), len(rights)),
        converted_accuracy=proportion(sum(b for _, b in rights), len(rights)),
        drop=drop,
        skipped=tuple(skipped),
    )
