"""Settings made definite: every ``auto`` replaced by what the pictures and the machine ask for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgevision.errors import EdgeVisionError

from .. import starter, weight_files
from ..augment import Augmentation
from ..backbones import CNN, Choice, find
from ..weights import NAMES, NONE, STARTER, recognise
from .network import Network
from .settings import Settings

PASSES = 10_000
"""Pictures, copies included, that go once through the frozen part: a minute for a MobileNetV2 on two idle cores."""
MAPS_BYTES = 1_200_000_000
"""What the frozen part made of all copies may take in memory."""
EPOCH_PICTURES = 1024
"""An epoch of fine-tuning on kept features has at least so many: of a small set it sees several copies of each picture."""
HEAD_BATCH = 64
HEAD_STEPS = 1200
"""Steps of HEAD_BATCH features in which a last layer learns what there is to learn."""
MAX_COPIES = 24
"""More copies of one picture teach little."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a training will be done."""

    choice: Choice
    weights: str
    dropout: float
    head_epochs: int
    epochs: int
    fine_tune_blocks: int
    batch_size: int
    head_rate: float
    rate: float
    schedule: str
    weight_decay: float
    label_smoothing: float
    patience: int
    class_weights: str
    once: bool
    """Whether the frozen part runs once, over ``copies``, or anew in each epoch."""
    copies: int
    augmentation: Augmentation
    mixed: bool
    seed: int

    @property
    def scratch(self) -> bool:
        """Whether the whole network learns from random weights."""
        return self.weights == NONE

    @property
    def applied(self) -> Augmentation:
        """What is really done to training pictures in some phase; nothing where features are computed of one copy."""
        return Augmentation() if self.once and self.copies == 1 else self.augmentation

    def applied_once(self, copies: int) -> str:
        """For history.csv, where features were computed once."""
        if copies == 1:
            return "features computed once; no augmentation"
        return f"features computed once over {copies} copies (1 unchanged); {self.augmentation.describe()}"

    def applied_live(self) -> str:
        """For history.csv, where pictures are augmented anew in each epoch."""
        if not self.augmentation:
            return "no augmentation"
        return f"augmented anew in each epoch; {self.augmentation.describe()}"


def choose(settings: Settings) -> Choice:
    """The network that some settings ask for. Raises UnknownName, BadModel, MissingFile."""
    row = find(settings.backbone)
    alpha = settings.alpha if settings.alpha is not None else _alpha_of(settings)
    size = settings.image_size or (starter.IMAGE_SIZE if settings.weights == STARTER else row.image_size)
    return Choice(row.name, size, alpha, settings.minimalistic, settings.cnn_filters, settings.cnn_dense)


def make_plan(settings: Settings, network: Network, pictures: int, gpu: bool) -> Plan:
    """The plan for a training set of some pictures. The same for the same set, however much memory happens to be free."""
    choice = network.choice
    scratch = settings.weights == NONE
    blocks = 0 if choice.backbone == CNN else _or(settings.fine_tune_blocks, choice.row.fine_tune_blocks)
    augmented = bool(settings.augmentation)
    most = MAPS_BYTES // max(1, network.map_bytes(blocks) * pictures) if blocks else MAX_COPIES
    fits = pictures <= PASSES and not gpu and most >= (2 if augmented else 1)
    once = not scratch and settings.features != "live" and (settings.features == "once" or fits)
    copies = settings.copies or max(2, min(MAX_COPIES, most, PASSES // max(1, pictures)))
    copies = copies if augmented and once else 1
    return Plan(
        choice=choice,
        weights=settings.weights,
        dropout=settings.dropout,
        head_epochs=0 if scratch else _or(settings.head_epochs, _head_epochs(pictures * copies)),
        epochs=_or(settings.epochs, 40 if scratch else 15),
        fine_tune_blocks=blocks,
        batch_size=settings.batch_size or 32,
        head_rate=settings.head_rate,
        rate=_or(settings.rate, 1e-3 if scratch else 2e-4),
        schedule=settings.schedule,
        weight_decay=settings.weight_decay,
        label_smoothing=settings.label_smoothing,
        patience=settings.patience or (12 if scratch else 8),
        class_weights=settings.class_weights,
        once=once,
        copies=copies,
        augmentation=settings.augmentation,
        mixed=settings.precision == "mixed" or (settings.precision == "auto" and gpu),
        seed=settings.seed,
    )


def settled(settings: Settings, plan: Plan) -> Settings:
    """The settings with the plan's numbers in the place of ``auto``: what config.toml records."""
    augmentation = {name: getattr(plan.augmentation, name) for name in plan.augmentation.__dataclass_fields__}
    return replace(
        settings,
        alpha=plan.choice.alpha,
        image_size=plan.choice.image_size,
        head_epochs=plan.head_epochs,
        epochs=plan.epochs,
        fine_tune_blocks=plan.fine_tune_blocks,
        batch_size=plan.batch_size,
        rate=plan.rate,
        patience=plan.patience,
        features="once" if plan.once else "live",
        copies=plan.copies,
        **augmentation,
    )


def _head_epochs(features: int) -> int:
    """As many as the last layer needs steps, whatever the size of the set."""
    return max(8, min(60, round(HEAD_STEPS * HEAD_BATCH / max(1, features))))


def _or(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value


def _alpha_of(settings: Settings) -> float:
    """The width of the starter, or of a weights file that fits the backbone, else 1."""
    if settings.weights == STARTER:
        return starter.ALPHA
    if settings.weights in NAMES:
        return 1.0
    try:
        guess = recognise(weight_files.read(Path(settings.weights)))
    except EdgeVisionError:
        return 1.0  # said later, where the weights are loaded
    return guess[1] if guess and guess[0] == settings.backbone else 1.0
