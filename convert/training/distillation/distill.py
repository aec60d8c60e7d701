"""Distillation: the teacher learns the classes, then the student's training images and targets are replaced by its answers.

The student sees the same crops as the teacher (L. Beyer et al., 2022, Knowledge distillation: A good teacher is patient and
consistent, arXiv:2106.05237), also of photos without labels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgevision.datasets.dataset import Item
from edgevision.log import Log

from ..config.settings import TrainSettings
from ..fit.checkpoint import State
from ..fit.epochs import Checkpointer, PhaseRun, run_phase
from ..fit.frozen_features import Features
from ..fit.phases import head_phase
from ..fit.plan import TrainPlan, make_plan
from ..input.batches import Examples
from ..input.image_cache import KeptPixels
from ..input.splits import DatasetSplits, Sets
from ..monitor.history import Epoch
from ..monitor.observer import TrainingObserver
from ..network.network import Network
from .copies import copy_maker
from .soft_targets import TEMPERATURE, soft_targets
from .teacher import Teacher, require_unseen

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

log = Log("edgevision.train")
PASSES = 12_000
"""Limit of images, with copies, that the teacher sees: three minutes for an EfficientNet-Lite0 on two idle cores."""
MIN_COPIES, MAX_COPIES = 2, 8
SHOWN, MIN_EPOCHS = 30, 4
"""How often a student sees each image by default, and fewest epochs, each of which shows all copies."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What a student learns from its teacher."""

    sets: Sets
    """The student's images with soft targets, and its unchanged validation images."""
    plan: TrainPlan
    """Plan that neither augments the copies again nor smooths the soft targets."""


def distill(
    student: Network,
    teacher: Teacher,
    plan: TrainPlan,
    sets: Sets,
    learning: DatasetSplits,
    settings: TrainSettings,
    folder: Path,
    watcher: TrainingObserver,
) -> Lesson:
    """Return what the student learns from its teacher. Raises BadInput, BadImage, CannotWrite."""
    if teacher.seen:
        require_unseen(teacher, _named(learning.val), _named(learning.test))
    items = (*learning.train, *learning.unlabeled)
    copies = max(MIN_COPIES, min(MAX_COPIES, PASSES // len(items))) if plan.augmentation else 1
    maker = copy_maker(teacher.network, sets.train.preprocessing, plan.augmentation)
    place = (Path(settings.cache_dir) if settings.cache_dir else folder, watcher.note)
    with watcher.stage("Asking the teacher", copies * len(items) + len(learning.val)) as step:
        made = maker.make(items, copies, plan.seed, place, step)
        done = copies * len(items)
        val = maker.make(learning.val, 1, plan.seed, place, lambda more: step(done + more))
    if not teacher.trained:
        _teach(teacher, settings, sets, made.features, val.features, watcher)
    _report(teacher, sets, val.features[0], len(learning.unlabeled), copies, watcher)
    logits = _answers(teacher.network, made.features.reshape(copies * len(items), -1))
    weights = np.concatenate([sets.train.weights, np.ones(len(learning.unlabeled), np.float32)])
    pixels = KeptPixels(made.pixels, "memory")
    order = np.arange(copies * len(items))
    train = Examples(
        pixels, sets.train.preprocessing, order, soft_targets(student.goal, logits), np.tile(weights, copies)
    )
    taught = f"{copies} copies; {plan.augmentation.describe()}; targets of the teacher {teacher.name}"
    return Lesson(replace(sets, train=train), _patient(plan, settings, student, copies).taught_by(taught, TEMPERATURE))


def _patient(plan: TrainPlan, settings: TrainSettings, student: Network, copies: int) -> TrainPlan:
    """Return the plan with what is not given chosen for a taught network, which can learn for longer."""
    epochs = max(MIN_EPOCHS, round(SHOWN / copies)) if settings.epochs is None else plan.epochs
    top_only = plan.once and plan.fine_tune_blocks > 0 and settings.fine_tune_blocks is None
    blocks = student.block_count if top_only else plan.fine_tune_blocks
    return replace(plan, epochs=epochs, fine_tune_blocks=blocks, once=False)


def _teach(
    teacher: Teacher, settings: TrainSettings, sets: Sets, train: Floats, val: Floats, watcher: TrainingObserver
) -> None:
    """Train the last layer of a teacher on its features of the labeled images; without smoothing, which blurs its answers.

    R. Müller et al., 2019, When Does Label Smoothing Help? (arXiv:1906.02629), section 4.
    """
    count = len(sets.train)
    asked = replace(settings, head_epochs=None, augment_copies=len(train), features="once", label_smoothing=0.0)
    plan = make_plan(asked, teacher.network, count, gpu=False)
    none = np.empty((0,), np.float16)
    phase = head_phase(
        teacher.network,
        plan,
        Features(none, train[:, :count], sets.train.targets, sets.train.weights),
        Features(none, val, sets.val.targets, sets.val.weights),
    )
    with watcher.stage("Training the teacher", None):
        keeper = Checkpointer[Epoch](lambda state: None)
        state, quiet = State[Epoch](), TrainingObserver()
        run_phase(PhaseRun(phase, teacher.network, sets.val.targets, state, plan.seed, keeper, quiet))


def _answers(network: Network, features: Floats) -> Floats:
    """Return the logits of a network for its pooled features, (n, outputs)."""
    kernel, bias = network.head[-1].get_weights()
    return np.asarray(features @ kernel + bias, np.float32)


def _report(
    teacher: Teacher, sets: Sets, features: Floats, unlabeled: int, copies: int, watcher: TrainingObserver
) -> None:
    text = f"teacher: {teacher.name}"
    if len(features):
        right = teacher.network.goal.measure(sets.val.targets, _answers(teacher.network, features))[1]
        text += f", correct on {int(right.sum())} of the {len(right)} validation images"
    more = f" and {unlabeled} without labels" if unlabeled else ""
    watcher.note(f"{text}; it answers for {copies} copies of {len(sets.train)} training images{more}")


def _named(items: tuple[Item, ...]) -> list[tuple[str, str]]:
    return [(item.path, sha256(item.data()).hexdigest()) for item in items]
