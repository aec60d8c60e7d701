"""Protocols of an engine. A class that subclasses one inherits the defaults of its optional members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeGuard

from ..errors import EngineError

if TYPE_CHECKING:
    from ..types import Tensor, TensorSpec


class Engine(Protocol):
    """A back end that runs a model."""

    @property
    def runtime(self) -> str:
        """Name of the runtime, for display."""
        return type(self).__name__

    @property
    def version(self) -> str | None:
        """Version of the runtime."""
        return None

    @property
    def threads(self) -> int | None:
        """Number of CPU threads."""
        return None

    @property
    def inputs(self) -> Sequence[TensorSpec]:
        """The model's inputs."""

    @property
    def outputs(self) -> Sequence[TensorSpec]:
        """The model's outputs."""

    def infer(self, tensor: Tensor) -> list[Tensor]:
        """Run the model once and return copies of its outputs, in the order of ``outputs``."""

    def close(self) -> None:
        """Free the runtime. Calling it twice is safe."""


class WritableEngine(Engine, Protocol):
    """An engine whose input memory can be written directly, which saves a copy."""

    def input_memory(self) -> Tensor:
        """Return a view of the input tensor. Drop it after writing, before the model runs."""

    def infer_written(self) -> list[Tensor]:
        """Run the model on what ``input_memory`` holds; otherwise like ``infer``."""

    def invoke(self) -> None:
        """Run the model on whatever its input holds, without copying the outputs; for benchmarks."""


def is_writable(engine: Engine) -> TypeGuard[WritableEngine]:
    """Return whether an engine has the methods of a ``WritableEngine``.

    ``isinstance`` would also evaluate the properties, and the version of a runtime takes 10 ms to look up.
    """
    return all(hasattr(engine, name) for name in ("input_memory", "infer_written", "invoke"))


class EngineChoice(NamedTuple):
    """The engine that runs a model, and why it was chosen."""

    requested: str = "cpu"
    """The engine as the user typed it."""
    used: str = "cpu"
    """Name of the engine in use, with the device if one was named."""
    fallback_reason: str | None = None
    """Why ``auto`` did not use a faster engine, if the user should know."""


class EngineUnavailable(EngineError):
    """The engine has nothing to run in this file; with ``auto``, this is not an error."""

    def __init__(self, message: str, notable: bool) -> None:
        super().__init__(message)
        self.notable = notable
        """Whether ``auto`` should tell the user that it used another engine."""
