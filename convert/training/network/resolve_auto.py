"""Resolution of ``--backbone auto`` and ``--weights auto`` on this machine, once, at the start of a training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgevision.errors import BadInput, EdgeVisionError

from ...keras_files import weight_arrays
from ..config.settings import TrainSettings
from ..monitor.observer import TrainingObserver
from . import pip_weights, starter_weights
from .backbones import BackboneSpec, find
from .initial_weights import AUTO, IMAGENET, NAMES, NONE, STARTER, obtain_imagenet, published, recognise

BEST_INSTALLED = "efficientnet_lite0"
"""Backbone of ``auto`` where its weights are installed: better than MobileNetV2 1.0 on ImageNet (75.1 against 71.3 % for
the weights of Keras), and made for int8."""
WITH_WIDTHS = "mobilenet_v2"
"""Backbone of ``auto`` otherwise: the starter weights are for it, and it has a width multiplier."""


def decide(settings: TrainSettings, watcher: TrainingObserver) -> TrainSettings:
    """Return the settings with backbone and weights chosen: ImageNet weights if available, otherwise the starter weights.

    Reports the choice of the starter weights and its cost to the user. Raises BadInput if neither is available for the
    chosen network.
    """
    settings = replace(settings, backbone=_backbone(settings))
    if settings.weights != AUTO:
        return settings
    if not published(find(settings.backbone)):
        watcher.note(f"weights: random, because no pretrained weights are available for {settings.backbone}")
        return replace(settings, weights=NONE)
    wanted = replace(settings, weights=IMAGENET)
    choice = choose(wanted)
    path, problem = obtain_imagenet(choice)
    if path is not None:
        return wanted
    if settings.backbone in pip_weights.PIP_WEIGHTS:
        raise BadInput(f"{problem}; or leave out --backbone, or pass --weights none")
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
    row = find(_backbone(settings))
    alpha = settings.alpha if settings.alpha is not None else _alpha_of(settings)
    size = settings.image_size or (starter_weights.IMAGE_SIZE if settings.weights == STARTER else row.image_size)
    return BackboneSpec(
        row.name, size, alpha, settings.minimalistic, settings.cnn_filters, settings.cnn_dense, settings.channels
    )


def _backbone(settings: TrainSettings) -> str:
    """Return the backbone for some settings: a given one, that of a weights file, or the best whose weights are here."""
    if settings.backbone != AUTO:
        return settings.backbone
    if settings.weights not in NAMES:
        guess = _recognised(settings)
        return guess[0] if guess else WITH_WIDTHS
    best = settings.weights in (AUTO, IMAGENET) and settings.alpha is None and pip_weights.available(BEST_INSTALLED)
    return BEST_INSTALLED if best else WITH_WIDTHS


def _alpha_of(settings: TrainSettings) -> float:
    """Return the alpha of the starter weights, or of a weights file that matches the backbone, otherwise 1."""
    if settings.weights == STARTER:
        return starter_weights.ALPHA
    if settings.weights in NAMES:
        return 1.0
    guess = _recognised(settings)
    return guess[1] if guess and settings.backbone in (AUTO, guess[0]) else 1.0


def _recognised(settings: TrainSettings) -> tuple[str, float] | None:
    """Return backbone and width multiplier of the weights file, or None; faults are reported when the weights are loaded."""
    try:
        return recognise(weight_arrays.read(Path(settings.weights)))
    except EdgeVisionError:
        return None
