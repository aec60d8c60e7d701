"""Two Keras layers for parts of a network that stay in inference mode; importing this module loads TensorFlow."""

from __future__ import annotations

from typing import Any

from ... import backend

backend.tensorflow()  # sets up the environment before Keras is imported
import keras  # noqa: E402


class InferenceMode(keras.layers.Layer):  # type: ignore[misc]
    """Layer that always runs a model in inference mode, even in training; its weights stay trainable.

    In Keras 3.15, ``model(x, training=False)`` within a functional model is not enough: ``fit`` overrides it.
    """

    def __init__(self, inner: Any) -> None:
        super().__init__(name=f"inference_mode_{inner.name}")
        self.inner = inner

    def call(self, inputs: Any) -> Any:
        """Run the model in inference mode."""
        return self.inner(inputs, training=False)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output shape of the model."""
        return self.inner.compute_output_shape(input_shape)


class Passing(keras.layers.Layer):  # type: ignore[misc]
    """Identity layer that, unlike Keras' own, accepts the mask that batch normalization is called with."""

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the input."""
        return inputs
