"""Weights of the last layer of an earlier model in a network that may have more classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgevision.errors import BadModel

from ..network.network import Network
from .earlier_model import EarlierModel

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

LAYER = "scores"
"""Name of the last layer with weights (see ``open_network``)."""


def carry_over(network: Network, earlier: EarlierModel) -> None:
    """Give the last layer the earlier model's weights of its classes; new classes keep their random ones.

    Raises BadModel for weights of another shape.
    """
    layer = network.head[-1]
    kernel, bias = (variable.numpy() for variable in layer.weights)
    try:
        old_kernel, old_bias = earlier.arrays[LAYER]
        columns = _columns(old_kernel, old_bias, network.goal.outputs)
        kernel[:, : columns[0].shape[1]], bias[: len(columns[1])] = columns
    except (KeyError, ValueError):
        raise BadModel(
            f"{earlier.path}: its last layer does not fit {network.choice.describe()}; train again without --from"
        ) from None
    layer.set_weights([kernel, bias])


def _columns(kernel: Floats, bias: Floats, outputs: int) -> tuple[Floats, Floats]:
    """Return the weights with one column per class. One sigmoid becomes two softmax columns with the same scores."""
    import numpy as np

    if kernel.shape[1] == 1 and outputs > 1:
        return np.concatenate([-kernel / 2, kernel / 2], axis=1), np.concatenate([-bias / 2, bias / 2])
    return kernel, bias
