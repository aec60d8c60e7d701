"""L2-regularized linear heads on feature vectors: logistic regression, solved to its one optimum."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..network.head import Head

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

ITERATIONS = 300
ABSENT = -20.0
"""Logit of a class without a training image."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearHead:
    """The last layer of a classifier."""

    weights: Floats
    """(features, outputs)"""
    bias: Floats
    """(outputs,)"""

    def logits(self, features: Floats) -> Floats:
        """Return the logits (n, outputs) of features (n, features)."""
        return np.asarray(features @ self.weights + self.bias, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """Shift and factor that give features zero mean and a mean squared length of 1.

    A strength of regularization then means the same for every backbone.
    """

    mean: Floats
    length: float

    @classmethod
    def of(cls, features: Floats) -> Scale:
        """Return the scale of features (n, features)."""
        mean = features.mean(axis=0)
        length = float(np.sqrt(np.square(features - mean).sum(axis=1).mean()))
        return cls(mean, max(length, 1e-12))

    def apply(self, features: Floats) -> Floats:
        """Return scaled features."""
        return np.asarray((features - self.mean) / self.length, np.float32)

    def undo(self, head: LinearHead) -> LinearHead:
        """Return the head on plain features that equals ``head`` on scaled ones."""
        weights = head.weights / self.length
        return LinearHead(np.asarray(weights, np.float32), np.asarray(head.bias - self.mean @ weights, np.float32))


def fit_head(goal: Head, features: Floats, targets: Floats, weights: Floats, strength: float) -> LinearHead:
    """Fit a head by L2-regularized logistic regression.

    ``features``: (n, features), scaled; ``targets``: (n, outputs), also between 0 and 1; ``weights``: of the images, (n,);
    ``strength``: weight of the loss of an image against the penalty of half the squared weights, above 0.
    """
    if goal.kind == "multiclass":
        return _multiclass(features, targets, weights, strength)
    # (2, outputs): the weights of absent and of present labels.
    positive = goal.positive_weights(targets, "auto")
    columns = [
        _binary(features, targets[:, one], weights, float(positive[one]), strength) for one in range(goal.outputs)
    ]
    return LinearHead(np.stack([w for w, _ in columns], axis=1), np.array([b for _, b in columns], np.float32))


def _multiclass(features: Floats, targets: Floats, weights: Floats, strength: float) -> LinearHead:
    rows, classes = np.nonzero(targets)
    solver = _solve(features[rows], classes, weights[rows] * targets[rows, classes], strength)
    found = LinearHead(
        np.zeros((features.shape[1], targets.shape[1]), np.float32), np.full(targets.shape[1], ABSENT, np.float32)
    )
    if solver is None:
        found.bias[classes[0]] = 0.0
    elif len(solver.classes_) == 2:  # one column for two classes: half of it for each
        found.weights[:, solver.classes_] = 0.5 * solver.coef_[0][:, np.newaxis] * (-1.0, 1.0)
        found.bias[solver.classes_] = 0.5 * solver.intercept_[0] * np.array((-1.0, 1.0))
    else:
        found.weights[:, solver.classes_] = solver.coef_.T
        found.bias[solver.classes_] = solver.intercept_
    return found


def _binary(
    features: Floats, targets: Floats, weights: Floats, positive: float, strength: float
) -> tuple[Floats, np.float32]:
    """Return weights (features,) and bias of one output; a target between 0 and 1 is a share of both answers."""
    yes, no = np.flatnonzero(targets > 0), np.flatnonzero(targets < 1)
    rows, labels = np.concatenate([no, yes]), np.repeat([0, 1], [len(no), len(yes)])
    shares = np.concatenate([weights[no] * (1 - targets[no]), weights[yes] * targets[yes] * positive])
    solver = _solve(features[rows], labels, shares, strength)
    if solver is None:
        return np.zeros(features.shape[1], np.float32), np.float32(-ABSENT if len(yes) else ABSENT)
    return np.asarray(solver.coef_[0], np.float32), np.float32(solver.intercept_[0])


def _solve(features: Floats, labels: npt.NDArray[Any], weights: Floats, strength: float) -> Any:
    """Return a fitted LogisticRegression, or None for a single class."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(labels)) < 2:
        return None
    with warnings.catch_warnings():
        # With weak regularization the last digits take long and change no answer.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=strength, max_iter=ITERATIONS).fit(features, labels, sample_weight=weights)
