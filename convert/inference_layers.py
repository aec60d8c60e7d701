"""Two Keras layers that keep part of a network as it is in inference; loading this module loads TensorFlow."""

from __future__ import annotations

from typing import Any

from . import backend

backend.tensorflow()  # sets up the environment before Keras is loaded
import keras  # noqa: E402


class InferenceMode(keras.layers.Layer):  # type: ignore[misc]
    """Calls a model as in inference, whatever it is called for itself; its weights can still be trained.

    Calling ``model(x, training=False)`` within a functional model does not do this in Keras 3.15: ``fit`` overrides it.
    """

    def __init__(self, inner: Any) -> None:
        super().__init__(name=f"inference_mode_{inner.name}")
        self.inner = inner

    def call(self, inputs: Any) -> Any:
        """What the model makes of its input."""
        return self.inner(inputs, training=False)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Of the model."""
        return self.inner.compute_output_shape(input_shape)


class Passing(keras.layers.Layer):  # type: ignore[misc]
    """Hands on what it gets; unlike Keras' Identity it takes the mask that batch normalisation is called with."""

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """The input."""
        return inputs
