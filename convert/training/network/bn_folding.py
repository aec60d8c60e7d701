"""Folding of batch normalization into the preceding convolution: the same function in half the CPU time."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import backend


def folded(model: Any) -> Any:
    """Return a copy of a functional Keras model with folded batch normalization, for inference only; weights are copied."""
    keras = backend.keras()
    from .frozen_layers import Passing

    pairs = _pairs(model, keras)
    norms = {id(norm) for norm in pairs.values()}

    def clone(layer: Any) -> Any:
        if id(layer) in norms:
            return Passing(name=layer.name)
        config = layer.get_config()
        if layer.name in pairs:
            config["use_bias"] = True
        return type(layer).from_config(config)

    copy = keras.models.clone_model(model, clone_function=clone)
    for layer in model.layers:
        if id(layer) not in norms and layer.weights:
            copy.get_layer(layer.name).set_weights(_arrays(layer, pairs.get(layer.name), keras))
    return copy


def _pairs(model: Any, keras: Any) -> dict[str, Any]:
    """Map the name of each convolution whose only consumer is a batch normalization to that layer."""
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    within = {id(layer) for layer in model.layers}
    found = {}
    for layer in model.layers:
        if not isinstance(layer, keras.layers.BatchNormalization):
            continue
        before = layer.input._keras_history.operation
        consumers = [n for n in before._outbound_nodes if id(n.operation) in within]
        plain = isinstance(before, kinds) and before.activation is keras.activations.linear
        if plain and id(before) in within and len(consumers) == 1:
            found[before.name] = layer
    return found


def _arrays(layer: Any, norm: Any | None, keras: Any) -> list[Any]:
    """Return the folded weights of a layer.

    kernel' = kernel * s and bias' = beta + (bias - mean) * s, where s = gamma / sqrt(variance + epsilon).
    """
    arrays = layer.get_weights()
    if norm is None:
        return list(arrays)
    zero, one = np.float32(0), np.float32(1)
    gamma = norm.gamma.numpy() if norm.scale else one
    beta = norm.beta.numpy() if norm.center else zero
    scale = gamma / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
    bias = arrays[1] if len(arrays) > 1 else zero
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    kernel = arrays[0] * (scale.reshape(1, 1, -1, 1) if depthwise else scale)
    return [kernel, beta + (bias - norm.moving_mean.numpy()) * scale]
