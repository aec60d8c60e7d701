"""Inference of a Keras model's task from its last layer: multi-class, binary or multi-label classification."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgevision.errors import BadModel
from edgevision.model_file.card import Activation
from edgevision.types import Task

from . import layer_graph


@dataclass(frozen=True, slots=True)
class OutputTask:
    """How to read the model's output."""

    task: Task
    activation: Activation
    """Activation of the output tensor."""
    classes: int
    """Number of labels; one sigmoid output stands for two labels, no and yes."""


def infer_task(model: Mapping[str, Any], outputs: int, training: Mapping[str, Any] | None = None) -> OutputTask:
    """Infer the task of a serialized classifier with ``outputs`` scores. Raises BadModel.

    ``training`` is the compile configuration of the model.
    """
    final = layer_graph.final_activation(model)
    if final == "softmax":
        if outputs == 1:
            raise BadModel(
                "the model ends in a softmax over one output, which is always 1; use a sigmoid or two outputs"
            )
        return OutputTask("classification", "softmax", outputs)
    if final in ("sigmoid", "linear"):
        binary_loss = _is_binary(training)
        return _sigmoid(outputs) if final == "sigmoid" else _linear(outputs, binary_loss)
    raise BadModel(f"unsupported final activation {final!r}: a classifier needs softmax, sigmoid or linear scores")


def _sigmoid(outputs: int) -> OutputTask:
    if outputs == 1:
        return OutputTask("classification", "sigmoid", 2)
    return OutputTask("multilabel", "sigmoid", outputs)


def _linear(outputs: int, binary_loss: bool) -> OutputTask:
    """Return the task for linear scores; only the loss distinguishes a binary score from a regression output."""
    if binary_loss and outputs == 1:
        return OutputTask("classification", "sigmoid_logits", 2)
    if binary_loss:
        return OutputTask("multilabel", "sigmoid_logits", outputs)
    if outputs == 1:
        raise BadModel(
            "the model ends in one linear output, which may be a regression or a binary score; for a binary score, "
            "add a sigmoid: keras.Sequential([model, keras.layers.Activation('sigmoid')])"
        )
    return OutputTask("classification", "logits", outputs)


def _is_binary(training: Mapping[str, Any] | None) -> bool:
    """Return whether the compiled loss is binary cross-entropy."""
    loss = None if training is None else training.get("loss")
    return "binarycrossentropy" in json.dumps(loss, default=str).replace("_", "").lower()
