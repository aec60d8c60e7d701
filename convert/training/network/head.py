"""Classification head for the given labels: outputs, targets, loss and accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from edgevision.types import Task

from ... import backend

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

Kind = Literal["binary", "multiclass", "multilabel"]
IMBALANCE = 2.0
"""Ratio of the largest to the smallest class from which ``auto`` uses class weights."""
MAX_WEIGHT = 10.0
"""Upper limit of a class weight, so that a handful of images cannot dominate the rest."""


@dataclass(frozen=True, slots=True)
class Head:
    """Classes and kind of a classification."""

    kind: Kind
    classes: tuple[str, ...]

    @property
    def outputs(self) -> int:
        """Number of outputs of the network; 1 for binary."""
        return 1 if self.kind == "binary" else len(self.classes)

    @property
    def task(self) -> Task:
        """Task name in the model card."""
        return "multilabel" if self.kind == "multilabel" else "classification"

    @property
    def activation(self) -> str:
        """Activation of the last layer."""
        return "softmax" if self.kind == "multiclass" else "sigmoid"

    def describe(self) -> str:
        """Return a one-line description."""
        names = ", ".join(self.classes[:4]) + (" ..." if len(self.classes) > 4 else "")
        return {
            "binary": f"two classes ({names}): one sigmoid output, the score of {self.classes[-1]!r}",
            "multiclass": f"{len(self.classes)} classes ({names}): softmax, one class per image",
            "multilabel": f"{len(self.classes)} labels ({names}): one sigmoid each, any number of labels per image",
        }[self.kind]

    def targets(self, labels: Sequence[tuple[str, ...]]) -> Floats:
        """Return the targets, (n, outputs) of 0 and 1."""
        place = {name: index for index, name in enumerate(self.classes)}
        wide = np.zeros((len(labels), len(self.classes)), np.float32)
        for row, names in enumerate(labels):
            for name in names:
                wide[row, place[name]] = 1.0
        return wide[:, 1:] if self.kind == "binary" else wide

    def picture_weights(self, targets: Floats, policy: str) -> Floats:
        """Return the sample weights, (n,), 1 on average; for multi-label see ``positive_weights``."""
        even = np.ones(len(targets), np.float32)
        if self.kind == "multilabel" or policy == "none" or not len(targets):
            return even
        index = targets[:, 0].astype(int) if self.kind == "binary" else targets.argmax(1)
        counts = np.bincount(index, minlength=len(self.classes))
        present = counts[counts > 0]
        if policy == "auto" and present.max() < IMBALANCE * present.min():
            return even
        each = np.minimum(present.mean() / np.maximum(counts, 1), MAX_WEIGHT)
        weights = each[index]
        return np.asarray(weights / weights.mean(), np.float32)

    def positive_weights(self, targets: Floats, policy: str) -> Floats:
        """Return the weights of present against absent labels, (outputs,); all ones unless multi-label."""
        ones = np.ones(self.outputs, np.float32)
        if self.kind != "multilabel" or policy == "none" or not len(targets):
            return ones
        present = targets.sum(0)
        ratio = (len(targets) - present) / np.maximum(present, 1)
        # Square root: with the full ratio, rare labels would be predicted far too often.
        return np.asarray(np.clip(np.sqrt(ratio), 1.0, MAX_WEIGHT), np.float32)

    def loss(self, smoothing: float, positive: Floats) -> Any:
        """Return a Keras loss function of (targets, logits), one value per image."""
        tf = backend.tensorflow()
        outputs = self.outputs
        many = self.kind == "multiclass"

        def each(targets: Any, logits: Any) -> Any:
            targets = tf.cast(targets, tf.float32)
            if many:
                smooth = targets * (1.0 - smoothing) + smoothing / outputs
                return tf.nn.softmax_cross_entropy_with_logits(smooth, logits)
            smooth = targets * (1.0 - smoothing) + smoothing / 2.0
            return tf.reduce_mean(tf.nn.weighted_cross_entropy_with_logits(smooth, logits, positive), axis=-1)

        return each

    def accuracy(self) -> Any:
        """Return a Keras metric of (targets, logits): 1 if all labels of an image are correct, else 0."""
        tf = backend.tensorflow()
        many = self.kind == "multiclass"

        def accuracy(targets: Any, logits: Any) -> Any:
            if many:
                return tf.cast(tf.argmax(targets, -1) == tf.argmax(logits, -1), tf.float32)
            return tf.cast(tf.reduce_all((logits > 0) == (targets > 0.5), axis=-1), tf.float32)

        return accuracy

    def scores(self, logits: Floats) -> Floats:
        """Return the scores 0..1 of all classes, (n, classes), for logits (n, outputs)."""
        z = np.clip(logits.astype(np.float64), -80.0, 80.0)
        if self.kind == "multiclass":
            powers = np.exp(z - z.max(axis=1, keepdims=True))
            return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)
        found = np.asarray(1.0 / (1.0 + np.exp(-z)), np.float32)
        return np.concatenate([1.0 - found, found], axis=1) if self.kind == "binary" else found

    def measure(
        self, targets: Floats, logits: Floats, smoothing: float = 0.0
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Return the cross-entropy of each image, as in the loss but unweighted, and whether it is correct; (n,) each."""
        z, t = logits.astype(np.float64), targets.astype(np.float64)
        if self.kind == "multiclass":
            smooth = t * (1.0 - smoothing) + smoothing / self.outputs
            z = z - z.max(1, keepdims=True)
            return np.log(np.exp(z).sum(1)) - (z * smooth).sum(1), z.argmax(1) == t.argmax(1)
        smooth = t * (1.0 - smoothing) + smoothing / 2.0
        loss = np.maximum(z, 0) - z * smooth + np.log1p(np.exp(-np.abs(z)))
        return loss.mean(axis=1), ((z > 0) == (t > 0.5)).all(axis=1)


def goal_of(classes: tuple[str, ...], multilabel: bool) -> Head:
    """Return the head configuration for a set of classes."""
    if multilabel:
        return Head("multilabel", classes)
    return Head("binary" if len(classes) == 2 else "multiclass", classes)
