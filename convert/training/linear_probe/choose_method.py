"""How the last layer is trained: in one step with cross-validation for few photos, else by gradient descent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from edgevision.datasets.dataset import Dataset, Item
from edgevision.datasets.split import FRACTIONS
from edgevision.errors import BadInput

from ..config.settings import TrainSettings
from ..fit.early_stopping import MIN_VALIDATION_IMAGES
from ..fit.plan import BEST
from ..network.backbones import CNN
from ..network.initial_weights import NONE, STARTER

LINEAR, GRADIENT, AUTO = "linear", "gradient", "auto"
FEW_PER_CLASS = 20
"""Mean number of photos per class up to which ``auto`` takes the linear head (docs/research/few-photos.md)."""
LEARN_FROM_ALL = (1.0, 0.0, 0.0)
"""Shares of train, val and test with a linear head: cross-validation needs no photos of its own."""
_OF_GRADIENT = ("head_epochs", "epochs", "fine_tune_blocks", "learning_rate", "layer_decay", "augment_copies")


def choose_method(settings: TrainSettings, dataset: Dataset, note: Callable[[str], None]) -> str:
    """Return how to train, and explain an automatic choice of the linear head to the user.

    Raises BadInput if a linear head is asked for on a network without pretrained features.
    """
    random = settings.backbone == CNN or settings.weights == NONE
    if settings.head_method == LINEAR and random:
        raise BadInput(
            "--head-method linear needs a pretrained network, but its weights are random; "
            "leave out --weights none and --backbone cnn, or use --head-method gradient"
        )
    if settings.head_method == LINEAR and settings.from_run is not None:
        raise BadInput("--head-method linear makes a new head, but --from continues one; leave out one of them")
    if settings.head_method == LINEAR and settings.teacher not in (AUTO, NONE):
        raise BadInput(
            f"--head-method linear fits the last layer to the labels, and --teacher {settings.teacher} teaches the whole "
            "network; leave out one of them"
        )
    if settings.head_method != AUTO:
        return settings.head_method
    # --time and --quality only limit the work: fine-tuning so few photos for longer does not make them enough.
    named = settings.features != AUTO or settings.teacher not in (AUTO, NONE)
    asked = named or settings.from_run is not None or any(getattr(settings, name) is not None for name in _OF_GRADIENT)
    reason = None if random or asked else too_few(dataset, settings.weights)
    if reason is None:
        return GRADIENT
    compared = ", so no settings are compared" if settings.quality == BEST else ""
    note(
        f"linear head on the frozen network, cross-validated{compared}: {reason}; "
        "to train all blocks anyway, pass --head-method gradient"
    )
    return LINEAR


def too_few(dataset: Dataset, weights: str) -> str | None:
    """Return why the photos of a set are too few to fine-tune a network with these weights; None if they are enough.

    The starter weights have to move far, so that some photos must tell when they moved too far (docs/research/training.md).
    Photos that the source holds out for the test do not count.
    """
    held_out = "test" if "test" in dataset.splits else "val"
    photos = [item for item in dataset.items if item.split != held_out]
    per_class = len(photos) / max(1, len(dataset.classes))
    if per_class <= FEW_PER_CLASS:
        return f"{per_class:.3g} photos per class (up to {FEW_PER_CLASS}) are too few to spare some for validation"
    if weights != STARTER:
        return None
    given = [item for item in photos if item.split == "val"]
    pool, share = (given, 1.0) if given else (photos, FRACTIONS[1])
    validation = int(share * len(pool))
    balanced = min(validation, _balanced(pool, share, dataset.classes))
    if balanced < MIN_VALIDATION_IMAGES:
        as_many = f", no more than {balanced} of balanced classes," if balanced < validation else ""
        return (
            f"{validation} validation images{as_many} could not show whether fine-tuning the starter weights makes them "
            f"better or worse ({MIN_VALIDATION_IMAGES} are needed)"
        )
    return None


def _balanced(photos: Iterable[Item], share: float, classes: Sequence[str]) -> int:
    """Return how many validation images of balanced classes would show the mean accuracy of the classes as well.

    The variance of that mean over K classes with n validation images each is proportional to the sum of 1 / n, over K**2.

    Args:
        photos: What the validation images are drawn from.
        share: Their share of it, 0 to 1.
        classes: All class names.
    """
    count = Counter(label for item in photos for label in item.labels)
    return int(len(classes) ** 2 / sum(1 / max(0.5, share * count[name]) for name in classes) + 1e-6)


def fractions(method: str) -> tuple[float, float, float]:
    """Return the shares of train, val and test of photos that the source does not split."""
    return LEARN_FROM_ALL if method == LINEAR else FRACTIONS
