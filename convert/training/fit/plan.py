"""Training plan: the settings with every ``auto`` resolved by the data and the machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from edgevision.errors import BadInput
from edgevision.log import Log

from ..config.augmentation import Augmentation
from ..config.settings import TrainSettings
from ..network.backbones import CNN, BackboneSpec
from ..network.initial_weights import NONE, STARTER
from ..network.network import Network

log = Log("edgevision.train")
PASSES = 10_000
"""Limit of images, with copies, for features that are fine-tuned: a minute for a MobileNetV2 on two idle cores."""
HEAD_PASSES = 4000
"""The same for the head alone, whose weights are only the start of the fine-tuning."""
MAPS_BYTES = 1_200_000_000
"""Memory limit in bytes for the maps of all copies."""
EPOCH_PICTURES = 1024
"""Minimum images per epoch of fine-tuning: with a small set, an epoch has several versions of each image."""
HEAD_BATCH = 64
HEAD_STEPS = 1200
"""Steps of HEAD_BATCH features after which the last layer has converged."""
FINE_TUNE_RATE, STARTER_RATE, ONCE_RATE, SCRATCH_RATE = 1e-4, 2e-3, 2e-4, 1e-3
"""The same for the learning rates. The starter weights have seen far less than those of ImageNet, and move further
(docs/research/training.md)."""
LAYER_DECAY = 1.0
"""Default factor of the learning rate from block to block: with 1, the figures in docs/research/training.md were measured."""
DEFAULT_TIME_S, BEST_TIME_S = 600.0, 3600.0
"""Default limits of a training, and of one that tries several settings, in seconds, unless the epochs are given."""
FAST, BEST = "fast", "best"
"""Values of --quality that change the phases."""
MAX_COPIES = 24
"""Upper limit of copies per image; more add little."""
MAX_HEAD_COPIES = 8
"""The same for the head alone."""
EPOCHS, STARTER_EPOCHS, ONCE_EPOCHS, SCRATCH_EPOCHS = 12, 60, 15, 40
"""Default epochs of fine-tuning on live images, the same from the starter weights, on features computed once, and from
scratch."""


@dataclass(frozen=True, slots=True)
class TrainPlan:
    """Resolved parameters of a training."""

    choice: BackboneSpec
    weights: str
    dropout: float
    head_epochs: int
    epochs: int
    time_s: float | None
    """Limit of the whole training in seconds, or None."""
    fine_tune_blocks: int
    batch_size: int
    head_rate: float
    learning_rate: float
    layer_decay: float
    """Factor of the learning rate from each block to the one below it."""
    schedule: str
    weight_decay: float
    label_smoothing: float
    patience: int
    class_weights: str
    once: bool
    """True if blocks are fine-tuned on features that are computed once, False if on images augmented in each epoch."""
    augment_copies: int
    augmentation: Augmentation
    mixed: bool
    seed: int
    taught: str = ""
    """Description of the copies and the teacher that the targets are from; empty without a teacher."""
    target_temperature: float = 1.0
    """Temperature of the targets: the last layer is multiplied by it after the training."""
    search: bool = False
    """True if several settings of the second phase are tried."""

    @property
    def scratch(self) -> bool:
        """True if the whole network is trained in one phase: from random weights, or a ``cnn``, which has no blocks."""
        return self.weights == NONE or self.choice.backbone == CNN

    @property
    def applied(self) -> Augmentation:
        """Augmentation that is actually applied; none if features are computed once from a single copy."""
        return Augmentation() if self.once and self.augment_copies == 1 else self.augmentation

    def passes(self, pictures: int) -> int:
        """Return how often each of ``pictures`` images is shown in an epoch of fine-tuning."""
        return 1 if self.scratch else max(1, round(EPOCH_PICTURES / max(1, pictures)))

    def taught_by(self, teacher: str, temperature: float) -> TrainPlan:
        """Return the plan for copies that are augmented already, with the soft targets of a teacher.

        They are still mirrored in each epoch, which hardly changes the teacher's answer and doubles what the student sees.
        """
        return replace(
            self,
            augmentation=Augmentation(flip=self.augmentation.flip),
            augment_copies=1,
            label_smoothing=0.0,
            taught=teacher,
            target_temperature=temperature,
        )

    def applied_once(self, copies: int) -> str:
        """Describe the augmentation for history.csv if features are computed once."""
        if self.taught:
            return self.taught
        if copies == 1:
            return "features computed once; no augmentation"
        return f"features computed once over {copies} copies (1 unchanged); {self.augmentation.describe()}"

    def applied_live(self) -> str:
        """Describe the augmentation for history.csv if images are augmented in each epoch."""
        if self.taught:
            return self.taught
        if not self.augmentation:
            return "no augmentation"
        return f"augmented differently in each epoch; {self.augmentation.describe()}"


def check_settings(settings: TrainSettings) -> None:
    """Check that the settings go together. Raises BadInput, or ModuleNotFoundError if quality ``best`` lacks its engine."""
    if settings.negatives is None and settings.false_alarms != TrainSettings().false_alarms:
        raise BadInput("--false-alarms needs images to count them on; add --negatives FOLDER, or omit it")
    if settings.quality == FAST and settings.fine_tune_blocks:
        raise BadInput("--quality fast trains only the last layer; omit --fine-tune-blocks, or use --quality good")
    if settings.quality == BEST:
        if settings.features == "once":
            raise BadInput("--quality best augments differently in each epoch; omit --features once")
        if settings.fine_tune_blocks == 0:
            raise BadInput("--quality best tries settings of the fine-tuning; omit --fine-tune-blocks 0")
        import optuna  # noqa: F401  # reported now, not after the head was trained


def make_plan(settings: TrainSettings, network: Network, pictures: int, gpu: bool) -> TrainPlan:
    """Return the plan for a training set of ``pictures`` images. It does not depend on the free memory."""
    choice = network.choice
    scratch = settings.weights == NONE or choice.backbone == CNN
    once = not scratch and settings.features == "once"
    blocks = 0 if choice.backbone == CNN else _blocks(settings, network, once)
    copies = settings.augment_copies or _copies(network, blocks, pictures, once)
    starter = settings.weights == STARTER and not once
    augmentation = settings.augmentation_or("strong" if starter else "light")
    copies = copies if augmentation and not scratch else 1
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
        epochs=_or(settings.epochs, _epochs(settings.weights, once)),
        time_s=settings.time_s or _time_s(settings),
        fine_tune_blocks=blocks,
        batch_size=settings.batch_size or 32,
        head_rate=settings.head_rate,
        learning_rate=_or(settings.learning_rate, _rate(settings.weights, once)),
        layer_decay=_or(settings.layer_decay, LAYER_DECAY),
        schedule=settings.schedule,
        weight_decay=settings.weight_decay,
        label_smoothing=settings.label_smoothing,
        patience=settings.patience or (12 if scratch else 8),
        class_weights=settings.class_weights,
        once=once,
        augment_copies=copies,
        augmentation=augmentation,
        mixed=settings.precision == "mixed" or (settings.precision == "auto" and gpu),
        seed=settings.seed,
        search=settings.quality == BEST,
    )


def settled(settings: TrainSettings, plan: TrainPlan, ran: int | None = None) -> TrainSettings:
    """Return the settings with ``auto`` replaced by the plan's values, for config.toml.

    ``ran``: epochs of the second phase that the time allowed, once this is known; they replace the time, so that the
    training can be repeated whatever the speed of the machine.
    """
    augmentation = {name: getattr(plan.augmentation, name) for name in plan.augmentation.__dataclass_fields__}
    return replace(
        settings,
        alpha=plan.choice.alpha,
        image_size=plan.choice.image_size,
        head_epochs=plan.head_epochs,
        epochs=plan.epochs if ran is None else ran,
        time_s=plan.time_s if ran is None else None,
        fine_tune_blocks=plan.fine_tune_blocks,
        batch_size=plan.batch_size,
        learning_rate=plan.learning_rate,
        layer_decay=plan.layer_decay,
        quality="good" if settings.quality == BEST and not plan.search else settings.quality,
        patience=plan.patience,
        features="once" if plan.once else "live",
        augment_copies=plan.augment_copies,
        **augmentation,
    )


def _blocks(settings: TrainSettings, network: Network, once: bool) -> int:
    """Return the number of blocks to fine-tune: all, or the few whose input maps fit in memory if computed once."""
    if settings.quality == FAST:
        return 0
    if settings.fine_tune_blocks is not None:
        return min(settings.fine_tune_blocks, network.block_count)
    return network.choice.row.fine_tune_blocks if once else network.block_count


def _time_s(settings: TrainSettings) -> float | None:
    """Return the default limit of a training; none if its epochs are given."""
    if settings.epochs is not None:
        return None
    return BEST_TIME_S if settings.quality == BEST else DEFAULT_TIME_S


def _rate(weights: str, once: bool) -> float:
    """Return the default learning rate of the second phase."""
    if weights == NONE:
        return SCRATCH_RATE
    if once:
        return ONCE_RATE
    return STARTER_RATE if weights == STARTER else FINE_TUNE_RATE


def _epochs(weights: str, once: bool) -> int:
    """Return the default number of epochs of the second phase."""
    if weights == NONE:
        return SCRATCH_EPOCHS
    if once:
        return ONCE_EPOCHS
    return STARTER_EPOCHS if weights == STARTER else EPOCHS


def _copies(network: Network, blocks: int, pictures: int, once: bool) -> int:
    """Return the copies of each image whose features are computed."""
    if not once:
        return max(1, min(MAX_HEAD_COPIES, HEAD_PASSES // max(1, pictures)))
    most = MAPS_BYTES // max(1, network.map_bytes(blocks) * pictures) if blocks else MAX_COPIES
    return max(2, min(MAX_COPIES, most, PASSES // max(1, pictures)))


def _head_epochs(features: int) -> int:
    """Return the epochs that give the last layer HEAD_STEPS steps, whatever the size of the set (8 to 60)."""
    return max(8, min(60, round(HEAD_STEPS * HEAD_BATCH / max(1, features))))


def _or(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value
