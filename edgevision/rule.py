"""The preprocessing rule: how a picture becomes the model's input.

It travels in the model file and is never an option of ``run``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from .errors import BadInput

Resize = Literal["stretch", "crop", "letterbox"]
Align = Literal["center", "top_left"]
ModelOrder = Literal["RGB", "BGR", "GRAY"]
INTERPOLATION = "area_linear_exact"
"""Area reduction by halving, then bit-exact bilinear: the same bytes on every CPU. The only one there is."""
MAX_SIDE = 8192
"""Larger inputs are a damaged file, not a model."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How a picture becomes the model's input."""

    width: int
    """Pixels of the model's input."""
    height: int
    """Pixels of the model's input."""
    channels: int = 3
    """1 (gray) or 3."""
    resize: Resize = "stretch"
    """stretch: all of the picture; crop: the largest centred part of the right shape; letterbox: all, with a border."""
    crop_fraction: float = 1.0
    """0..1, how much of the largest centred part ``crop`` keeps."""
    fill: int = 0
    """0..255, the border of ``letterbox``."""
    align: Align = "center"
    """Where ``letterbox`` puts the picture."""
    interpolation: str = INTERPOLATION
    order: ModelOrder = "RGB"
    """What the model's input tensor holds."""
    mean: tuple[float, ...] = (0.0,)
    """One value, or one a channel, in units of the 0..255 pixel: real = (pixel - mean) / std."""
    std: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        _check(1 <= self.width <= MAX_SIDE and 1 <= self.height <= MAX_SIDE, "size", (self.width, self.height))
        _check(self.channels in (1, 3), "channels", self.channels)
        _check(self.resize in get_args(Resize), "resize", self.resize)
        _check(0.0 < self.crop_fraction <= 1.0, "crop_fraction", self.crop_fraction)
        _check(0 <= self.fill <= 255, "fill", self.fill)
        _check(self.align in get_args(Align), "align", self.align)
        _check(self.interpolation == INTERPOLATION, "interpolation", self.interpolation)
        _check(self.order in get_args(ModelOrder), "order", self.order)
        _check((self.order == "GRAY") == (self.channels == 1), "order", (self.order, self.channels))
        for name, values in (("mean", self.mean), ("std", self.std)):
            _check(len(values) in (1, self.channels) and all(abs(v) < 1e6 for v in values), name, values)
        _check(all(v > 0 for v in self.std), "std", self.std)

    @property
    def scalar(self) -> bool:
        """Whether one mean and one std serve all channels (what an input's quantization can express)."""
        return len(set(self.mean)) == 1 and len(set(self.std)) == 1

    def to_json(self) -> dict[str, Any]:
        """Plain values, in the order of the fields."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_json(cls, value: object) -> Rule:
        """Reads what ``to_json`` wrote; unknown keys are ignored. Raises BadInput."""
        if not isinstance(value, dict):
            raise BadInput(f"the preprocessing rule must be an object, not {type(value).__name__}")
        known = {k: v for k, v in value.items() if k in cls.__dataclass_fields__}
        for key in ("mean", "std"):
            if key in known:
                known[key] = _numbers(key, known[key])
        try:
            return cls(**known)
        except TypeError as error:
            raise BadInput(f"the preprocessing rule is incomplete or of the wrong type: {error}") from None

    def describe(self) -> str:
        """One line for people: ``224x224 RGB, crop 0.875, (pixel - 127.5) / 127.5``."""
        shape = f"{self.width}x{self.height} {self.order}"
        part = f" {self.crop_fraction:g}" if self.resize == "crop" else ""
        return f"{shape}, {self.resize}{part}, (pixel - {_short(self.mean)}) / {_short(self.std)}"


def _check(good: bool, name: str, value: object) -> None:
    if not good:
        raise BadInput(f"the preprocessing rule has a bad {name}: {value!r}")


def _numbers(key: str, value: Any) -> tuple[float, ...]:
    items = value if isinstance(value, (list, tuple)) else [value]
    if not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in items):
        raise BadInput(f"the preprocessing rule has a bad {key}: {value!r}")
    return tuple(float(v) for v in items)


def _short(values: tuple[float, ...]) -> str:
    return f"{values[0]:g}" if len(set(values)) == 1 else "[" + ", ".join(f"{v:g}" for v in values) + "]"
