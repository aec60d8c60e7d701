"""Training of the demo's network from the starter weights, independent of what the images show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.preprocessing import decode, transform
from edgevision.preprocessing.spec import Preprocessing

from .. import backend
from ..training.config.settings import TrainSettings
from ..training.fit.checkpoint import State
from ..training.fit.epochs import Checkpointer
from ..training.fit.fit import fit
from ..training.fit.plan import make_plan
from ..training.input.batches import Examples
from ..training.input.image_cache import KeptPixels
from ..training.input.splits import Sets
from ..training.monitor.history import Epoch
from ..training.monitor.observer import TrainingObserver
from ..training.network import starter_weights
from ..training.network.backbones import BackboneSpec
from ..training.network.head import Head, goal_of
from ..training.network.initial_weights import STARTER
from ..training.network.network import open_network

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.types import Pixels

CHOICE = BackboneSpec(starter_weights.BACKBONE, starter_weights.IMAGE_SIZE, starter_weights.ALPHA)
NAME = f"MobileNetV2 {starter_weights.ALPHA}"
RULE = CHOICE.preprocessing("stretch")
"""Preprocessing: the whole image, stretched; real values -1..1."""
SETTINGS = TrainSettings(
    weights=STARTER,
    head_epochs=8,
    fine_tune_blocks=8,
    learning_rate=1e-3,
    features="once",
    augment_copies=3,
    dropout=0.1,
)
"""Settings that differ from ``edgevision train``: more blocks and a higher rate, since drawings differ from photos."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """Preprocessed images and their labels."""

    pixels: Pixels
    """Images, uint8, (n, height, width, channels), in the channel order of the preprocessing."""
    labels: npt.NDArray[np.int64]
    """Class indices, (n,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A trained network and its training history."""

    keras: Any
    history: tuple[Epoch, ...]
    val_accuracy: float
    """Validation accuracy of the epoch whose weights were kept, 0..1."""


def read_folders(folder: Path, classes: Sequence[str], preprocessing: Preprocessing = RULE) -> TrainingData:
    """Read ``folder/CLASS/*`` with the standard decoder and preprocessing. Raises BadImage."""
    found = [(index, path) for index, name in enumerate(classes) for path in decode.find(folder / name)]
    pixels = np.stack([transform.pixels(decode.read(path), preprocessing) for _, path in found])
    return TrainingData(pixels, np.array([index for index, _ in found], np.int64))


def train(
    learn: TrainingData,
    validate: TrainingData,
    classes: Sequence[str],
    epochs: int,
    seed: int,
    watcher: TrainingObserver,
) -> Trained:
    """Fit the head, then the top blocks for ``epochs`` epochs. Sets all seeds.

    The same seed and machine give the same network. Raises BadInput or BadModel if the starter weights are missing.
    """
    backend.keras().utils.set_random_seed(seed)
    settings = replace(SETTINGS, epochs=epochs, seed=seed)
    goal = goal_of(tuple(classes), multilabel=False)
    network = open_network(CHOICE, goal, settings.weights, settings.dropout)
    plan = make_plan(settings, network, len(learn.labels), gpu=False)
    state = State[Epoch](origin=network.origin.sha256)
    fit(network, plan, _sets(learn, validate, goal), state, Checkpointer(lambda state: None), watcher)
    kept = state.history[state.selection.epoch - 1]
    return Trained(network.deployed, tuple(state.history), kept.val_accuracy or 0.0)


def _sets(learn: TrainingData, validate: TrainingData, goal: Head) -> Sets:
    pixels = KeptPixels(np.concatenate([learn.pixels, validate.pixels]), "memory")
    labels = np.concatenate([learn.labels, validate.labels])
    targets = goal.targets([(goal.classes[label],) for label in labels])

    def part(begin: int, end: int) -> Examples:
        index = np.arange(begin, end)
        return Examples(pixels, RULE, index, targets[index], np.ones(len(index), np.float32))

    n = len(learn.labels)
    return Sets(pixels, part(0, n), part(n, len(labels)))
