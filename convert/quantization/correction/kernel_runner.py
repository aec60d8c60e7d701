"""Execution of parts of a model on the runtime's own kernels, with several inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ai_edge_litert.interpreter import Interpreter

from edgevision.engines.interpreter import available_cpus

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.tflite.editable_model import FlatModel
    from edgevision.tflite.flat_graph import Operator

    Array = npt.NDArray[Any]


class Runner:
    """A flatbuffer, ready to run; inputs and outputs are in the order of the flatbuffer."""

    def __init__(self, flatbuffer: bytes) -> None:
        self._raw = Interpreter(model_content=flatbuffer, num_threads=available_cpus())
        self._raw.allocate_tensors()
        self._inputs = [int(detail["index"]) for detail in self._raw.get_input_details()]
        self._outputs = [int(detail["index"]) for detail in self._raw.get_output_details()]

    def __call__(self, *inputs: Array) -> list[Array]:
        """Run the model and return copies of the outputs."""
        for tensor, value in zip(self._inputs, inputs, strict=True):
            self._raw.set_tensor(tensor, value)
        self._raw.invoke()
        return [self._raw.get_tensor(tensor) for tensor in self._outputs]


def tap(model: FlatModel, tensors: Sequence[int]) -> Runner:
    """Return a runner that outputs the given tensors, which may be inner ones."""
    return Runner(model.with_outputs(tensors))


def run_single(model: FlatModel, operator: Operator, inputs: Sequence[Sequence[Array]]) -> list[list[Array]]:
    """Run one operator on many images. ``inputs``: for each activation, one array per image; the result likewise."""
    runner = Runner(model.single(operator))
    results = [runner(*picture) for picture in zip(*inputs, strict=True)]
    return [list(output) for output in zip(*results, strict=True)]
