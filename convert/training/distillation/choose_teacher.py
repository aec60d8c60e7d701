"""Resolution of ``--teacher auto``: a teacher where photos without labels give it something to teach."""

from __future__ import annotations

from collections.abc import Callable

from edgevision.datasets.dataset import Dataset

from ..config.settings import TrainSettings
from ..linear_probe.choose_method import FEW_PER_CLASS, LINEAR
from ..network import pip_weights
from ..network.initial_weights import NONE, STARTER
from .teacher import AUTO, NAMED, head_only


def choose_teacher(settings: TrainSettings, dataset: Dataset, alone: bool, note: Callable[[str], None]) -> str:
    """Return the teacher of a training, and tell the user of an automatic one or of photos that take no part.

    Photos with labels teach the starter network as well by themselves; at least as many without labels, which only a teacher can
    answer for, made it better by several points (docs/research/training.md).

    Args:
        settings: With backbone and weights resolved.
        dataset: All photos.
        alone: False if several machines train together, which cannot have a teacher.
        note: Receives a line for the user.
    """
    if settings.teacher != AUTO:
        return settings.teacher
    reason = _unfit(settings, dataset, alone)
    count = len(dataset.unlabeled)
    if reason is None:
        note(
            f"teacher: {NAMED}, for {count} photos without labels; to learn from the labels alone, pass --teacher none"
        )
        return NAMED
    if count:
        note(f"{count} photos without labels take no part: {reason}")
    return NONE


def _unfit(settings: TrainSettings, dataset: Dataset, alone: bool) -> str | None:
    """Return why no teacher is chosen by itself, or None if one is."""
    labeled = sum(item.split != "test" for item in dataset.items)
    if settings.weights != STARTER:
        return "only the starter network gets a teacher by itself (see --teacher)"
    if settings.from_run is not None:
        return "--from continues a network without a teacher"
    if not alone:
        return "a teacher needs one machine"
    if head_only(settings) or settings.head_method == LINEAR:
        return "only the last layer learns"
    if labeled <= FEW_PER_CLASS * len(dataset.classes):
        return f"a teacher would learn from up to {FEW_PER_CLASS} photos per class alone (see --teacher {NAMED})"
    if len(dataset.unlabeled) < labeled:
        return f"with fewer than the {labeled} with labels, a teacher gains nothing (see --teacher {NAMED})"
    return pip_weights.find(NAMED)[1] or None
