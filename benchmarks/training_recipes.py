"""Ways to train that ``training.py`` compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from edgevision.convert import backend
from edgevision.convert.training.config.settings import TrainSettings
from edgevision.convert.training.input.batches import real_values
from edgevision.convert.training.monitor.observer import TrainingObserver
from edgevision.convert.training.network.backbones import BackboneSpec
from edgevision.convert.training.network.head import goal_of
from edgevision.convert.training.network.network import open_network
from edgevision.convert.training.network.resolve_auto import choose, decide
from edgevision.convert.training.report.result import TrainResult
from edgevision.convert.training.run import TrainRequest, train

from edgevision.datasets.dataset import Item, open_dataset
from edgevision.evaluation.evaluate import Evaluation
from edgevision.preprocessing.transform import pixels

TUTORIAL_EPOCHS = (10, 10)
"""Epochs with the frozen network and after."""
TUTORIAL_FROZEN = 2 / 3
"""Share of the layers that stay frozen to the end; the tutorial freezes 100 of the 154 layers of its MobileNetV2."""
BATCH = 32
EVALUATE_BATCH = 50


@dataclass(frozen=True, slots=True)
class Recipe:
    """A way to train."""

    title: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of ``edgevision train`` that differ from the defaults."""
    tutorial: bool = False


RECIPES = {
    "default": Recipe("`edgevision train`"),
    "tuned": Recipe("all blocks", {"head_method": "gradient"}),
    "linear": Recipe("linear head, cross-validated", {"head_method": "linear"}),
    "frozen": Recipe("head only, by gradient descent", {"quality": "fast", "head_method": "gradient"}),
    "best": Recipe("`--quality best`", {"quality": "best"}),
    "searched": Recipe("all blocks, the best of up to twelve settings", {"quality": "best", "head_method": "gradient"}),
    "former": Recipe(
        "top blocks on features computed once",
        {"features": "once", "epochs": 15, "learning_rate": 2e-4, "augment": "light"},
    ),
    "tutorial": Recipe("Keras tutorial", tutorial=True),
}


def train_with(
    recipe: Recipe,
    photos: Path,
    scratch: Path,
    network: Mapping[str, Any],
    seed: int,
    seconds: float,
    clock: Callable[[], float],
) -> tuple[int, int]:
    """Train, and return how many test photos are right, of how many. ``network``: settings of the network."""
    settings = TrainSettings(**{**network, **recipe.settings}, seed=seed)
    if recipe.tutorial:
        return _tutorial(photos, decide(settings, TrainingObserver()), seed)
    limited = settings if settings.epochs is not None else replace(settings, time_s=seconds)
    result = train(TrainRequest(photos, limited, scratch / "runs"), TrainingObserver(), clock)
    assert isinstance(result, TrainResult) and isinstance(
        result.evaluation, Evaluation
    )  # of a classifier, with test photos
    accuracy = result.evaluation.metrics.accuracy
    return accuracy.count, accuracy.total


def _tutorial(photos: Path, settings: TrainSettings, seed: int) -> tuple[int, int]:
    """Train as https://www.tensorflow.org/tutorials/images/transfer_learning does, with the same network and weights.

    Whole images are stretched; mirrored and turned by up to 72 degrees; ten epochs of the head with Adam at 1e-4, then ten of
    the upper layers with RMSprop at 1e-5, batch normalization in inference mode; the last weights are taken.
    """
    keras, tf = backend.keras(), backend.tensorflow()
    from edgevision.convert.training.network.frozen_layers import InferenceMode

    keras.utils.set_random_seed(seed)
    dataset, choice = open_dataset(photos), choose(settings)
    goal = goal_of(dataset.classes, False)
    network = open_network(choice, goal, settings.weights, 0.2)
    learn, asked = (_examples(dataset.in_split(part), choice) for part in ("train", "test"))
    targets = [goal.targets([item.labels for item in dataset.in_split(part)]) for part in ("train", "test")]
    inputs = keras.Input(network.backbone.input.shape[1:])
    turned = keras.layers.RandomRotation(0.2)(keras.layers.RandomFlip("horizontal")(inputs))
    model = keras.Model(inputs, network.apply_head(InferenceMode(network.backbone)(turned)))
    batches = tf.data.Dataset.from_tensor_slices((learn, targets[0])).shuffle(len(learn), seed=seed).batch(BATCH)
    real = batches.map(lambda x, y: (_real(tf, x, choice), y)).prefetch(2)
    layers = network.backbone.layers
    first = round(TUTORIAL_FROZEN * len(layers))
    optimizers = (keras.optimizers.Adam(1e-4), keras.optimizers.RMSprop(1e-5))
    for optimizer, epochs, frozen in zip(optimizers, TUTORIAL_EPOCHS, (len(layers), first), strict=True):
        for number, layer in enumerate(layers):
            layer.trainable = number >= frozen
        loss = goal.loss(0.0, np.ones(goal.outputs, np.float32))
        model.compile(optimizer, loss, jit_compile=False)
        model.fit(real, epochs=epochs, verbose=0)
    preprocessing = choice.preprocessing("stretch")
    found = [
        model(real_values(asked[at : at + EVALUATE_BATCH], preprocessing), training=False).numpy()
        for at in range(0, len(asked), EVALUATE_BATCH)
    ]
    right = goal.measure(targets[1], np.concatenate(found))[1]
    return int(right.sum()), len(right)


def _real(tf: Any, batch: Any, choice: BackboneSpec) -> Any:
    return (tf.cast(batch, tf.float32) - choice.row.mean) / choice.row.std


def _examples(items: tuple[Item, ...], choice: BackboneSpec) -> np.ndarray:
    """Return the preprocessed images, uint8 (n, side, side, 3)."""
    preprocessing = choice.preprocessing("stretch")
    return np.stack([pixels(item.read(), preprocessing) for item in items])
