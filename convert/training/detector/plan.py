"""Training plan of a detector: the settings with every ``auto`` resolved by the data."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgevision.errors import BadInput

from ..config.settings import POINTS, TrainSettings
from ..network.backbones import BackboneSpec
from ..network.initial_weights import NONE
from .augmentation import PRESETS, BoxAugmentation
from .points.network import CELL_SIZES

IMAGE_SIZE = 256
"""Default side of the input in pixels."""
STEPS = 800
"""Training steps after which a pretrained detector has learned a set of a few hundred images."""
SCRATCH_STEPS = 3000
MIN_EPOCHS, MAX_EPOCHS = 15, 50
BACKBONE_RATE = 0.2
"""Learning rate of pretrained layers as a share of that of the new ones, so that they are refined and not overwritten."""
UNSUITABLE = ("rotation", "translation", "noise")
"""Augmentations of classifiers that do not move boxes along."""


@dataclass(frozen=True, slots=True)
class DetectorPlan:
    """Resolved parameters of a training."""

    choice: BackboneSpec
    weights: str
    epochs: int
    fine_tune_blocks: int | None
    """Number of top blocks of the backbone to train; None: those from the first feature map of the pyramid on."""
    batch_size: int
    learning_rate: float
    backbone_rate: float
    """Learning rate of the backbone."""
    schedule: str
    weight_decay: float
    patience: int
    augmentation: BoxAugmentation
    seed: int

    @property
    def scratch(self) -> bool:
        """True if the whole network is trained from random weights."""
        return self.weights == NONE

    @property
    def applied(self) -> str:
        """Description of the augmentation for history.csv."""
        return f"augmented differently in each epoch; {self.augmentation.describe()}"


def make_plan(settings: TrainSettings, choice: BackboneSpec, pictures: int) -> DetectorPlan:
    """Return the plan for a training set of ``pictures`` images."""
    scratch = settings.weights == NONE
    batch_size = settings.batch_size or 16
    epochs = round((SCRATCH_STEPS if scratch else STEPS) / max(1, -(-pictures // batch_size)))
    epochs = max(MIN_EPOCHS, min(10 * MAX_EPOCHS if scratch else MAX_EPOCHS, epochs))
    epochs = epochs if settings.epochs is None else settings.epochs
    rate = 1e-3 if settings.learning_rate is None else settings.learning_rate
    return DetectorPlan(
        choice=choice,
        weights=settings.weights,
        epochs=epochs,
        fine_tune_blocks=settings.fine_tune_blocks,
        batch_size=batch_size,
        learning_rate=rate,
        backbone_rate=rate * (1.0 if scratch else BACKBONE_RATE),
        schedule=settings.schedule,
        weight_decay=settings.weight_decay,
        patience=settings.patience or max(10, epochs // 3),
        augmentation=_augmentation(settings),
        seed=settings.seed,
    )


def settled(settings: TrainSettings, plan: DetectorPlan) -> TrainSettings:
    """Return the settings with ``auto`` replaced by the plan's values, for config.toml."""
    return replace(
        settings,
        alpha=plan.choice.alpha,
        image_size=plan.choice.image_size,
        epochs=plan.epochs,
        batch_size=plan.batch_size,
        learning_rate=plan.learning_rate,
        patience=plan.patience,
        flip=plan.augmentation.flip,
        zoom=plan.augmentation.zoom,
        brightness=plan.augmentation.brightness,
        contrast=plan.augmentation.contrast,
    )


def _augmentation(settings: TrainSettings) -> BoxAugmentation:
    given = {name: getattr(settings, name) for name in ("flip", "zoom", "brightness", "contrast")}
    chosen = {name: value for name, value in given.items() if value is not None}
    return replace(
        PRESETS["light" if settings.augment == "auto" else settings.augment], mosaic=settings.mosaic, **chosen
    )


def check_settings(settings: TrainSettings) -> None:
    """Check that the settings fit a detector. Raises BadInput."""
    if settings.resize == "crop":
        raise BadInput("--resize crop cuts off objects; use --resize stretch or letterbox for a detector")
    if settings.teacher not in ("auto", "none"):
        raise BadInput("--teacher is for classifiers; leave it out for a detector")
    if settings.label_map is not None:
        raise BadInput("--label-map is for classifiers; rename the labels in the annotations of the boxes")
    if settings.quality != "good":
        raise BadInput(f"--quality {settings.quality} is for classifiers; omit it for a detector")
    if settings.time_s is not None:
        raise BadInput("--time is for classifiers; give --epochs for a detector")
    if settings.cell_size is not None:
        if settings.head != POINTS:
            raise BadInput("--cell-size is for --head points; add it, or omit --cell-size")
        if settings.cell_size not in CELL_SIZES:
            sizes = ", ".join(map(str, CELL_SIZES))
            raise BadInput(f"--cell-size must be one of {sizes}, got {settings.cell_size}")
    for name in UNSUITABLE:
        if getattr(settings, name):
            raise BadInput(f"--{name} does not move boxes along; omit it, and use --zoom or --mosaic for a detector")
