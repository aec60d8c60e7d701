"""Likely mistakes in labels, by confident learning.

C. Northcutt, L. Jiang, I. Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70 (2021), sections
3.1 and 3.2: every image is scored by a classifier that was fitted without it. Labels that it disagrees with are doubtful, and
ranked by their normalized margin. How many labels are wrong is estimated by the confident joint: those for which another
class reaches the mean score that its own images have for it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from edgevision.errors import BadInput, MissingDependency

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Scores = npt.NDArray[np.float64]

FOLDS = 5
MIN_IMAGES = 5
"""Images that a class needs, so that each fold has one to learn from and one to score."""
STRENGTHS = (1.0, 10.0, 100.0)
"""Strengths of the fit to choose from (the inverse of L2 regularization), by the cross-validated loss."""
ITERATIONS = 300
SEED = 0


class Doubt(NamedTuple):
    """A label that is probably wrong."""

    image: int
    """Index of the image."""
    label: str
    """Its label."""
    likely: str
    """The class that fits better."""
    doubt: float
    """0..1: half the difference of the scores of both classes, plus a half. Larger is worse."""


class Checked(NamedTuple):
    """The result of a check."""

    doubts: tuple[Doubt, ...]
    """The worst first."""
    images: int
    """Number of images that were scored."""
    left_out: tuple[str, ...]
    """Classes with too few images to be scored."""
    estimate: int
    """Estimated number of wrong labels: the confident joint off its diagonal."""
    agreement: float
    """Share of the images whose label is the answer of the cross-validation, 0..1."""


def require_library() -> None:
    """Raise MissingDependency if scikit-learn is not installed."""
    from importlib.util import find_spec

    if find_spec("sklearn") is None:
        raise MissingDependency(
            "--check: needs scikit-learn, which is not installed; install it with: pip install 'edgevision[label]'"
        )


def find_doubts(vectors: Floats, labels: Sequence[str], groups: Sequence[object]) -> Checked:
    """Return the doubtful labels. Raises BadInput if fewer than two classes have enough images.

    ``vectors``: (images, features). ``groups``: images of the same group are copies, and never score each other.
    """
    counts = {name: len({groups[i] for i, one in enumerate(labels) if one == name}) for name in set(labels)}
    names = sorted(name for name, count in counts.items() if count >= MIN_IMAGES)
    left_out = tuple(sorted(set(labels) - set(names)))
    if len(names) < 2:
        raise BadInput(
            f"--check compares classes, and needs two with at least {MIN_IMAGES} different images each; "
            f"{len(names)} of {len(counts)} have them"
        )
    rows = np.array([i for i, one in enumerate(labels) if one in set(names)])
    given = np.array([names.index(labels[i]) for i in rows])
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    scores = _cross_validated(_scaled(vectors[rows]), given, np.array([numbers[groups[i]] for i in rows]))
    likely = scores.argmax(axis=1)
    doubts = [
        Doubt(int(rows[i]), names[given[i]], names[likely[i]], _doubt(scores[i], given[i], likely[i]))
        for i in np.flatnonzero(likely != given)
    ]
    doubts.sort(key=lambda one: (-one.doubt, one.image))
    estimate = int((_confident(scores, given) != given).sum())
    return Checked(tuple(doubts), len(rows), left_out, estimate, float(np.mean(likely == given)))


def _cross_validated(vectors: Floats, given: npt.NDArray[np.intp], groups: npt.NDArray[np.intp]) -> Scores:
    """Return the scores (images, classes) of the strength with the lowest cross-validated loss."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

    folds: Any = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED)
    tried = []
    with warnings.catch_warnings():
        # With weak regularization the last digits take long and change no answer.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for strength in STRENGTHS:
            model = LogisticRegression(C=strength, max_iter=ITERATIONS, class_weight="balanced")
            scores: Scores = cross_val_predict(
                model, vectors, given, groups=groups, cv=folds, method="predict_proba"
            ).astype(np.float64)
            loss = -np.log(np.maximum(scores[np.arange(len(given)), given], 1e-12)).mean()
            tried.append((loss, strength, scores))
    return min(tried, key=lambda one: one[:2])[2]


def _confident(scores: Scores, given: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return the likeliest class of those that reach their mean self-confidence; the label itself if none does."""
    thresholds = np.array([scores[given == one, one].mean() for one in range(scores.shape[1])])
    reached = np.where(scores >= thresholds, scores, -1.0)
    return np.where(reached.max(axis=1) >= 0, reached.argmax(axis=1), given)


def _doubt(scores: Scores, given: int, likely: int) -> float:
    return float(np.clip(0.5 + (scores[likely] - scores[given]) / 2, 0.0, 1.0))


def _scaled(vectors: Floats) -> Floats:
    """Return vectors of zero mean and a mean squared length of 1, so that a strength means the same for every model.

    They are rotated into as many coordinates as there are images, if they have more: distances stay the same.
    """
    centered = vectors - vectors.mean(axis=0)
    length = float(np.sqrt(np.square(centered).sum(axis=1).mean()))
    scaled = centered / max(length, 1e-12)
    if scaled.shape[1] > len(scaled):
        left, values, _ = np.linalg.svd(scaled, full_matrices=False)
        scaled = left * values
    return np.asarray(scaled, np.float32)
