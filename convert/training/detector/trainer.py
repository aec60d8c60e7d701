"""Training steps of a detector: two learning rates, and a moving average of the weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ... import backend
from ..fit.schedule import Schedule
from ..network.backbones import blocks
from .object_network import ObjectNetwork
from .plan import DetectorPlan

if TYPE_CHECKING:
    import numpy.typing as npt

    Arrays = list[npt.NDArray[Any]]

AVERAGE_DECAY = 0.98
"""Decay of the average per step: it covers about the last fifty steps.

B. Polyak and A. Juditsky, 1992, Acceleration of Stochastic Approximation by Averaging.
"""
WARMUP_STEPS = 60
MAX_GRADIENT = 10.0
"""Norm to which larger gradients are scaled down."""


class Trainer:
    """The variables and steps of a training; all of its state can be read and restored."""

    def __init__(self, network: ObjectNetwork, plan: DetectorPlan, steps: int) -> None:
        """Prepare the training; ``steps``: number of steps per epoch."""
        tf = backend.tensorflow()
        self.network, self.schedule = network, Schedule(plan.learning_rate, plan.epochs, steps, plan.schedule)
        new, pretrained = trainable_parts(network, plan)
        slow = Schedule(plan.backbone_rate, plan.epochs, steps, plan.schedule)
        self._groups = [
            (_optimizer(schedule, variables, plan.weight_decay), variables)
            for schedule, variables in ((self.schedule, new), (slow, pretrained))
            if variables
        ]
        self._average = [tf.Variable(variable.value) for variable in network.deployed.variables]
        self._step = self._compiled()

    @property
    def rate(self) -> float:
        """Learning rate of the new layers after the last step."""
        return float(self._groups[0][0].learning_rate)

    def step(self, images: Any, boxes: Any, classes: Any) -> float:
        """Train on a batch and return its loss."""
        return float(self._step(images, boxes, classes))

    def state(self) -> Arrays:
        """Return a copy of the optimizers and the average."""
        return [variable.numpy().copy() for variable in self._state()]

    def restore(self, values: Sequence[npt.NDArray[Any]]) -> None:
        """Set optimizers and average from the output of ``state``."""
        for variable, value in zip(self._state(), values, strict=True):
            variable.assign(value)

    def average(self) -> Arrays:
        """Return the average of the weights, in the order of ``ObjectNetwork.values``."""
        return [variable.numpy().copy() for variable in self._average]

    def _state(self) -> list[Any]:
        return [*(variable for optimizer, _ in self._groups for variable in optimizer.variables), *self._average]

    def _compiled(self) -> Any:
        tf = backend.tensorflow()
        network, groups = self.network, self._groups
        trained = [variable for _, variables in groups for variable in variables]
        pairs = list(zip(self._average, network.deployed.variables, strict=True))

        def step(images: Any, boxes: Any, classes: Any) -> Any:
            values = [variable.value for variable in trained]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(values)
                loss = network.loss(network.raw(images, training=True), boxes, classes)
            gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, values), MAX_GRADIENT)
            done = tf.cast(groups[0][0].iterations, tf.float32)
            # The first steps count less, or the average would remember the random weights for long.
            decay = tf.minimum(AVERAGE_DECAY, (1.0 + done) / (10.0 + done))
            for optimizer, variables in groups:
                optimizer.apply(gradients[: len(variables)], variables)
                gradients = gradients[len(variables) :]
            for average, variable in pairs:
                average.assign(average * decay + tf.cast(variable.value, tf.float32) * (1.0 - decay))
            return loss

        shape = tuple(network.raw.inputs[0].shape[1:])
        signature = [
            tf.TensorSpec((None, *shape), tf.float32),
            tf.TensorSpec((None, None, 4), tf.float32),
            tf.TensorSpec((None, None), tf.int32),
        ]
        return tf.function(step, autograph=False, input_signature=signature)


def trainable_parts(network: ObjectNetwork, plan: DetectorPlan) -> tuple[list[Any], list[Any]]:
    """Freeze what is not trained and return the variables of the new layers and of the pretrained ones.

    Pretrained batch norm stays in inference mode: the statistics of small batches would be noise.
    """
    backbone = network.backbone
    if not plan.scratch:
        kind = backend.keras().layers.BatchNormalization
        frozen = _frozen_layers(network, plan.fine_tune_blocks)
        for layer in backbone.layers:
            layer.trainable = layer.name not in frozen and not isinstance(layer, kind)
    pretrained = [variable for layer in backbone.layers for variable in layer.trainable_variables]
    known = {id(variable) for variable in pretrained}
    return [one for one in network.raw.trainable_variables if id(one) not in known], pretrained


def unfreeze(network: ObjectNetwork) -> None:
    """Make all layers trainable again, as a saved network should be."""
    for layer in network.deployed.layers:
        layer.trainable = True


def _frozen_layers(network: ObjectNetwork, top_blocks: int | None) -> frozenset[str]:
    """Return the layers below the trained blocks."""
    names = [layer.name for layer in network.backbone.layers]
    ends = blocks(network.backbone, network.choice.row)
    if top_blocks is None:
        first = names.index(network.first_trained)
        below = [name for name in ends if names.index(name) < first]
        last = below[-1] if below else names[0]
    else:
        last = ends[max(0, len(ends) - 1 - top_blocks)]
    return frozenset(names[: names.index(last) + 1])


def _optimizer(schedule: Schedule, variables: list[Any], weight_decay: float) -> Any:
    from ..fit.paced_schedule import PacedSchedule

    optimizer = backend.keras().optimizers.AdamW(PacedSchedule(schedule), weight_decay=weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    optimizer.build(variables)
    return optimizer
