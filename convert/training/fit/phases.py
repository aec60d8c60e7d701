"""Training phases: model, data, learning rate and validation of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import backend
from ..input.augmentation import augmenter
from ..input.batches import Examples, Source, images_of, source_of
from ..network.network import Network
from .frozen_features import Features
from .plan import EPOCH_PICTURES, HEAD_BATCH, TrainPlan
from .schedule import Schedule
from .time_budget import Length

if TYPE_CHECKING:
    import numpy.typing as npt

    from .paced_schedule import PacedSchedule

    Arrays = list[npt.NDArray[Any]]
    Floats = npt.NDArray[np.float32]
    Indices = npt.NDArray[np.intp]

HEAD, FINE_TUNE, SCRATCH = "head", "fine-tune", "scratch"
EVALUATE_BATCH = 50


@dataclass(frozen=True, slots=True, eq=False)
class Phase:
    """A training phase, ready to run."""

    name: str
    model: Any
    """Compiled Keras model from batches to logits."""
    schedule: Schedule
    pace: PacedSchedule
    """The schedule as the optimizer of the model follows it."""
    patience: int
    loss: Callable[[Any, Any], Any]
    """Function of (targets, logits) that the model is compiled with; one value per image."""
    accuracy: Callable[[Any, Any], Any]
    """Function of (targets, logits): 1 for each image that is correct, else 0."""
    source: Source
    """The training examples."""
    order: Callable[[np.random.Generator, int], Indices]
    """Function that draws the numbers of the examples in one epoch of so many steps."""
    logits: Callable[[Indices], npt.NDArray[np.float32]]
    """Function that returns the logits of some validation images, (n, outputs)."""
    smoothing: float
    """Label smoothing, in training and validation."""
    applied: str
    """Description of the augmentation for history.csv."""
    average: Callable[[], Arrays] | None = None
    """Function that returns the trained variables averaged over the last steps; None if they are used as they are."""

    def paced(self, lengths: Sequence[Length]) -> Phase:
        """Return the phase with each of the lengths in turn; its optimizer follows."""
        schedule = self.schedule
        for one in lengths:
            if one.at:
                schedule = schedule.ending(one.at, one.epochs)
            else:
                schedule = replace(schedule, epochs=one.epochs, steps=one.steps, decay_from=-1)
        self.pace.follow(schedule)
        return replace(self, schedule=schedule)


def head_phase(network: Network, plan: TrainPlan, train: Features, val: Features) -> Phase:
    """Return the phase that trains only the last layer, on precomputed features."""
    keras = backend.keras()
    inputs = keras.Input((train.pooled.shape[-1],))
    model = keras.Model(inputs, network.apply_head(inputs, pooled=True))
    copies, n = train.pooled.shape[:2]
    schedule = Schedule(plan.head_rate, plan.head_epochs, -(-n * copies // HEAD_BATCH), plan.schedule)
    pace = _paced(schedule)
    loss, accuracy = _compile(model, network, plan, _adamw(pace, plan), train.targets)
    flat = train.pooled.reshape(n * copies, -1)

    def load(some: Indices) -> tuple[Floats, Floats, Floats]:
        return flat[some], train.targets[some % n], train.weights[some % n]

    return Phase(
        name=HEAD,
        model=model,
        schedule=schedule,
        pace=pace,
        patience=plan.patience,
        loss=loss,
        accuracy=accuracy,
        source=Source(load, flat.shape[1:], train.targets.shape[1], HEAD_BATCH),
        order=lambda random, steps: random.permutation(n * copies)[: steps * HEAD_BATCH],
        logits=_logits(model, lambda some: val.pooled[0][some]),
        smoothing=plan.label_smoothing,
        applied=plan.applied_once(copies),
    )


def fine_tune_on_features(network: Network, plan: TrainPlan, train: Features, val: Features) -> Phase:
    """Return the phase that trains the top blocks on precomputed maps of each copy; batch norm statistics are frozen."""
    keras = backend.keras()
    from ..network.frozen_layers import InferenceMode

    _, upper = network.cut(plan.fine_tune_blocks)
    inputs = keras.Input(train.maps.shape[2:])
    model = keras.Model(inputs, network.apply_head(InferenceMode(upper)(inputs)))
    copies, n = train.maps.shape[:2]
    each = min(copies, max(1, round(EPOCH_PICTURES / n)))
    schedule = Schedule(plan.learning_rate, plan.epochs, -(-n * each // plan.batch_size), plan.schedule)
    pace = _paced(schedule)
    loss, accuracy = _compile(model, network, plan, _adamw(pace, plan), train.targets)

    def load(some: Indices) -> tuple[Floats, Floats, Floats]:
        images = some % n
        return train.maps[some // n, images].astype(np.float32), train.targets[images], train.weights[images]

    maps = val.maps[0] if len(val.targets) else val.maps
    return Phase(
        name=FINE_TUNE,
        model=model,
        schedule=schedule,
        pace=pace,
        patience=plan.patience,
        loss=loss,
        accuracy=accuracy,
        source=Source(load, train.maps.shape[2:], train.targets.shape[1], plan.batch_size),
        order=lambda random, steps: _drawn(random, copies, n, each)[: steps * plan.batch_size],
        logits=_logits(model, lambda some: maps[some].astype(np.float32)),
        smoothing=plan.label_smoothing,
        applied=plan.applied_once(copies),
    )


def _drawn(random: np.random.Generator, copies: int, pictures: int, each: int) -> Indices:
    """Return numbers of copies in random order, with ``each`` different copies of every image.

    Copy c of image i has the number c * n + i, with n the number of images.
    """
    copy = random.permuted(np.tile(np.arange(copies), (pictures, 1)), axis=1)[:, :each]
    order = random.permutation(pictures * each)
    return np.asarray(copy.ravel()[order] * pictures + np.repeat(np.arange(pictures), each)[order], np.intp)


def live_phase(network: Network, plan: TrainPlan, train: Examples, val: Examples, scratch: bool) -> Phase:
    """Return the phase that trains on images augmented differently in each epoch: some or all blocks, or from scratch."""
    model = _live_model(network, plan, train, scratch)
    passes = plan.passes(len(train))
    schedule = Schedule(plan.learning_rate, plan.epochs, -(-len(train) * passes // plan.batch_size), plan.schedule)
    pace = _paced(schedule)
    average: Callable[[], Arrays] | None = None
    if scratch:
        optimizer = _adamw(pace, plan)
    else:
        from .graded_optimizer import GradedAdamW, averaged_steps, scales_by_depth

        steps = averaged_steps(schedule.epochs * schedule.steps)
        optimizer = GradedAdamW(pace, plan.weight_decay, scales_by_depth(network, plan.layer_decay), steps)
        average = optimizer.averages
    loss, accuracy = _compile(model, network, plan, optimizer, train.targets)

    def order(random: np.random.Generator, steps: int) -> Indices:
        whole = np.concatenate([random.permutation(len(train)) for _ in range(passes)])
        return whole[: steps * plan.batch_size]

    return Phase(
        name=SCRATCH if scratch else FINE_TUNE,
        model=model,
        schedule=schedule,
        pace=pace,
        patience=plan.patience,
        loss=loss,
        accuracy=accuracy,
        source=source_of(train, plan.batch_size),
        order=order,
        logits=_logits(model, lambda some: images_of(val, some)),
        smoothing=plan.label_smoothing,
        applied=plan.applied_live(),
        average=average,
    )


def _live_model(network: Network, plan: TrainPlan, train: Examples, scratch: bool) -> Any:
    """Return the Keras model from images to logits that augments, with the layers to train trainable."""
    keras = backend.keras()
    from ..network.frozen_layers import InferenceMode

    inputs = keras.Input(network.backbone.input.shape[1:])
    x = augmenter(plan.augmentation, train.preprocessing)(inputs)
    if scratch:
        features = network.backbone(x)
    else:
        lower, upper = network.cut(plan.fine_tune_blocks)
        upper.trainable = True  # an earlier trial may have frozen more
        lower.trainable = False
        # Batch norm in inference mode: the statistics of a small set would be noise.
        features = InferenceMode(upper)(InferenceMode(lower)(x))
    return keras.Model(inputs, network.apply_head(features))


def _paced(schedule: Schedule) -> PacedSchedule:
    from .paced_schedule import PacedSchedule

    return PacedSchedule(schedule)


def _adamw(pace: PacedSchedule, plan: TrainPlan) -> Any:
    optimizer = backend.keras().optimizers.AdamW(pace, weight_decay=plan.weight_decay)
    # Weight decay applies to kernels only.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _compile(model: Any, network: Network, plan: TrainPlan, optimizer: Any, targets: Floats) -> tuple[Any, Any]:
    """Compile a model; return its functions for loss and accuracy."""
    positive = network.goal.positive_weights(targets, plan.class_weights)
    # No XLA: it makes convolutions many times slower on a CPU.
    loss, accuracy = network.goal.loss(plan.label_smoothing, positive), network.goal.accuracy()
    model.compile(optimizer, loss, metrics=[accuracy], jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return loss, accuracy


def _logits(model: Any, images: Callable[[Indices], Floats]) -> Callable[[Indices], Floats]:
    tf = backend.tensorflow()
    run = tf.function(lambda x: model(x, training=False), autograph=False, reduce_retracing=True)

    def logits(rows: Indices) -> Floats:
        parts = [rows[at : at + EVALUATE_BATCH] for at in range(0, len(rows), EVALUATE_BATCH)]
        found = [run(tf.constant(images(part))).numpy() for part in parts]
        return np.concatenate(found) if found else np.empty((0, model.output.shape[-1]), np.float32)

    return logits
