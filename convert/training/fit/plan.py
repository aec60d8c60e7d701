"""Training plan: the settings with every ``auto`` resolved by the data and the machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from edgevision.log import Log

from ..config.augmentation import Augmentation
from ..config.settings import TrainSettings
from ..network.backbones import CNN, BackboneSpec
from ..network.initial_weights import NONE
from ..network.network import Network

log = Log("edgevision.train")
PASSES = 10_000
"""Limit of images, with copies, for one pass through the frozen part: a minute for a MobileNetV2 on two idle cores."""
MAPS_BYTES = 1_200_000_000
"""Memory limit in bytes for the maps of all copies."""
EPOCH_PICTURES = 1024
"""Minimum images per epoch of fine-tuning on kept maps: with a small set, an epoch has several copies of each image."""
HEAD_BATCH = 64
HEAD_STEPS = 1200
"""Steps of HEAD_BATCH features after which the last layer has converged."""
MAX_COPIES = 24
"""Upper limit of copies per image; more add little."""


@dataclass(frozen=True, slots=True)
class TrainPlan:
    """Resolved parameters of a training."""

    choice: BackboneSpec
    weights: str
    dropout: float
    head_epochs: int
    epochs: int
    fine_tune_blocks: int
    batch_size: int
    head_rate: float
    learning_rate: float
    schedule: str
    weight_decay: float
    label_smoothing: float
    patience: int
    class_weights: str
    once: bool
    """True if the frozen part runs once over all ``augment_copies``, False if it runs again in each epoch."""
    augment_copies: int
    augmentation: Augmentation
    mixed: bool
    seed: int

    @property
    def scratch(self) -> bool:
        """True if the whole network is trained from random weights."""
        return self.weights == NONE

    @property
    def applied(self) -> Augmentation:
        """Augmentation that is actually applied; none if features are computed once from a single copy."""
        return Augmentation() if self.once and self.augment_copies == 1 else self.augmentation

    def applied_once(self, copies: int) -> str:
        """Describe the augmentation for history.csv if features are computed once."""
        if copies == 1:
            return "features computed once; no augmentation"
        return f"features computed once over {copies} copies (1 unchanged); {self.augmentation.describe()}"

    def applied_live(self) -> str:
        """Describe the augmentation for history.csv if images are augmented in each epoch."""
        if not self.augmentation:
            return "no augmentation"
        return f"augmented differently in each epoch; {self.augmentation.describe()}"


def make_plan(settings: TrainSettings, network: Network, pictures: int, gpu: bool) -> TrainPlan:
    """Return the plan for a training set of ``pictures`` images. It does not depend on the free memory."""
    choice = network.choice
    scratch = settings.weights == NONE
    blocks = 0 if choice.backbone == CNN else _or(settings.fine_tune_blocks, choice.row.fine_tune_blocks)
    augmented = bool(settings.augmentation)
    most = MAPS_BYTES // max(1, network.map_bytes(blocks) * pictures) if blocks else MAX_COPIES
    fits = pictures <= PASSES and not gpu and most >= (2 if augmented else 1)
    once = not scratch and settings.features != "live" and (settings.features == "once" or fits)
    copies = settings.augment_copies or max(2, min(MAX_COPIES, most, PASSES // max(1, pictures)))
    copies = copies if augmented and once else 1
    log.info(
        "plan: %s, %s, %d augmented copies of each image",
        "all layers from scratch" if scratch else f"the head, then {blocks} blocks",
        "features computed once" if once else "images augmented in each epoch",
        copies,
    )
    return TrainPlan(
        choice=choice,
        weights=settings.weights,
        dropout=settings.dropout,
        head_epochs=0 if scratch else _or(settings.head_epochs, _head_epochs(pictures * copies)),
        epochs=_or(settings.epochs, 40 if scratch else 15),
        fine_tune_blocks=blocks,
        batch_size=settings.batch_size or 32,
        head_rate=settings.head_rate,
        learning_rate=_or(settings.learning_rate, 1e-3 if scratch else 2e-4),
        schedule=settings.schedule,
        weight_decay=settings.weight_decay,
        label_smoothing=settings.label_smoothing,
        patience=settings.patience or (12 if scratch else 8),
        class_weights=settings.class_weights,
        once=once,
        augment_copies=copies,
        augmentation=settings.augmentation,
        mixed=settings.precision == "mixed" or (settings.precision == "auto" and gpu),
        seed=settings.seed,
    )


def settled(settings: TrainSettings, plan: TrainPlan) -> TrainSettings:
    """Return the settings with ``auto`` replaced by the plan's values, for config.toml."""
    augmentation = {name: getattr(plan.augmentation, name) for name in plan.augmentation.__dataclass_fields__}
    return replace(
        settings,
        alpha=plan.choice.alpha,
        image_size=plan.choice.image_size,
        head_epochs=plan.head_epochs,
        epochs=plan.epochs,
        fine_tune_blocks=plan.fine_tune_blocks,
        batch_size=plan.batch_size,
        learning_rate=plan.learning_rate,
        patience=plan.patience,
        features="once" if plan.once else "live",
        augment_copies=plan.augment_copies,
        **augmentation,
    )


def _head_epochs(features: int) -> int:
    """Return the epochs that give the last layer HEAD_STEPS steps, whatever the size of the set (8 to 60)."""
    return max(8, min(60, round(HEAD_STEPS * HEAD_BATCH / max(1, features))))


def _or(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value
