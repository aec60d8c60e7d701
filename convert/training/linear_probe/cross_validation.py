"""Cross-validation of a linear head: every photo is scored by a head that was fitted without it and without its copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..network.head import Head
from .linear_head import LinearHead, Scale, fit_head

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Indices = npt.NDArray[np.intp]

STRENGTHS = (1.0, 10.0, 100.0, 1000.0)
"""Strengths of ``fit_head`` to choose from."""
FOLDS, INNER_FOLDS = 10, 5
MANY_IMAGES = 100
"""Number of images from which five folds leave enough to learn from."""


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """Feature vectors of labeled images, as a linear head sees them."""

    goal: Head
    features: Floats
    """(n, features)"""
    targets: Floats
    """(n, outputs)"""
    weights: Floats
    """(n,) weight of each image in the loss"""
    groups: Indices
    """(n,) number of the group of copies that an image belongs to"""
    outliers: Floats | None = None
    """(m, features) of negatives, of which a head learns to be unsure (outlier exposure: D. Hendrycks et al., 2019, Deep
    Anomaly Detection with Outlier Exposure, arXiv:1812.04606). Together they weigh as much as the images."""

    def __len__(self) -> int:
        return len(self.targets)

    def only(self, rows: Indices) -> Probe:
        """Return some of the images."""
        parts = (self.features[rows], self.targets[rows], self.weights[rows], self.groups[rows])
        return Probe(self.goal, *parts, self.outliers)

    @property
    def classes(self) -> Indices:
        """Class of each image, (n,); for multi-label images zeros."""
        if self.goal.kind == "multilabel":
            return np.zeros(len(self), np.intp)
        if self.goal.kind == "binary":
            return self.targets[:, 0].astype(np.intp)
        return np.asarray(self.targets.argmax(axis=1), np.intp)

    def rotated(self) -> Probe:
        """Return the same images in as many coordinates as there are images, with the same distances.

        The weights of an L2-regularized head lie in the span of the features, so its answers stay the same.
        """
        every = self.features if self.outliers is None else np.concatenate([self.features, self.outliers])
        if every.shape[1] <= len(every):
            return self
        left, values, _ = np.linalg.svd(every - every.mean(axis=0), full_matrices=False)
        turned = np.asarray(left * values, np.float32)
        outliers = None if self.outliers is None else turned[len(self) :]
        return Probe(self.goal, turned[: len(self)], self.targets, self.weights, self.groups, outliers)


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidation:
    """Answers on images that the head that gave them was fitted without."""

    logits: Floats
    """(n, outputs)"""
    folds: int
    """Number of parts of the images."""
    strengths: tuple[float, ...]
    """Strength chosen in each fold, without its held-out images."""


def cross_validate(probe: Probe, seed: int) -> CrossValidation | None:
    """Score every image by a head that was fitted and regularized on the images of the other folds.

    None if a class has no two distinct images.
    """
    parts = folds(probe, MANY_IMAGES <= len(probe), seed)
    if not parts:
        return None
    with one_thread():
        probe = probe.rotated()
        logits, strengths = np.zeros_like(probe.targets), []
        for train, held in parts:
            strengths.append(choose_strength(probe.only(train), seed))
            logits[held] = held_out_logits(probe, train, held, strengths[-1])
    return CrossValidation(logits, len(parts), tuple(strengths))


def choose_strength(probe: Probe, seed: int) -> float:
    """Return the strength with the lowest cross-validated loss; without folds, the middle one."""
    parts = folds(probe, True, seed)
    if not parts:
        return STRENGTHS[len(STRENGTHS) // 2]
    with one_thread():
        probe = probe.rotated()
        losses = [_loss(probe, parts, strength) for strength in STRENGTHS]
    return STRENGTHS[int(np.argmin(losses))]


def folds(probe: Probe, few: bool, seed: int) -> Sequence[tuple[Indices, Indices]]:
    """Return (training images, held-out images) of each fold, with the same share of each class and copies together.

    ``few``: whether there are to be INNER_FOLDS, not FOLDS. Empty if a class has no two distinct images.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    most = INNER_FOLDS if few else FOLDS
    count = min(most, _distinct(probe))
    if count < 2:
        return ()
    made: Any = GroupKFold if probe.goal.kind == "multilabel" else StratifiedGroupKFold
    splitter = made(count, shuffle=True, random_state=seed)
    return list(splitter.split(probe.features, probe.classes, probe.groups))


def one_thread() -> Any:
    """Return a context in which NumPy and SciPy use one thread: for small matrices, more cost many times the work."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


def _distinct(probe: Probe) -> int:
    """Return the number of distinct images of the rarest class; for multi-label images, of all."""
    classes = probe.classes
    return min(len(np.unique(probe.groups[classes == one])) for one in np.unique(classes))


def _loss(probe: Probe, parts: Sequence[tuple[Indices, Indices]], strength: float) -> float:
    logits = np.zeros_like(probe.targets)
    for train, held in parts:
        logits[held] = held_out_logits(probe, train, held, strength)
    return float(np.average(probe.goal.measure(probe.targets, logits)[0], weights=probe.weights))


def held_out_logits(probe: Probe, train: Indices, held: Indices, strength: float) -> Floats:
    """Return the logits (held, outputs) of some images by a head fitted on others."""
    return fit_probe(probe.only(train), strength).logits(probe.features[held])


def fit_probe(probe: Probe, strength: float) -> LinearHead:
    """Fit a head on all images, and on the outliers with equal targets for all classes; it takes plain features."""
    features, targets, weights, scale = probe.features, probe.targets, probe.weights, Scale.of(probe.features)
    if probe.outliers is not None:
        count = len(probe.outliers)
        even = np.full((count, targets.shape[1]), 1.0 / len(probe.goal.classes), np.float32)
        features, targets = np.concatenate([features, probe.outliers]), np.concatenate([targets, even])
        weights = np.concatenate([weights, np.full(count, weights.sum() / count, np.float32)])
    return scale.undo(fit_head(probe.goal, scale.apply(features), targets, weights, strength))
