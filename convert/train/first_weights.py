"""Decides what ``--weights auto`` means on this machine, once, before anything else of a training."""

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
    """The settings with ``auto`` replaced: ImageNet where it can be had, else the starter; says which, and what it costs.

    Raises BadInput where neither is there for the chosen network.
    """
    if settings.weights != AUTO:
        return settings
    if settings.backbone == CNN:
        watcher.note("weights: random, as there are no others for cnn")
        return replace(settings, weights=NONE)
    wanted = replace(settings, weights=IMAGENET)
    choice = choose(wanted)
    path, problem = obtain_imagenet(choice)
    if path is not None:
        return wanted
    if not starter.fits(settings.backbone, settings.alpha):
        raise BadInput(
            f"the ImageNet weights of {choice.describe()} cannot be had ({problem}), and the starter weights are for "
            f"{starter.BACKBONE} {starter.ALPHA:g} only; leave out --backbone and --alpha (for --fit-budget: "
            f"bench sweep --alphas {starter.ALPHA:g}), or give --weights none"
        )
    watcher.note(
        f"weights: {starter.find().describe()}, since the ImageNet weights of {choice.describe()} cannot be had "
        f"({problem}); expect more mistakes than with those, at a fraction of the work"
    )
    return replace(settings, weights=STARTER)
