"""Resolution of ``--weights auto`` on this machine, once, at the start of a training."""

from __future__ import annotations

from dataclasses import replace

from edgevision.errors import BadInput

from .. import starter
from ..backbones import CNN
from ..weights import AUTO, IMAGENET, NONE, STARTER, obtain_imagenet
from .plan import choose
from .settings import Settings
from .watcher import Watcher


def decide(settings: Settings, watcher: Watcher) -> Settings:
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
    if not starter.fits(settings.backbone, settings.alpha):
        raise BadInput(
            f"the ImageNet weights of {choice.describe()} are not available ({problem}), and the starter weights exist "
            f"only for {starter.BACKBONE} {starter.ALPHA:g}; leave out --backbone and --alpha (for --fit-budget, use "
            f"bench sweep --alphas {starter.ALPHA:g}), or pass --weights none"
        )
    watcher.note(
        f"weights: {starter.find().describe()}, because the ImageNet weights of {choice.describe()} are not available "
        f"({problem}); expect a lower accuracy, at a fraction of the compute"
    )
    return replace(settings, weights=STARTER)
