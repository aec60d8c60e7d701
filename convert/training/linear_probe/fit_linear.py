"""Training with a linear head: features once, cross-validation, and the last layer of the network set in one step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.log import Log

from ..fit.temperature_scaling import best_temperature
from ..input.splits import DatasetSplits, Sets
from ..monitor.observer import TrainingObserver
from ..negatives.negative_sets import NegativeSets
from ..network.network import Network
from .cross_validation import choose_strength, cross_validate, fit_probe, one_thread
from .features import features_of_items, probe_of
from .learning_curve import LearningCurve, learning_curve

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

log = Log("edgevision.train")
MAX_CURVE_IMAGES = 400
"""Photos up to which training by gradient measures a learning curve: at most half a minute on one core."""
MIN_TEMPERATURE_IMAGES = 40
"""Cross-validated images from which the scores are calibrated."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearFit:
    """A linear head that was fitted, and what cross-validation found."""

    strength: float
    """Strength of the fit: the weight of the loss of a photo against the penalty."""
    photos: int
    """Number of photos that it was fitted on."""
    negatives: int
    """Number of negatives that it learned to be unsure of."""
    folds: int
    """Parts of the cross-validation; 0 if a class has no two distinct photos, so that there was none."""
    scores: Floats | None
    """Scores 0..1 of each photo by a head fitted without it, (photos, classes); None without cross-validation."""
    temperature: float | None
    """Divisor of the logits that calibrates the scores; None if there were too few photos."""
    curve: LearningCurve | None
    """What more photos would bring; None if there were too few to tell."""

    def describe(self) -> str:
        """Return a sentence on how the head was made."""
        checked = (
            f"{self.folds}-fold cross-validation" if self.folds else "no cross-validation: too few distinct photos"
        )
        unsure = f" and unsure of {self.negatives} negatives" if self.negatives else ""
        return (
            f"linear head fitted on {self.photos} photos{unsure} (L2-regularized, C = {self.strength:.3g}; {checked})"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values, for the model card."""
        return {
            "method": "linear",
            "strength": self.strength,
            "photos": self.photos,
            "negatives": self.negatives,
            "folds": self.folds,
        }


def fit_linear(
    network: Network,
    learning: DatasetSplits,
    sets: Sets,
    negatives: NegativeSets | None,
    seed: int,
    watcher: TrainingObserver,
) -> LinearFit:
    """Set the last layer of the network to an L2-regularized head on its frozen features.

    Half of the ``negatives`` teach it to be unsure.
    """
    total = len(sets.train) + len(sets.val)
    with watcher.stage("Computing features", total) as step:
        probe = probe_of(network, learning, sets, step)
    if negatives is not None and negatives.teach:
        with watcher.stage("Computing features of negatives", len(negatives.teach)) as step:
            outliers = features_of_items(network, negatives.teach, sets.train.preprocessing, step)
        probe = replace(probe, outliers=outliers)
    with watcher.stage("Cross-validating the linear head", None):
        checked = cross_validate(probe, seed)
        strength = choose_strength(probe, seed)
        with one_thread():
            head = fit_probe(probe, strength)
        curve = learning_curve(probe, strength, seed)
    calibrated = checked is not None and len(probe) >= MIN_TEMPERATURE_IMAGES
    temperature = best_temperature(probe.goal, probe.targets, checked.logits) if checked and calibrated else None
    divisor = np.float32(temperature or 1.0)
    network.head[-1].set_weights([head.weights / divisor, head.bias / divisor])
    scores = None if checked is None else network.goal.scores(checked.logits / divisor)
    unsure = 0 if probe.outliers is None else len(probe.outliers)
    log.info("linear head: strength %g, temperature %s", strength, temperature)
    return LinearFit(strength, len(probe), unsure, checked.folds if checked else 0, scores, temperature, curve)


def curve_of(
    network: Network, learning: DatasetSplits, sets: Sets, seed: int, watcher: TrainingObserver
) -> LearningCurve | None:
    """Return what more photos would bring to a linear head on the network with its weights of now; None if many photos.

    For a network that is trained by gradient it is an estimate: fine-tuning may gain more from them.
    """
    total = len(sets.train) + len(sets.val)
    if total > MAX_CURVE_IMAGES:
        return None
    with watcher.stage("Computing features for the learning curve", total) as step:
        probe = probe_of(network, learning, sets, step)
    with watcher.stage("Measuring the learning curve", None):
        return learning_curve(probe, choose_strength(probe, seed), seed)
