"""Learning rate schedule whose end can be moved while it runs; importing this module loads TensorFlow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ... import backend

tf: Any = backend.tensorflow()  # sets up the environment before Keras is imported
import keras  # noqa: E402

if TYPE_CHECKING:
    from .schedule import Schedule


class PacedSchedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """Linear warmup, then a cosine down to a floor, or a constant rate; its variables say where the decay stands."""

    def __init__(self, schedule: Schedule) -> None:
        """Start at the beginning of a schedule."""
        super().__init__()
        self.rate, self.floor = schedule.rate, schedule.floor
        self.warmup, self.first, self.decay, self.end = (tf.Variable(0.0, trainable=False) for _ in range(4))
        self.follow(schedule)

    def follow(self, schedule: Schedule) -> None:
        """Take the warmup and the end from a schedule."""
        self.warmup.assign(schedule.warmup_steps)
        self.first.assign(schedule.decay_from)
        self.decay.assign(schedule.decayed)
        self.end.assign(schedule.epochs * schedule.steps)

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step, counted from 0."""
        step = tf.cast(step, tf.float32)
        start = self.rate / 50
        rising = start + (self.rate - start) * step / tf.maximum(self.warmup, 1.0)
        left = tf.clip_by_value((step - self.first) / tf.maximum(self.end - self.first, 1.0), 0.0, 1.0)
        done = self.decay + (1.0 - self.decay) * left
        falling = self.rate * (self.floor + (1.0 - self.floor) * 0.5 * (1.0 + tf.cos(math.pi * done)))
        return tf.where(step < self.warmup, rising, falling)

    def get_config(self) -> dict[str, Any]:
        """Return the rates; the model that is saved has no optimizer, so this is only for people who debug."""
        return {"rate": self.rate, "floor": self.floor}
