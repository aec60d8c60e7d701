"""How the last layer is trained: in one step with cross-validation for few photos, else by gradient descent."""

from __future__ import annotations

from collections.abc import Callable

from edgevision.datasets.dataset import Dataset
from edgevision.datasets.split import FRACTIONS
from edgevision.errors import BadInput

from ..config.settings import TrainSettings
from ..network.backbones import CNN
from ..network.initial_weights import NONE

LINEAR, GRADIENT, AUTO = "linear", "gradient", "auto"
FEW_PER_CLASS = 20
"""Mean number of photos per class up to which ``auto`` takes the linear head (docs/research/few-photos.md)."""
LEARN_FROM_ALL = (1.0, 0.0, 0.0)
"""Shares of train, val and test with a linear head: cross-validation needs no photos of its own."""
_OF_GRADIENT = ("time_s", "head_epochs", "epochs", "fine_tune_blocks", "learning_rate", "layer_decay", "augment_copies")


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
    if settings.head_method != AUTO:
        return settings.head_method
    named = settings.quality != "good" or settings.features != AUTO or settings.teacher not in (AUTO, "none")
    asked = named or settings.from_run is not None or any(getattr(settings, name) is not None for name in _OF_GRADIENT)
    photos = photos_per_class(dataset)
    if random or asked or photos > FEW_PER_CLASS:
        return GRADIENT
    note(
        f"linear head on the frozen network, cross-validated: {photos:.3g} photos per class (up to {FEW_PER_CLASS}) are too "
        "few to spare some for validation; for epochs of training, pass --head-method gradient"
    )
    return LINEAR


def photos_per_class(dataset: Dataset) -> float:
    """Return the mean number of photos per class to learn from: all but those that the source holds out."""
    held_out = "test" if "test" in dataset.splits else "val"
    return sum(item.split != held_out for item in dataset.items) / max(1, len(dataset.classes))


def fractions(method: str) -> tuple[float, float, float]:
    """Return the shares of train, val and test of photos that the source does not split."""
    return LEARN_FROM_ALL if method == LINEAR else FRACTIONS
