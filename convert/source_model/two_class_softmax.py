"""Rewrites a binary network to one score per label, because other tools reject two labels for one score.

softmax([0, z]) = [1 - sigmoid(z), sigmoid(z)], so the last layer gets another column of zeros and nothing else changes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from edgevision.log import Log

from .. import backend
from .infer_task import OutputTask
from .load import LoadedModel

log = Log("edgevision.convert")
YES_OR_NO = ("sigmoid", "sigmoid_logits")
N_EQUIVALENCE_INPUTS = 4
"""Number of random images on which both networks must agree."""


def as_two_class_softmax(loaded: LoadedModel, answer: OutputTask) -> tuple[LoadedModel, OutputTask]:
    """Return the network with two scores; unchanged if it is not binary or its score has no dense layer of its own."""
    if loaded.outputs != 1 or answer.activation not in YES_OR_NO:
        return loaded, answer
    dense = _last_dense(loaded.keras)
    if dense is None:
        return loaded, answer
    keras = backend.tf_keras() if loaded.scan.keras_2 else backend.keras()
    pair = keras.layers.Dense(2, activation="softmax", use_bias=True, name=dense.name)
    model = keras.Model(loaded.keras.inputs[0], pair(dense.input))
    kernel = np.asarray(dense.kernel)
    bias = np.asarray(dense.bias) if dense.use_bias else np.zeros(1, np.float32)
    pair.set_weights([np.hstack([np.zeros_like(kernel), kernel]), np.concatenate([[0.0], bias])])
    if not _says_the_same(loaded, model, answer.activation):
        return loaded, answer
    log.info("the one score of the binary network becomes two, one for each label")
    return replace(loaded, keras=model, outputs=2), replace(answer, activation="softmax")


def _last_dense(model: Any) -> Any:
    """Return the final dense layer with one output, optionally followed by an Activation layer; else None."""
    layers = list(getattr(model, "layers", ()))
    if len(layers) > 1 and type(layers[-1]).__name__ == "Activation":
        layers.pop()
    if not layers or type(layers[-1]).__name__ != "Dense" or layers[-1].units != 1:
        return None
    try:
        inputs = layers[-1].input
    except (AttributeError, ValueError):  # shared or never called
        return None
    return layers[-1] if len(inputs.shape) == 2 else None


def _says_the_same(loaded: LoadedModel, model: Any, activation: str) -> bool:
    shape = (N_EQUIVALENCE_INPUTS, loaded.height, loaded.width, loaded.channels)
    drawn = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    before = np.asarray(loaded.run(drawn), np.float64)[:, 0]
    after = np.asarray(replace(loaded, keras=model).run(drawn), np.float64)[:, 1]
    wanted = 1 / (1 + np.exp(-np.clip(before, -80, 80))) if activation == "sigmoid_logits" else before
    return np.allclose(wanted, after, atol=1e-4)
