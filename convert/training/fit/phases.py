"""Training phases: model, data, learning rate and validation of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import backend
from ..input.augmentation import augmenter
from ..input.batches import Examples, batches, pictures
from ..network.network import Network
from .frozen_features import Features
from .plan import EPOCH_PICTURES, HEAD_BATCH, TrainPlan
from .schedule import Schedule
from .time_budget import Length

if TYPE_CHECKING:
    import numpy.typing as npt

    from .paced_schedule import PacedSchedule

    Arrays = list[npt.NDArray[Any]]
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
    data: Callable[[np.random.Generator, int], Any]
    """Function that returns the tf.data.Dataset of one epoch of so many steps, in an order drawn from the generator."""
    validate: Callable[[], npt.NDArray[np.float32]]
    """Function that returns the logits of the validation images, (n, outputs)."""
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
    keras, tf = backend.keras(), backend.tensorflow()
    inputs = keras.Input((train.pooled.shape[-1],))
    model = keras.Model(inputs, network.apply_head(inputs, pooled=True))
    copies, n = train.pooled.shape[:2]
    schedule = Schedule(plan.head_rate, plan.head_epochs, -(-n * copies // HEAD_BATCH), plan.schedule)
    pace = _paced(schedule)
    _compile(model, network, plan, _adamw(pace, plan), train.targets)
    flat = train.pooled.reshape(n * copies, -1)

    def data(random: np.random.Generator, steps: int) -> Any:
        order = random.permutation(n * copies)[: steps * HEAD_BATCH]
        arrays = (flat[order], train.targets[order % n], train.weights[order % n])
        return tf.data.Dataset.from_tensor_slices(arrays).batch(HEAD_BATCH)

    validate = _logits(model, lambda: [val.pooled[0]])
    applied = plan.applied_once(copies)
    return Phase(HEAD, model, schedule, pace, plan.patience, data, validate, plan.label_smoothing, applied)


def fine_tune_on_features(network: Network, plan: TrainPlan, train: Features, val: Features) -> Phase:
    """Return the phase that trains the top blocks on precomputed maps of each copy; batch norm statistics are frozen."""
    keras, tf = backend.keras(), backend.tensorflow()
    from ..network.frozen_layers import InferenceMode

    _, upper = network.cut(plan.fine_tune_blocks)
    inputs = keras.Input(train.maps.shape[2:])
    model = keras.Model(inputs, network.apply_head(InferenceMode(upper)(inputs)))
    copies, n = train.maps.shape[:2]
    each = min(copies, max(1, round(EPOCH_PICTURES / n)))
    schedule = Schedule(plan.learning_rate, plan.epochs, -(-n * each // plan.batch_size), plan.schedule)
    pace = _paced(schedule)
    _compile(model, network, plan, _adamw(pace, plan), train.targets)
    signature = (
        tf.TensorSpec((None, *train.maps.shape[2:]), tf.float32),
        tf.TensorSpec((None, train.targets.shape[1]), tf.float32),
        tf.TensorSpec((None,), tf.float32),
    )

    def data(random: np.random.Generator, steps: int) -> Any:
        copy, picture = _drawn(random, copies, n, each)

        def generate() -> Any:
            for at in range(0, min(n * each, steps * plan.batch_size), plan.batch_size):
                which, some = copy[at : at + plan.batch_size], picture[at : at + plan.batch_size]
                yield train.maps[which, some].astype(np.float32), train.targets[some], train.weights[some]

        made = tf.data.Dataset.from_generator(generate, output_signature=signature)
        return made.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(2)

    maps = val.maps[0] if len(val.targets) else val.maps
    validate = _logits(
        model, lambda: (maps[i : i + EVALUATE_BATCH].astype(np.float32) for i in range(0, len(maps), EVALUATE_BATCH))
    )
    applied = plan.applied_once(copies)
    return Phase(FINE_TUNE, model, schedule, pace, plan.patience, data, validate, plan.label_smoothing, applied)


def _drawn(random: np.random.Generator, copies: int, pictures: int, each: int) -> tuple[Indices, Indices]:
    """Return indices of copies and of images in random order, with ``each`` different copies of every image."""
    copy = random.permuted(np.tile(np.arange(copies), (pictures, 1)), axis=1)[:, :each]
    order = random.permutation(pictures * each)
    return copy.ravel()[order], np.repeat(np.arange(pictures), each)[order]


def live_phase(network: Network, plan: TrainPlan, train: Examples, val: Examples, scratch: bool) -> Phase:
    """Return the phase that trains on images augmented differently in each epoch: some or all blocks, or from scratch."""
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
    model = keras.Model(inputs, network.apply_head(features))
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
    _compile(model, network, plan, optimizer, train.targets)

    def data(random: np.random.Generator, steps: int) -> Any:
        order = np.concatenate([random.permutation(len(train)) for _ in range(passes)])
        return batches(train, plan.batch_size, order[: steps * plan.batch_size])

    validate = _logits(model, lambda: pictures(val, EVALUATE_BATCH))
    return Phase(
        SCRATCH if scratch else FINE_TUNE,
        model,
        schedule,
        pace,
        plan.patience,
        data,
        validate,
        plan.label_smoothing,
        plan.applied_live(),
        average,
    )


def _paced(schedule: Schedule) -> PacedSchedule:
    from .paced_schedule import PacedSchedule

    return PacedSchedule(schedule)


def _adamw(pace: PacedSchedule, plan: TrainPlan) -> Any:
    optimizer = backend.keras().optimizers.AdamW(pace, weight_decay=plan.weight_decay)
    # Weight decay applies to kernels only.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _compile(model: Any, network: Network, plan: TrainPlan, optimizer: Any, targets: npt.NDArray[np.float32]) -> None:
    positive = network.goal.positive_weights(targets, plan.class_weights)
    # No XLA: it makes convolutions many times slower on a CPU.
    model.compile(
        optimizer,
        network.goal.loss(plan.label_smoothing, positive),
        metrics=[network.goal.accuracy()],
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)


def _logits(model: Any, batches: Callable[[], Any]) -> Callable[[], npt.NDArray[np.float32]]:
    tf = backend.tensorflow()
    run = tf.function(lambda x: model(x, training=False), autograph=False, reduce_retracing=True)

    def validate() -> npt.NDArray[np.float32]:
        parts = [run(tf.constant(batch)).numpy() for batch in batches() if len(batch)]
        return np.concatenate(parts) if parts else np.empty((0, model.output.shape[-1]), np.float32)

    return validate
