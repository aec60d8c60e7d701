"""Batch norm of a network that several machines train from scratch: statistics of the joint batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ... import backend
from .team import Team


@contextmanager
def joint_batch_norm(backbone: Any, team: Team) -> Iterator[None]:
    """Compute batch norm of a Keras model over the images of all machines; the network is saved as on one machine."""
    kind = backend.keras().layers.BatchNormalization
    layers = [layer for layer in backbone.layers if isinstance(layer, kind)] if team.size > 1 else []
    for layer in layers:
        layer.synchronized = True
    try:
        yield
    finally:
        for layer in layers:
            layer.synchronized = False
