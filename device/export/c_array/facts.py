"""What the source files say of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgevision.records import record

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from edgevision.model_file.card import ModelCard
    from edgevision.types import Tensor, TensorSpec


@record(eq=False)
class Arena:
    """The RAM that the interpreter needs for tensors and its own records."""

    bytes: int
    """Size of the arena, a multiple of 16."""
    measured_by: str
    """Version of tflite-micro that it was measured with; empty for an estimate."""

    @property
    def origin(self) -> str:
        """Where the size is from, for users."""
        if not self.measured_by:
            return "estimated, not measured"
        return f"measured with tflite-micro {self.measured_by} on x86-64"


@record(eq=False)
class SelfTestImage:
    """An image as the model takes it, and what the model answers."""

    input: Tensor
    outputs: tuple[Tensor, ...]


@record(eq=False)
class MicroFacts:
    """All that the source files are written from."""

    name: str
    """Name of files and namespace."""
    source: str
    """Name of the model file."""
    sha256: str
    """SHA-256 of the model file."""
    card: ModelCard
    model: bytes
    """The model as it is in the array."""
    input: TensorSpec
    outputs: tuple[TensorSpec, ...]
    """Ends of that model, with fixed shapes."""
    stored: npt.NDArray[np.generic]
    """What the model stores for each byte, (channels, 256)."""
    methods: tuple[str, ...]
    """Methods of MicroMutableOpResolver that register its operators."""
    arena: Arena
    tests: tuple[SelfTestImage, ...]
