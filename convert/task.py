"""What a Keras model answers: one class of many, yes or no, or several labels at once; read from its last layer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgevision.card import Activation
from edgevision.data import Task
from edgevision.errors import BadModel

from . import layers


@dataclass(frozen=True, slots=True)
class Answer:
    """How the model's output is read."""

    task: Task
    activation: Activation
    """What the output tensor holds."""
    classes: int
    """How many labels it asks for: one sigmoid output stands for two, no and yes."""


def infer_task(model: Mapping[str, Any], outputs: int, training: Mapping[str, Any] | None = None) -> Answer:
    """The task of a serialized classifier with ``outputs`` scores; ``training``: how it was compiled. Raises BadModel."""
    final = layers.final_activation(model)
    if final == "softmax":
        if outputs == 1:
            raise BadModel(
                "the model ends in a softmax over one output, which is always 1; use a sigmoid, or two outputs"
            )
        return Answer("classification", "softmax", outputs)
    if final in ("sigmoid", "linear"):
        binary_loss = _is_binary(training)
        return _sigmoid(outputs) if final == "sigmoid" else _linear(outputs, binary_loss)
    raise BadModel(f"the model ends in {final!r}; a classifier ends in softmax, sigmoid or plain scores (linear)")


def _sigmoid(outputs: int) -> Answer:
    if outputs == 1:
        return Answer("classification", "sigmoid", 2)
    return Answer("multilabel", "sigmoid", outputs)


def _linear(outputs: int, binary_loss: bool) -> Answer:
    """Plain scores; only the loss tells a yes-or-no score from a number that was to be estimated."""
    if binary_loss and outputs == 1:
        return Answer("classification", "sigmoid_logits", 2)
    if binary_loss:
        return Answer("multilabel", "sigmoid_logits", outputs)
    if outputs == 1:
        raise BadModel(
            "the model ends in one plain number, which may be an estimate or a yes-or-no score; "
            "for yes or no, end it with a sigmoid: keras.Sequential([model, keras.layers.Activation('sigmoid')])"
        )
    return Answer("classification", "logits", outputs)


def _is_binary(training: Mapping[str, Any] | None) -> bool:
    """Whether the loss it was compiled with is binary cross-entropy."""
    loss = None if training is None else training.get("loss")
    return "binarycrossentropy" in json.dumps(loss, default=str).replace("_", "").lower()
