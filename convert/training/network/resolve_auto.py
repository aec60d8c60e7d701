"""Resolution of ``--weights auto`` on this machine, once, at the start of a training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgevision.errors import BadInput, EdgeVisionError

from ...keras_files import weight_arrays
from ..config.settings import TrainSettings
from ..monitor.observer import TrainingObserver
from . import starter_weights
from .backbones import CNN, BackboneSpec, find
from .initial_weights import AUTO, IMAGENET, NAMES, NONE, STARTER, obtain_imagenet, recognise


def decide(settings: TrainSettings, watcher: TrainingObserver) -> TrainSettings:
    """Return the settings with ``auto`` replaced: ImageNet weights if available, otherwise the starter weights.

    Reports the choice of the starter weights and its cost to the user. Raises BadInput if neither is available for the
    chosen network.
    """
    if settings.weights != AUTO:
        return settings
    if settings.backbone == CNN:
        watcher.note("weights: random, because no pretrained weights exist for cnn")
        return replace(settings, weights=NONE)
    wanted = replace(settings, weights=IMAGENET)
    choice = choose(wanted)
    path, problem = obtain_imagenet(choice)
    if path is not None:
        return wanted
    if not starter_weights.fits(settings.backbone, settings.alpha):
        raise BadInput(
            f"the ImageNet weights of {choice.describe()} are not available ({problem}), and the starter weights exist "
            f"only for {starter_weights.BACKBONE} {starter_weights.ALPHA:g}; leave out --backbone and --alpha "
            f"(for --fit-budget, use bench sweep --alphas {starter_weights.ALPHA:g}), or pass --weights none"
        )
    watcher.note(
        f"weights: {starter_weights.find().describe()}, because the ImageNet weights of {choice.describe()} are not available "
        f"({problem}); expect a lower accuracy, at a fraction of the compute"
    )
    return replace(settings, weights=STARTER)


def choose(settings: TrainSettings) -> BackboneSpec:
    """Return the network for some settings. Raises UnknownName, BadModel, MissingFile."""
    row = find(settings.backbone)
    alpha = settings.alpha if settings.alpha is not None else _alpha_of(settings)
    size = settings.image_size or (starter_weights.IMAGE_SIZE if settings.weights == STARTER else row.image_size)
    return BackboneSpec(row.name, size, alpha, settings.minimalistic, settings.cnn_filters, settings.cnn_dense)


def _alpha_of(settings: TrainSettings) -> float:
    """Return the alpha of the starter weights, or of a weights file that matches the backbone, otherwise 1."""
    if settings.weights == STARTER:
        return starter_weights.ALPHA
    if settings.weights in NAMES:
        return 1.0
    try:
        guess = recognise(weight_arrays.read(Path(settings.weights)))
    except EdgeVisionError:
        return 1.0  # reported later, when the weights are loaded
    return guess[1] if guess and guess[0] == settings.backbone else 1.0
