"""Random numbers for the images of a joint batch, the same however many replicas share it; importing this loads TensorFlow.

Image i of a joint batch belongs to replica i modulo the number of replicas. Each replica draws the numbers of the whole
batch and takes those of its own images, which costs little beside a training step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import backend

tf: Any = backend.tensorflow()  # sets up the environment before Keras is imported
import keras  # noqa: E402


def own_rows(draw: Callable[[Any], Any], count: Any) -> Any:
    """Return random numbers for the ``count`` images of this replica, (count, ...).

    ``draw``: function from a number of images to their random numbers, whose first rows must not depend on that number.
    """
    context = tf.distribute.get_replica_context()
    replicas = 1 if context is None else context.num_replicas_in_sync
    if replicas == 1:
        return draw(count)
    drawn = draw(count * replicas)
    shape = tf.concat([[count, replicas], tf.shape(drawn)[1:]], 0)
    return tf.gather(tf.reshape(drawn, shape), context.replica_id_in_sync_group, axis=1)


class JointDropout(keras.layers.Dropout):  # type: ignore[misc]
    """Dropout of feature vectors (batch, features); for training only, so that saved models have Keras' own layer."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Drop features, in training only."""
        if not training or not self.rate:
            return inputs

        def draw(count: Any) -> Any:
            ones = tf.ones(tf.stack([count, tf.shape(inputs)[1]]), inputs.dtype)
            return keras.random.dropout(ones, self.rate, seed=self.seed_generator)

        return inputs * tf.ensure_shape(own_rows(draw, tf.shape(inputs)[0]), inputs.shape)
