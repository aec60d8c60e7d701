"""Runs parts of a model on the runtime's own kernels, several inputs and outputs at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ai_edge_litert.interpreter import Interpreter

from edgevision.interpreter import available_cpus

if TYPE_CHECKING:
    import numpy.typing as npt

    from .flatmodel import FlatModel, Operator

    Array = npt.NDArray[Any]


class Runner:
    """A flatbuffer, ready to run; ``outputs`` come in the order of the flatbuffer's."""

    def __init__(self, flatbuffer: bytes) -> None:
        self._raw = Interpreter(model_content=flatbuffer, num_threads=available_cpus())
        self._raw.allocate_tensors()
        self._inputs = [int(detail["index"]) for detail in self._raw.get_input_details()]
        self._outputs = [int(detail["index"]) for detail in self._raw.get_output_details()]

    def __call__(self, *inputs: Array) -> list[Array]:
        """Copies of the outputs."""
        for tensor, value in zip(self._inputs, inputs, strict=True):
            self._raw.set_tensor(tensor, value)
        self._raw.invoke()
        return [self._raw.get_tensor(tensor) for tensor in self._outputs]


def tap(model: FlatModel, tensors: Sequence[int]) -> Runner:
    """The model from its input to the named tensors, inner ones too."""
    return Runner(model.with_outputs(tensors))


def run_single(model: FlatModel, operator: Operator, inputs: Sequence[Sequence[Array]]) -> list[list[Array]]:
    """One operator on many pictures. ``inputs``: per activation, one array a picture; so is the result per output."""
    runner = Runner(model.single(operator))
    results = [runner(*picture) for picture in zip(*inputs, strict=True)]
    return [list(output) for output in zip(*results, strict=True)]
