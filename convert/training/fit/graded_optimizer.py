"""AdamW with a learning rate of its own for each depth, and a moving average of the weights.

Importing this module loads TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ... import backend
from ..network.backbones import blocks
from ..network.network import Network

backend.tensorflow()  # sets up the environment before Keras is imported
import keras  # noqa: E402

if TYPE_CHECKING:
    import numpy.typing as npt

AVERAGED_SHARE = 0.05
"""Share of the steps of a phase that the moving average covers."""
MIN_AVERAGED_STEPS = 5.0


class GradedAdamW(keras.optimizers.AdamW):  # type: ignore[misc]
    """AdamW that scales the step of each variable, and averages the variables without ever replacing them.

    J. Howard and S. Ruder, 2018, Universal Language Model Fine-tuning (arXiv:1801.06146), section 3.2, for the rates by
    depth; B. Polyak and A. Juditsky, 1992, Acceleration of Stochastic Approximation by Averaging.
    """

    def __init__(self, rate: Any, weight_decay: float, scales: Mapping[int, float], averaged: float) -> None:
        """Set the rates.

        ``rate``: a Keras schedule; ``scales``: ``id`` of a variable -> factor of its learning rate, 1 for those not named;
        ``averaged``: number of steps that the average covers.
        """
        super().__init__(rate, weight_decay=weight_decay, use_ema=True, ema_momentum=1.0 - 1.0 / averaged)
        self._scales = dict(scales)
        self._scale_of_index: list[float] = []
        # Weight decay applies to kernels only.
        self.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])

    def build(self, variables: Any) -> None:
        """Create the slots of the variables, and note their scales."""
        super().build(variables)
        self._scale_of_index = [self._scales.get(id(variable), 1.0) for variable in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change one variable."""
        # Keras passes the variable of TensorFlow, not its own, whose id the scales have.
        scale = self._scale_of_index[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * scale)

    def finalize_variable_values(self, var_list: Any) -> None:
        """Leave the variables as they are: training goes on after each call of ``fit``, which would replace them."""

    def averages(self) -> list[npt.NDArray[Any]]:
        """Return a copy of the averages, in the order of the trained variables."""
        return [variable.numpy().copy() for variable in self._model_variables_moving_average]


def averaged_steps(steps: int) -> float:
    """Return the number of steps that the average covers in a phase of ``steps`` steps."""
    return max(MIN_AVERAGED_STEPS, steps * AVERAGED_SHARE)


def scales_by_depth(network: Network, decay: float) -> dict[int, float]:
    """Return ``id`` of each variable of the backbone -> factor of its learning rate.

    The top block has ``decay``, the one below it ``decay`` squared, and so on; the head, which is not named, has 1.
    """
    ends = {name: depth for depth, name in enumerate(reversed(blocks(network.backbone, network.choice.row)), 1)}
    found: dict[int, float] = {}
    depth = len(ends)
    for layer in network.backbone.layers:
        found |= {id(variable): decay**depth for variable in layer.trainable_variables}
        if layer.name in ends:
            depth = ends[layer.name] - 1
    return found
